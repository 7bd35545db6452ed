package signing_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/signing"
)

// flip returns text with one bit changed; which says which.
func flip(text string, which uint) string {
	b := []byte(text)
	which %= uint(len(b)) * 8
	b[which/8] ^= 1 << (which % 8)
	return string(b)
}

// What Sign signs verifies, also in the official library, and nothing verifies once any bit is another.
func FuzzStandardWebhooks(f *testing.F) {
	f.Add("msg_1", int64(vectorUnix), []byte(vectorPayload), uint(0), false)
	f.Add("~", int64(0), []byte{}, uint(77), true)
	f.Add("a.b", int64(-1), []byte("."), uint(300), true)
	f.Fuzz(func(t *testing.T, id string, unix int64, payload []byte, which uint, asymmetric bool) {
		s, secret, public := signing.StandardWebhooks(), vectorSecret, vectorSecret
		if asymmetric {
			secret, public = vectorSecretKey, vectorPublicKey
		}
		h, err := s.Sign(t.Context(), signing.Message{ID: id, Timestamp: time.Unix(unix, 0), Payload: payload}, []string{secret})
		if err != nil {
			if !errors.Is(err, signing.ErrInvalidMessage) {
				t.Fatalf("Sign: %v", err)
			}
			return
		}
		verify := func(h http.Header, payload []byte) error {
			return signing.Verify(s, h, payload, []string{public}, anyTime)
		}
		if err := verify(h, payload); err != nil {
			t.Fatalf("Verify: %v", err)
		}
		if !asymmetric {
			officialVerifies(t, h, payload, secret)
		}
		for name := range h {
			changed := h.Clone()
			changed.Set(name, flip(h.Get(name), which))
			if verify(changed, payload) == nil {
				t.Errorf("verifies with %s %q instead of %q", name, changed.Get(name), h.Get(name))
			}
		}
		if verify(h, append(payload, 0)) == nil {
			t.Error("verifies with a longer payload")
		}
		if len(payload) > 0 && verify(h, []byte(flip(string(payload), which))) == nil {
			t.Error("verifies with another payload")
		}
	})
}

func FuzzSHA256(f *testing.F) {
	f.Add([]byte(githubPayload), githubSecret, uint(0))
	f.Add([]byte{}, "short", uint(99))
	f.Fuzz(func(t *testing.T, payload []byte, secret string, which uint) {
		s := signing.SHA256(githubHeader)
		h, err := s.Sign(t.Context(), signing.Message{Payload: payload}, []string{secret})
		if err != nil {
			if s.CheckSecret(secret) == nil {
				t.Fatalf("CheckSecret accepts what Sign refuses: %v", err)
			}
			return
		}
		verify := func(signature string, payload []byte) error {
			return signing.Verify(s, http.Header{githubHeader: {signature}}, payload, []string{secret}, signing.VerifyOptions{})
		}
		signature := h.Get(githubHeader)
		if err := verify(signature, payload); err != nil {
			t.Fatalf("Verify: %v", err)
		}
		if verify(flip(signature, which), payload) == nil {
			t.Errorf("verifies with %q instead of %q", flip(signature, which), signature)
		}
		if verify(signature, append(payload, 0)) == nil {
			t.Error("verifies with a longer payload")
		}
		if len(payload) > 0 && verify(signature, []byte(flip(string(payload), which))) == nil {
			t.Error("verifies with another payload")
		}
	})
}

// Whatever a stranger writes into the headers, Verify neither panics nor accepts: the receiver's secrets have signed nothing.
func FuzzVerify(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorV1+" "+vectorV1a, githubSignature, []byte("{}"), "whpk_")
	f.Add("", "+1", " v1a,====  v1 ,", "sha256=", []byte(nil), vectorSecret)
	f.Add("a.b", "9999999999999999999", strings.Repeat("v1a,AA ", 700), "SHA256", []byte("x"), "")
	scheme := signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix, signing.PrefixWebhook))
	unknown := mustNewSecret(f, scheme)
	unknownPair, err := signing.NewAsymmetricSecret()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp, signatures, hexSignature string, payload []byte, secret string) {
		h := http.Header{}
		h.Set("svix-id", id)
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", timestamp)
		h.Set("webhook-signature", signatures)
		h.Set(githubHeader, hexSignature)
		h.Set("X-Previous", signatures)
		for _, s := range []signing.Scheme{scheme, signing.SHA256(githubHeader, signing.PreviousHeader("X-Previous"))} {
			if err := signing.Verify(s, h, payload, []string{unknown, unknownPair}, anyTime); err == nil {
				t.Errorf("%v accepts headers that nobody signed", s)
			}
			_ = signing.Verify(s, h, payload, []string{secret}, signing.VerifyOptions{}) // must not panic
		}
	})
}

// The errors that a secret can cause are a fixed set of sentences, so none contains a part of a secret.
func FuzzSecretErrors(f *testing.F) {
	for _, secret := range []string{
		"", "whsec_", "whsk_", "whpk_", vectorSecret, vectorSecretKey, vectorPublicKey, githubSecret,
		"whsk_" + b64(64), "whsk_" + b64(31), "whpk_" + b64(31), "whsec_" + b64(65), "sixteen letters\x00",
	} {
		f.Add(secret)
	}
	const of1 = "secret 1 of 1: "
	sentences := map[string]bool{
		"is not standard padded base64 (after the prefix whsec_, whsk_ or whpk_, if it has one)": true,
		"is a public key (whpk_), which can only verify: signing needs the secret key (whsk_)":   true,
		"has no whsk_ prefix: only an ed25519 secret key has a public key":                       true,
		"has a whpk_ prefix but does not decode to 32 bytes":                                     true,
		"has a whsk_ prefix but does not decode to 32 or 64 bytes":                               true,
		"has a whsk_ prefix but its public half does not belong to its secret half":              true,
		"does not decode to 24 to 64 bytes":                                                      true,
		"does not have 16 to 256 characters":                                                     true,
		"contains a character that is not printable ASCII":                                       true,
		"is an ed25519 key (whsk_, whpk_), not a secret for HMAC":                                true,
	}
	f.Fuzz(func(t *testing.T, secret string) {
		check := func(err error, frame string) {
			var refused *signing.SecretError
			if !errors.As(err, &refused) {
				return
			}
			if !sentences[refused.Reason] {
				t.Errorf("unknown reason %q", refused.Reason)
			}
			if got, want := err.Error(), frame+"signing: the secret "+refused.Reason; got != want {
				t.Errorf("error %q, want %q", got, want)
			}
		}
		_, err := signing.PublicKey(secret)
		check(err, "")
		for _, s := range []signing.Scheme{signing.StandardWebhooks(), signing.SHA256(githubHeader)} {
			check(s.CheckSecret(secret), "")
			check(signing.CheckSecrets(s, []string{secret}), of1)
			_, err := s.Sign(t.Context(), vectorMessage(), []string{secret})
			check(err, of1)
			h := signatureHeader(otherV1)
			h.Set(githubHeader, githubSignature)
			err = signing.Verify(s, h, []byte("{}"), []string{secret}, anyTime)
			check(err, signing.ErrNoMatchingSignature.Error()+": "+of1)
		}
	})
}
