package sender

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/outhook/outhook/store"
)

const redacted = "[redacted]"

// sensitiveWords mark a header whose value may be a credential.
var sensitiveWords = []string{"auth", "cookie", "credential", "key", "passw", "secret", "session", "token"}

// The bounds of a recorded header: a stranger chooses what is in an answer's.
const (
	maxRecordedHeaders     = 100 // lines
	maxRecordedHeaderName  = 256
	maxRecordedHeaderValue = 2048
	maxRecordedHeaderBytes = 16 << 10 // of names and values
)

// redactHeader returns a copy fit to be stored: credentials are replaced, those
// of secrets wherever they stand, and what a stranger sent is made safe to show.
// What is beyond the bounds is left out, in the order of the names.
func redactHeader(header http.Header, secrets ...string) http.Header {
	safe := make(http.Header, min(len(header), maxRecordedHeaders))
	lines, size := 0, 0
	for _, name := range slices.Sorted(maps.Keys(header)) {
		shown := clean(hide(name, secrets...), maxRecordedHeaderName)
		for _, value := range header[name] {
			if sensitive(name) {
				value = redacted
			}
			value = clean(hide(value, secrets...), maxRecordedHeaderValue)
			lines, size = lines+1, size+len(shown)+len(value)
			if lines > maxRecordedHeaders || size > maxRecordedHeaderBytes {
				return safe
			}
			safe[shown] = append(safe[shown], value)
		}
	}
	return safe
}

func sensitive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(sensitiveWords, func(word string) bool { return strings.Contains(name, word) })
}

// fewer returns header, or if it has more lines than are recorded, the first of
// them and Retry-After: a header of many short lines takes a hundred times the
// memory of its bytes, and is kept as long as the body is read.
func fewer(header http.Header) http.Header {
	lines := 0
	for _, values := range header {
		lines += len(values)
	}
	if lines <= maxRecordedHeaders {
		return header
	}
	few := make(http.Header, maxRecordedHeaders)
	left := maxRecordedHeaders - 1
	for _, name := range append([]string{"Retry-After"}, slices.Sorted(maps.Keys(header))...) {
		if _, have := few[name]; have || len(header[name]) == 0 {
			continue
		}
		few[name] = slices.Clone(header[name][:min(left, len(header[name]))])
		if left -= len(few[name]); left == 0 {
			break
		}
	}
	return few
}

// hide removes the secrets from a text: a stranger may send back what it was
// sent, and code of the host may put a secret into an error.
func hide(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	return text
}

// hideInBody is hide for a body, which does not become longer by it: receivers that are
// being set up answer with the request. One that was truncated may end in the middle of a
// secret.
func hideInBody(body []byte, truncated bool, secrets []string) (hidden []byte, cut bool) {
	hidden = body
	if truncated {
		hidden = withoutTail(body, secrets)
	}
	for _, secret := range secrets {
		if secret != "" && bytes.Contains(hidden, []byte(secret)) {
			hidden = bytes.ReplaceAll(hidden, []byte(secret), []byte(redacted))
		}
	}
	if len(hidden) > len(body) { // "[redacted]" is longer than some
		return hidden[:len(body)], true
	}
	return hidden, truncated
}

// withoutTail returns body without the beginning of a secret that it ends with.
func withoutTail(body []byte, secrets []string) []byte {
	for _, secret := range secrets {
		for n := min(len(secret)-1, len(body)); n >= shortestCredential; n-- {
			if bytes.HasSuffix(body, []byte(secret[:n])) {
				return body[:len(body)-n]
			}
		}
	}
	return body
}

// shortestCredential: a shorter value of an endpoint's header or query is too
// likely to be part of an innocent text.
const shortestCredential = 8

// secretsOf returns what must not be recorded of an endpoint: its secrets, the
// values of its headers, whole and without what is before a space, as in
// "Bearer …", and its URL's query with the values in it, which redirects repeat.
// The longest come first: one may begin as another does.
func secretsOf(endpoint store.Endpoint) []string {
	values := make([]string, 0, len(endpoint.Secrets))
	for _, secret := range endpoint.Secrets {
		values = append(values, secret.Value)
	}
	add := func(candidates ...string) {
		for _, value := range candidates {
			if len(value) < shortestCredential {
				continue
			}
			values = append(values, value)
			if quoted := strconv.Quote(value); len(quoted) > len(value)+2 { // as errors of net/http show it
				values = append(values, quoted[1:len(quoted)-1])
			}
		}
	}
	for _, of := range endpoint.Headers {
		for _, value := range of {
			add(value, value[strings.LastIndexByte(value, ' ')+1:])
		}
	}
	_, query, _ := strings.Cut(endpoint.URL, "?")
	add(query)
	for pair := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(value)
		if add(value); err == nil && plain != value {
			add(plain)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return values
}

const maxErrorText = 500

// clean makes text of a stranger fit to be stored and shown: valid UTF-8, one
// line of printable characters, at most so many bytes and an ellipsis.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
