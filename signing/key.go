package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"strconv"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// v1aPrefix is the signature identifier of ed25519 (spec, "Signature scheme"). That of v1 is written by the library.
const v1aPrefix = "v1a,"

// key signs, and verifies, one element of the signature list.
type key interface {
	sign(m Message) (string, error)

	// verify returns whether one of the signatures is a signature of m by this key. It ignores other versions.
	verify(m Message, signatures []string) (bool, error)
}

// hmacKey is version v1, computed by the official library.
type hmacKey struct{ *standardwebhooks.Webhook }

func (k hmacKey) sign(m Message) (string, error) {
	return k.Sign(m.ID, m.Timestamp, m.Payload)
}

func (k hmacKey) verify(m Message, signatures []string) (bool, error) {
	want, err := k.sign(m)
	if err != nil {
		return false, err
	}
	for _, got := range signatures {
		if hmac.Equal([]byte(got), []byte(want)) {
			return true, nil
		}
	}
	return false, nil
}

// ed25519Key is version v1a, which the official library lacks. private is nil in a key that only verifies.
type ed25519Key struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func (k ed25519Key) sign(m Message) (string, error) {
	return v1aPrefix + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, signedContent(m))), nil
}

func (k ed25519Key) verify(m Message, signatures []string) (bool, error) {
	content := signedContent(m)
	for _, s := range signatures {
		encoded, ok := strings.CutPrefix(s, v1aPrefix)
		if !ok {
			continue
		}
		signature, err := decodeBase64(encoded)
		if err == nil && ed25519.Verify(k.public, content, signature) {
			return true, nil
		}
	}
	return false, nil
}

// signedContent is "id.timestamp.payload" (spec, "Signature scheme").
func signedContent(m Message) []byte {
	b := make([]byte, 0, len(m.ID)+len(m.Payload)+len("..9223372036854775807"))
	b = append(b, m.ID...)
	b = append(b, '.')
	b = strconv.AppendInt(b, m.Timestamp.Unix(), 10)
	b = append(b, '.')
	return append(b, m.Payload...)
}

// parseSigningKey returns the key that a secret of the Standard Webhooks scheme holds, if one can sign with it.
func parseSigningKey(secret string) (key, error) {
	if strings.HasPrefix(secret, prefixPublicKey) {
		return nil, &SecretError{"is a public key (whpk_), which can only verify: signing needs the secret key (whsk_)"}
	}
	return parseKey(secret)
}

// parseKey chooses the signature version by the prefix alone. So a public key can never be taken for a symmetric
// secret, which would let everyone who knows it sign.
func parseKey(secret string) (key, error) {
	if encoded, ok := strings.CutPrefix(secret, prefixSecretKey); ok {
		private, err := parsePrivateKey(encoded)
		if err != nil {
			return nil, err
		}
		return ed25519Key{private: private, public: publicKey(private)}, nil
	}
	if encoded, ok := strings.CutPrefix(secret, prefixPublicKey); ok {
		public, err := decodeBase64(encoded)
		if err != nil {
			return nil, err
		}
		if len(public) != ed25519.PublicKeySize {
			return nil, &SecretError{"has a whpk_ prefix but does not decode to 32 bytes"}
		}
		return ed25519Key{public: public}, nil
	}
	return parseSymmetric(strings.TrimPrefix(secret, prefixSymmetric))
}

func parseSymmetric(encoded string) (key, error) {
	raw, err := decodeBase64(encoded)
	if err != nil {
		return nil, err
	}
	if len(raw) < minSymmetric || len(raw) > maxSymmetric {
		return nil, &SecretError{"does not decode to 24 to 64 bytes"}
	}
	webhook, err := standardwebhooks.NewWebhookRaw(raw)
	if err != nil {
		return nil, &SecretError{"is refused by the Standard Webhooks library"}
	}
	return hmacKey{webhook}, nil
}

// parsePrivateKey accepts the two layouts in use, since the spec names none: the 32-byte seed, and Svix's seed followed by
// the public key. A public half that does not belong to the seed is refused: signatures made with it would verify
// nowhere, and a pair of them gives the secret away.
func parsePrivateKey(encoded string) (ed25519.PrivateKey, error) {
	raw, err := decodeBase64(encoded)
	if err != nil {
		return nil, err
	}
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, &SecretError{"has a whsk_ prefix but does not decode to 32 or 64 bytes"}
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(raw, private) {
		return nil, &SecretError{"has a whsk_ prefix but its public half does not belong to its secret half"}
	}
	return private, nil
}

// publicKey is the second half of a Go private key.
func publicKey(private ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(private[ed25519.SeedSize:])
}

// decodeBase64 accepts only the form that every library of the Standard Webhooks project decodes to the same bytes:
// standard alphabet, padded. Go's decoder alone would pass over line breaks.
func decodeBase64(encoded string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return nil, &SecretError{"is not standard padded base64 (after the prefix whsec_, whsk_ or whpk_, if it has one)"}
	}
	return raw, nil
}
