package sender

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

const redacted = "[redacted]"

// sensitiveWords mark a header whose value may be a credential.
var sensitiveWords = []string{"auth", "cookie", "credential", "key", "passw", "secret", "session", "token"}

// The bounds of a recorded header: a stranger chooses what is in an answer's.
const (
	maxRecordedHeaders     = 100
	maxRecordedHeaderValue = 2048
)

// redactHeader returns a copy fit to be stored: credentials are replaced, and
// what a stranger sent is made safe to show.
func redactHeader(header http.Header) http.Header {
	safe := make(http.Header, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if len(safe) == maxRecordedHeaders {
			break
		}
		for _, value := range header[name] {
			if sensitive(name) {
				value = redacted
			}
			safe[name] = append(safe[name], clean(value, maxRecordedHeaderValue))
		}
	}
	return safe
}

func sensitive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(sensitiveWords, func(word string) bool { return strings.Contains(name, word) })
}

// hide removes the secrets from a text, in case code of the host put them into
// an error.
func hide(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	return text
}
