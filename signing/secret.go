package signing

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// Prefixes of Standard Webhooks secrets (spec, "Signature scheme", row "Secret serialization").
const (
	prefixSymmetric = "whsec_"
	prefixSecretKey = "whsk_"
	prefixPublicKey = "whpk_"
)

// Sizes of a symmetric secret once decoded (spec, "Signature scheme", row "Signing secret").
const (
	minSymmetric = 24
	maxSymmetric = 64
	newSymmetric = 32
)

// SecretError says why a secret cannot be used. Its text can be shown to anyone: it never contains the secret.
type SecretError struct {
	// Reason completes the sentence "the secret …".
	Reason string
}

func (e *SecretError) Error() string { return "signing: the secret " + e.Reason }

// NewAsymmetricSecret makes an ed25519 secret key for [StandardWebhooks]: whsk_ and the base64 of seed and public key,
// 64 bytes, as Svix writes it. The customer gets its [PublicKey], never the secret itself.
func NewAsymmetricSecret() (string, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", fmt.Errorf("signing: make an ed25519 key: %w", err)
	}
	return prefixSecretKey + base64.StdEncoding.EncodeToString(private), nil
}

// PublicKey returns the public key (whpk_…) that belongs to an ed25519 secret key (whsk_…): what a customer needs to
// verify, and may be published. It returns a *SecretError for anything that is not such a secret key.
func PublicKey(secret string) (string, error) {
	encoded, ok := strings.CutPrefix(secret, prefixSecretKey)
	if !ok {
		return "", &SecretError{"has no whsk_ prefix: only an ed25519 secret key has a public key"}
	}
	private, err := parsePrivateKey(encoded)
	if err != nil {
		return "", err
	}
	return prefixPublicKey + base64.StdEncoding.EncodeToString(publicKey(private)), nil
}

func newSymmetricSecret() string {
	return prefixSymmetric + base64.StdEncoding.EncodeToString(randomBytes(newSymmetric))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24: it ends the program instead
	return b
}
