package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/signing"
)

// receiver is a customer's server: it verifies each request, and is broken on
// demand. Both products promise https, which it has.
type receiver struct {
	server *httptest.Server

	mu       sync.Mutex
	scheme   signing.Scheme
	secret   string
	broken   int // the status it fails with; 0 while it works
	requests []request
}

// request is what a receiver got.
type request struct {
	header  http.Header
	body    []byte
	genuine error // nil if the signature is right
}

const (
	goodAnswer = "Thanks, the ticket is filed"
	badAnswer  = "no space left on device"
)

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewTLSServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) url() string { return r.server.URL + "/hooks" }

// verify tells it the secret, as a customer does who copies it.
func (r *receiver) verify(p sender.Profile, secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scheme, r.secret = p.Signing, secret
}

// breakWith makes it fail with a status; 0 mends it.
func (r *receiver) breakWith(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = status
}

// got returns what came so far.
func (r *receiver) got() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	got := request{header: req.Header.Clone(), body: body}
	if r.scheme != nil {
		got.genuine = signing.Verify(r.scheme, req.Header, body, []string{r.secret}, signing.VerifyOptions{})
	}
	r.requests = append(r.requests, got)
	w.Header().Set("X-Answered-By", "ticket-robot")
	switch {
	case got.genuine != nil:
		w.WriteHeader(http.StatusUnauthorized)
	case r.broken != 0:
		w.WriteHeader(r.broken)
		_, _ = io.WriteString(w, badAnswer)
	default:
		_, _ = io.WriteString(w, goodAnswer)
	}
}
