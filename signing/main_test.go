package signing_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The published test vectors: the key of the Standard Webhooks libraries (libraries/go/webhook_test.go), the ed25519 pair
// of Svix (README.md, "Asymmetric Webhook Signatures"; worker.rs, test_asymmetric_key_signing), and one message for both.
const (
	vectorID      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorPayload = `{"test": 2432232314}`
	vectorUnix    = 1614265330

	vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorV1     = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

	vectorSecretKey = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublicKey = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	vectorV1a       = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

	// Another symmetric secret; the signature of the same message is computed with Python's hmac module.
	otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	otherV1     = "v1,78nXHjpFP0tVJQW5D0SBwmVyyW87BV/rL6MgfM/Bw44="
)

// The documented vector of X-Hub-Signature-256 (GitHub, "Validating webhook deliveries").
const (
	githubHeader    = "X-Hub-Signature-256"
	githubSecret    = "It's a Secret to Everybody"
	githubPayload   = "Hello, World!"
	githubSignature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
)

func vectorMessage() signing.Message {
	return signing.Message{ID: vectorID, Timestamp: time.Unix(vectorUnix, 0), Payload: []byte(vectorPayload)}
}

// anyTime is for messages of the past.
var anyTime = signing.VerifyOptions{Tolerance: -1}

func mustSign(tb testing.TB, s signing.Scheme, m signing.Message, secrets ...string) http.Header {
	tb.Helper()
	h, err := s.Sign(context.Background(), m, secrets)
	if err != nil {
		tb.Fatalf("Sign: %v", err)
	}
	return h
}

func mustNewSecret(tb testing.TB, s signing.Scheme) string {
	tb.Helper()
	secret, err := s.NewSecret()
	if err != nil {
		tb.Fatalf("NewSecret: %v", err)
	}
	return secret
}

// bare is a scheme with the required methods only, as a host might write it.
type bare struct {
	names []string
	sign  func(secrets []string) (http.Header, error)
}

func (b bare) Sign(_ context.Context, _ signing.Message, secrets []string) (http.Header, error) {
	return b.sign(secrets)
}
func (b bare) HeaderNames() []string    { return b.names }
func (bare) NewSecret() (string, error) { return "bare", nil }
func (bare) CheckSecret(s string) error {
	if s == "refused" {
		return &signing.SecretError{Reason: "is refused"}
	}
	return nil
}
