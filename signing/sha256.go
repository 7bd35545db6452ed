package signing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	minSHA256Secret = 16
	maxSHA256Secret = 256
	newSHA256Secret = 32 // random bytes, so 64 characters of hex
	sha256Prefix    = "sha256="
)

// SHA256Option changes what [SHA256] returns.
type SHA256Option func(*sha256Scheme)

// PreviousHeader names a second header, which carries the signature by the second newest secret while there is one.
// A customer whose receiver looks at both headers can change the secret without losing a webhook. Defaults to none.
func PreviousHeader(name string) SHA256Option {
	return func(s *sha256Scheme) { s.headers = append(s.headers[:1:1], name) }
}

// SHA256 returns the scheme of Jasper's webhooks ("Security", X-Jasper-Signature) and of GitHub's
// ("Validating webhook deliveries", X-Hub-Signature-256): one header of the given name with
//
//	sha256=<HMAC-SHA256 of the payload, 64 lower-case hexadecimal digits>
//
// The key is the secret's bytes as the customer sees them, decoded from nothing. A secret has 16 to 256 printable ASCII
// characters; spaces are among them. Keys of Standard Webhooks' ed25519 (whsk_, whpk_) are refused: the public one
// would let everyone who knows it sign. NewSecret makes 64 hexadecimal digits.
//
// Know what the scheme does not do. It signs neither id nor time, so a request that was once sent can be replayed for
// ever and VerifyOptions has no effect. And a header has room for one signature: it is made with the newest secret,
// so from the moment of a rotation every receiver that still has the old one refuses, unless there is a PreviousHeader.
// Secrets beyond those are not used.
//
// The scheme is safe for concurrent use and implements [Verifier] and [Validator]. Its Verify passes when either
// header carries a signature by any of the secrets; the first header must be there.
func SHA256(header string, opts ...SHA256Option) Scheme {
	s := &sha256Scheme{headers: []string{header}}
	for _, opt := range opts {
		opt(s)
	}
	s.err = s.check()
	return s
}

type sha256Scheme struct {
	headers []string // headers[i] carries the signature by secrets[i]; one or two
	err     error    // what Validate returns
}

var (
	_ Verifier     = (*sha256Scheme)(nil)
	_ Validator    = (*sha256Scheme)(nil)
	_ fmt.Stringer = (*sha256Scheme)(nil)
)

func (s *sha256Scheme) check() error {
	var errs []error
	for _, name := range s.headers {
		if !validHeaderName(name) {
			errs = append(errs, fmt.Errorf("signing: SHA256: %q is not a header name that a signature can have", name))
		}
	}
	if len(s.headers) == 2 && strings.EqualFold(s.headers[0], s.headers[1]) {
		errs = append(errs, fmt.Errorf("signing: SHA256: PreviousHeader has the name of the first header, %q", s.headers[0]))
	}
	return errors.Join(errs...)
}

func (s *sha256Scheme) Validate() error { return s.err }

func (s *sha256Scheme) String() string { return "SHA256(" + strings.Join(s.headers, ", ") + ")" }

func (s *sha256Scheme) HeaderNames() []string {
	names := make([]string, len(s.headers))
	for i, name := range s.headers {
		names[i] = http.CanonicalHeaderKey(name)
	}
	return names
}

func (s *sha256Scheme) NewSecret() (string, error) {
	return hex.EncodeToString(randomBytes(newSHA256Secret)), nil
}

func (s *sha256Scheme) CheckSecret(secret string) error {
	if len(secret) < minSHA256Secret || len(secret) > maxSHA256Secret {
		return &SecretError{"does not have 16 to 256 characters"}
	}
	for i := range len(secret) {
		if c := secret[i]; c < ' ' || c > '~' {
			return &SecretError{"contains a character that is not printable ASCII"}
		}
	}
	if strings.HasPrefix(secret, prefixSecretKey) || strings.HasPrefix(secret, prefixPublicKey) {
		return &SecretError{"is an ed25519 key (whsk_, whpk_), not a secret for HMAC"}
	}
	return nil
}

func (s *sha256Scheme) Sign(_ context.Context, m Message, secrets []string) (http.Header, error) {
	if s.err != nil {
		return nil, s.err
	}
	if len(secrets) == 0 {
		return nil, ErrNoSecret
	}
	h := make(http.Header, len(s.headers))
	for i, secret := range secrets[:min(len(secrets), len(s.headers))] {
		if err := s.CheckSecret(secret); err != nil {
			return nil, atSecret(i, len(secrets), err)
		}
		h.Set(s.headers[i], sha256Signature(m.Payload, secret))
	}
	return h, nil
}

func (s *sha256Scheme) Verify(h http.Header, payload []byte, secrets []string, _ VerifyOptions) error {
	if s.err != nil {
		return s.err
	}
	signatures := make([]string, 0, len(s.headers))
	for i, name := range s.headers {
		signature, err := headerValue(h, name, len(sha256Prefix)+hex.EncodedLen(sha256.Size))
		if i > 0 && errors.Is(err, ErrMissingHeader) {
			continue // there is no older secret at the moment
		}
		if err != nil {
			return err
		}
		signatures = append(signatures, signature)
	}
	return matchAny(secrets, func(secret string) (bool, error) {
		if err := s.CheckSecret(secret); err != nil {
			return false, err
		}
		want := sha256Signature(payload, secret)
		for _, got := range signatures {
			if hmac.Equal([]byte(got), []byte(want)) {
				return true, nil
			}
		}
		return false, nil
	})
}

func sha256Signature(payload []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(payload)
	return sha256Prefix + hex.EncodeToString(mac.Sum(nil))
}
