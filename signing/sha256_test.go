package signing_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/signing"
)

func TestSHA256Vectors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ header, secret, payload, want string }{
		"github": {githubHeader, githubSecret, githubPayload, githubSignature},
		// Jasper's document gives the scheme and this secret, but no value: computed with openssl dgst -hmac.
		"jasper": {
			"X-Jasper-Signature", "your-webhook-secret", `{"event":"content.created"}`,
			"sha256=4b2add1e6648253e8cb496dfed247f1d52aced880919743195f53231a7aed5d6",
		},
		// The whole text of a Standard Webhooks secret is the key; computed with Python's hmac module.
		"whsec": {
			"x-legacy", vectorSecret, vectorPayload,
			"sha256=80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signing.SHA256(tt.header)
			h := mustSign(t, s, signing.Message{Payload: []byte(tt.payload)}, tt.secret)
			if want := (http.Header{http.CanonicalHeaderKey(tt.header): {tt.want}}); !reflect.DeepEqual(h, want) {
				t.Errorf("Sign = %v\nwant   %v", h, want)
			}
			if err := signing.Verify(s, h, []byte(tt.payload), []string{tt.secret}, signing.VerifyOptions{}); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestSHA256Rotation(t *testing.T) {
	t.Parallel()
	const previous = "previous-secret-0"
	const previousSignature = "sha256=ccedd5816011da846294737eca2a4b0e916c08373fc767743770ecba0b59200f" // Python's hmac module
	m := signing.Message{Payload: []byte(githubPayload)}
	secrets := []string{githubSecret, previous, "oldest-secret-of-three"}

	alone := mustSign(t, signing.SHA256(githubHeader), m, secrets...)
	if want := (http.Header{githubHeader: {githubSignature}}); !reflect.DeepEqual(alone, want) {
		t.Errorf("without PreviousHeader: %v, want %v", alone, want)
	}

	s := signing.SHA256(githubHeader, signing.PreviousHeader("ignored"), signing.PreviousHeader("x-hub-signature-256-previous"))
	if got, want := s.HeaderNames(), []string{githubHeader, "X-Hub-Signature-256-Previous"}; !slices.Equal(got, want) {
		t.Errorf("HeaderNames = %q, want %q", got, want)
	}
	both := mustSign(t, s, m, secrets...)
	want := http.Header{githubHeader: {githubSignature}, "X-Hub-Signature-256-Previous": {previousSignature}}
	if !reflect.DeepEqual(both, want) {
		t.Errorf("with PreviousHeader: %v, want %v", both, want)
	}
	for _, secret := range secrets[:2] {
		if err := signing.Verify(s, both, m.Payload, []string{secret}, signing.VerifyOptions{}); err != nil {
			t.Errorf("Verify: %v", err)
		}
	}
	if err := signing.Verify(s, both, m.Payload, secrets[2:], signing.VerifyOptions{}); !errors.Is(err, signing.ErrNoMatchingSignature) {
		t.Errorf("Verify with a secret that did not sign: %v", err)
	}

	one := mustSign(t, s, m, githubSecret)
	if !reflect.DeepEqual(one, alone) {
		t.Errorf("after the rotation: %v, want %v", one, alone)
	}
	if err := signing.Verify(s, one, m.Payload, secrets, signing.VerifyOptions{}); err != nil {
		t.Errorf("Verify without the previous header: %v", err)
	}
}

func TestSHA256CheckSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ secret, reason string }{
		"16 characters":  {strings.Repeat("x", 16), ""},
		"256 characters": {strings.Repeat("~", 256), ""},
		"spaces":         {githubSecret, ""},
		"whsec":          {vectorSecret, ""},
		"empty":          {"", "16 to 256"},
		"15 characters":  {strings.Repeat("x", 15), "16 to 256"},
		"257 characters": {strings.Repeat("x", 257), "16 to 256"},
		"line break":     {"your-webhook-secret\n", "printable ASCII"},
		"delete":         {"your-webhook-secret\x7f", "printable ASCII"},
		"not ASCII":      {"dein-webhook-schlüssel", "printable ASCII"},
		"secret key":     {vectorSecretKey, "ed25519"},
		"public key":     {vectorPublicKey, "ed25519"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signing.SHA256("X-Signature")
			checkReason(t, s.CheckSecret(tt.secret), tt.reason)
			_, err := s.Sign(t.Context(), vectorMessage(), []string{tt.secret})
			checkReason(t, err, tt.reason)
		})
	}
	if _, err := signing.SHA256("X-Signature").Sign(t.Context(), vectorMessage(), nil); !errors.Is(err, signing.ErrNoSecret) {
		t.Errorf("no secrets: %v, want ErrNoSecret", err)
	}
}

func TestSHA256FaultyHeader(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]signing.Scheme{
		"empty":          signing.SHA256(""),
		"space":          signing.SHA256("X Signature"),
		"line break":     signing.SHA256("X-Signature\r\nX-Evil"),
		"not ASCII":      signing.SHA256("X-Sigñature"),
		"colon":          signing.SHA256("X-Signature:"),
		"framing":        signing.SHA256("content-length"),
		"previous":       signing.SHA256("X-Signature", signing.PreviousHeader("")),
		"previous, same": signing.SHA256("X-Signature", signing.PreviousHeader("x-signature")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := signing.Validate(s)
			if want == nil {
				t.Fatal("Validate found no fault")
			}
			if _, err := s.Sign(t.Context(), vectorMessage(), []string{githubSecret}); !errors.Is(err, want) {
				t.Errorf("Sign: %v, want %v", err, want)
			}
			if err := signing.Verify(s, http.Header{}, nil, []string{githubSecret}, anyTime); !errors.Is(err, want) {
				t.Errorf("Verify: %v, want %v", err, want)
			}
		})
	}
	// Every fault at once.
	err := signing.Validate(signing.SHA256("", signing.PreviousHeader("a b")))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("Validate = %v, want two faults", err)
	}
}
