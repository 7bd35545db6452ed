package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/signing"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	const body = `{"order": 17}`
	message := signing.Message{ID: "order-17", Timestamp: time.Now(), Payload: []byte(body)}
	header, err := signing.StandardWebhooks().Sign(t.Context(), message, []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		secret, body string
		status       int
	}{
		{secret, body, http.StatusNoContent},
		{secret, body + " ", http.StatusUnauthorized},
		{"", body + " ", http.StatusNoContent},
		{"", strings.Repeat("x", 2<<20), http.StatusBadRequest},
	} {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
		req.Header = header
		got := httptest.NewRecorder()
		receive(tc.secret).ServeHTTP(got, req)
		if got.Code != tc.status {
			t.Errorf("secret %q, %d bytes: %d, want %d", tc.secret, len(tc.body), got.Code, tc.status)
		}
	}
}
