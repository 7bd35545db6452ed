package signing

import (
	"fmt"
	"net/http"
	"strings"
)

// validHeaderName returns whether a signature can travel under a name: it is a token (RFC 9110, section 5.6.2), and
// neither the HTTP client nor a proxy sets, reads or drops a header of that name for purposes of its own.
func validHeaderName(name string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		if !isTokenByte(name[i]) {
			return false
		}
	}
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Keep-Alive", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent":
		return false
	}
	return true
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// headerValue returns the one value of a header. Two values are refused: a receiver could verify one and use the other.
func headerValue(h http.Header, name string, maxLength int) (string, error) {
	values := h.Values(name)
	if len(values) > 1 {
		return "", malformed(name, "is there more than once")
	}
	if len(values) == 0 || values[0] == "" {
		return "", fmt.Errorf("%w: %s", ErrMissingHeader, name)
	}
	if len(values[0]) > maxLength {
		return "", malformed(name, fmt.Sprintf("has %d bytes, at most %d are allowed", len(values[0]), maxLength))
	}
	return values[0], nil
}

func malformed(name, reason string) error {
	return fmt.Errorf("%w: %s %s", ErrMalformedHeader, name, reason)
}
