package sendertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/signing"
)

// Receiver is an endpoint: an HTTP server on a loopback address that keeps
// each request, checks its signature, and answers as it was told. It is safe
// for concurrent use.
type Receiver struct {
	server *httptest.Server
	scheme signing.Scheme

	mu       sync.Mutex
	secrets  []string
	script   []Answer
	requests []Request
	changed  chan struct{} // closed and replaced at each request
	gone     chan struct{} // closed by Close
}

// Request is what a Receiver got.
type Request struct {
	// Method, Path (with the query), Header and Body are as they came.
	Method string
	Path   string
	Header http.Header
	Body   []byte
	// ReceivedAt is when the request had come in whole.
	ReceivedAt time.Time
	// VerifyErr is what the signature check said: nil if it is genuine, or if
	// the Receiver has no scheme.
	VerifyErr error
}

// NewReceiver starts a Receiver that accepts every request with 200. It is
// closed when the test ends. Requests are verified with the scheme and the
// secrets; a nil scheme verifies nothing. A request that is not genuine gets
// 401 in place of the scripted answer.
func NewReceiver(t testing.TB, scheme signing.Scheme, secrets ...string) *Receiver {
	r := StartReceiver(scheme, secrets...)
	t.Cleanup(r.Close)
	return r
}

// StartReceiver is NewReceiver without a test. The caller closes it.
func StartReceiver(scheme signing.Scheme, secrets ...string) *Receiver {
	r := &Receiver{
		scheme: scheme, secrets: secrets,
		changed: make(chan struct{}), gone: make(chan struct{}),
	}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	return r
}

// URL is the Receiver's address, http://127.0.0.1:port.
func (r *Receiver) URL() string { return r.server.URL }

// Close ends the Receiver, and with it every answer that hangs.
func (r *Receiver) Close() {
	r.mu.Lock()
	select {
	case <-r.gone:
	default:
		close(r.gone)
	}
	r.mu.Unlock()
	r.server.CloseClientConnections()
	r.server.Close()
}

// SetSecrets changes the secrets, as a customer does during a rotation.
func (r *Receiver) SetSecrets(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = secrets
}

// Script sets the answers to the next requests, one each, whatever path they
// are for. The last one answers all that follow. No answers means 200.
func (r *Receiver) Script(answers ...Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = answers
}

// Requests returns what came so far, in order.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Wait returns the requests once there are n or more, or an error when ctx is
// done before.
func (r *Receiver) Wait(ctx context.Context, n int) ([]Request, error) {
	for {
		r.mu.Lock()
		requests, changed := slices.Clone(r.requests), r.changed
		r.mu.Unlock()
		if len(requests) >= n {
			return requests, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return requests, fmt.Errorf("%d of %d requests came: %w", len(requests), n, ctx.Err())
		}
	}
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender went away
	}
	answer, genuine := r.keep(Request{
		Method: req.Method, Path: req.URL.RequestURI(), Header: req.Header.Clone(),
		Body: body, ReceivedAt: time.Now(),
	})
	if !genuine {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, req, r.gone)
}

// keep records the request and takes the next answer.
func (r *Receiver) keep(req Request) (answer Answer, genuine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scheme != nil {
		req.VerifyErr = signing.Verify(r.scheme, req.Header, req.Body, r.secrets, signing.VerifyOptions{})
	}
	r.requests = append(r.requests, req)
	close(r.changed)
	r.changed = make(chan struct{})
	if req.VerifyErr != nil {
		return nil, false
	}
	answer = Status(http.StatusOK)
	if len(r.script) > 0 {
		answer = r.script[0]
	}
	if len(r.script) > 1 {
		r.script = r.script[1:]
	}
	return answer, true
}
