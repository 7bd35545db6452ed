// Package customer is the other side of the examples: a customer's server that
// verifies what reaches it. None of its code is Outhook's, so that a mistake of
// Outhook cannot cancel itself out.
package customer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Verified is the body of an answer to a request whose signature verified,
// whatever the status.
const Verified = "signature verified"

// Verify returns nil if a request is genuine.
type Verify func(secret string, header http.Header, body []byte) error

// Server is a customer's server, on a loopback address.
type Server struct {
	*httptest.Server
	verify Verify

	mu       sync.Mutex
	secret   string
	failures int // still to come
}

// Start starts a server that answers 401 to what does not verify, 500 to the
// first requests that do, as many as failures says, and then 200. The caller
// closes it.
func Start(verify Verify, failures int) *Server {
	s := &Server{verify: verify, failures: failures}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// SetSecret tells the server the secret of its endpoint.
func (s *Server) SetSecret(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = secret
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.verify(s.secret, r.Header, body); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, err)
		return
	}
	if s.failures > 0 {
		s.failures--
		w.WriteHeader(http.StatusInternalServerError)
	}
	fmt.Fprint(w, Verified)
}

// VerifyJam verifies with the Standard Webhooks project's own library. That
// knows the headers by their webhook-* names, which Jam does not use.
func VerifyJam(secret string, header http.Header, body []byte) error {
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	renamed := http.Header{}
	for _, name := range []string{"id", "timestamp", "signature"} {
		renamed.Set("webhook-"+name, header.Get("svix-"+name))
	}
	return webhook.Verify(body, renamed)
}

// VerifyJasper does what Jasper's page tells receivers to do.
func VerifyJasper(secret string, header http.Header, body []byte) error {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	expected := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(expected), []byte(header.Get("X-Jasper-Signature"))) {
		return errors.New("invalid signature")
	}
	return nil
}
