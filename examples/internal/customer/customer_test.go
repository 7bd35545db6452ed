package customer_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/customer"
	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/signing"
)

// What verifies, and what must not: were these servers to accept anything, the
// examples would prove nothing.
func TestServer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scheme signing.Scheme
		verify customer.Verify
	}{
		"jam":    {jam.Profile().Signing, customer.VerifyJam},
		"jasper": {jasper.Profile().Signing, customer.VerifyJasper},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, other := newSecret(t, tc.scheme), newSecret(t, tc.scheme)
			s := customer.Start(tc.verify, 1)
			t.Cleanup(s.Close)
			s.SetSecret(secret)
			payload := []byte(`{"a":1}`)
			header := sign(t, tc.scheme, payload, secret)

			wantAnswer(t, s, nil, payload, http.StatusUnauthorized)
			wantAnswer(t, s, sign(t, tc.scheme, payload, other), payload, http.StatusUnauthorized)
			wantAnswer(t, s, header, []byte(`{"a":2}`), http.StatusUnauthorized)
			wantAnswer(t, s, header, payload, http.StatusInternalServerError)
			wantAnswer(t, s, header, payload, http.StatusOK)
		})
	}
}

func newSecret(t *testing.T, scheme signing.Scheme) string {
	t.Helper()
	secret, err := scheme.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func sign(t *testing.T, scheme signing.Scheme, payload []byte, secret string) http.Header {
	t.Helper()
	m := signing.Message{ID: "evt_1", Timestamp: time.Now(), Payload: payload}
	header, err := scheme.Sign(t.Context(), m, []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	return header
}

func wantAnswer(t *testing.T, s *customer.Server, header http.Header, body []byte, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	genuine := status != http.StatusUnauthorized
	if res.StatusCode != status || (string(answer) == customer.Verified) != genuine {
		t.Errorf("answer %d %q, want %d and genuine: %t", res.StatusCode, answer, status, genuine)
	}
}
