package signing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// MaxSecrets is how many secrets a scheme signs with at most, and how many signatures of one header Verify looks at.
// A rotation needs two; Svix allows ten old ones.
const MaxSecrets = 32

var (
	// ErrInvalidMessage means that a message cannot be signed: its id or its timestamp is not allowed by the scheme.
	ErrInvalidMessage = errors.New("signing: invalid message")

	// ErrNoSecret means that there is no secret to sign or verify with.
	ErrNoSecret = errors.New("signing: no secret")
)

// Message is what a signature covers. How much of it is covered depends on the Scheme.
type Message struct {
	// ID identifies the event. It is the same over all attempts: receivers use it as an idempotency key.
	ID string

	// Timestamp is the time of the attempt, not of the event, so every attempt is signed anew
	// (Standard Webhooks, "Webhook metadata").
	Timestamp time.Time

	// Payload is the body of the request, byte for byte.
	Payload []byte
}

// Scheme signs an attempt.
//
// An implementation must be safe for concurrent use. It must neither change nor keep a Message's Payload or a list of
// secrets. Its errors must not contain a secret or a part of one: they are logged and shown to customers.
//
// What a secret says is the scheme's own affair: a key, or the name of a key that a KMS holds. A scheme may also
// implement [Verifier], [Validator] and [SecretsChecker], and fmt.Stringer, which names it in the errors of [Multi].
type Scheme interface {
	// Sign returns the headers that authenticate m, among them those that carry its id and timestamp if the scheme
	// has such. The header is the caller's to change. secrets is never empty and has the newest first.
	//
	// ctx ends with the attempt. A scheme that asks a KMS must obey it; the built-in ones compute at once and do not look.
	// An error fails the attempt, which the retry policy then repeats like any other.
	Sign(ctx context.Context, m Message, secrets []string) (http.Header, error)

	// HeaderNames returns the name of every header that Sign may set, in canonical form (http.CanonicalHeaderKey).
	// The sender refuses these names among the headers that an endpoint adds, so a customer cannot replace a signature.
	// The slice is the caller's.
	HeaderNames() []string

	// NewSecret makes a secret that CheckSecret accepts.
	NewSecret() (string, error)

	// CheckSecret returns nil if Sign can use the secret, and else says why not; the built-in schemes return a
	// *SecretError. It must be quick and local: Multi calls it for every attempt.
	CheckSecret(secret string) error
}

// Validator is implemented by a Scheme that can be built wrong, as the built-in ones can. Such a scheme returns
// the same error from Sign.
type Validator interface {
	// Validate returns every fault at once, or nil.
	Validate() error
}

// Validate returns what is wrong with a scheme: that it is nil, or what its own Validate says if it is a [Validator].
// Call it once, when the configuration is read.
func Validate(scheme Scheme) error {
	if scheme == nil {
		return errors.New("signing: scheme is nil")
	}
	if v, ok := scheme.(Validator); ok {
		return v.Validate()
	}
	return nil
}

// SecretsChecker is implemented by a Scheme to which it matters which secrets are together in a list, as to [Multi].
type SecretsChecker interface {
	// CheckSecrets returns nil if Sign can use the list. CheckSecret has accepted each secret of it.
	CheckSecrets(secrets []string) error
}

// CheckSecrets returns nil if the scheme can sign with an endpoint's list of secrets. Call it before the list is stored:
// afterwards the same faults fail every attempt. It returns ErrNoSecret for an empty list, and what the scheme's
// CheckSecret, and CheckSecrets if it is a [SecretsChecker], say.
func CheckSecrets(scheme Scheme, secrets []string) error {
	if err := checkCount(secrets); err != nil {
		return err
	}
	for i, secret := range secrets {
		if err := scheme.CheckSecret(secret); err != nil {
			return atSecret(i, len(secrets), err)
		}
	}
	if c, ok := scheme.(SecretsChecker); ok {
		return c.CheckSecrets(secrets)
	}
	return nil
}

// SignsWithOld reports whether a request also carries a signature by a secret that is not the newest, so that a receiver
// has time to change over in a rotation. That is not so with [SHA256] without a [PreviousHeader], and with [Multi] of
// nothing else. Schemes that are not of this package are taken to do it.
func SignsWithOld(scheme Scheme) bool {
	switch s := scheme.(type) {
	case *sha256Scheme:
		return len(s.headers) > 1
	case *multi:
		return slices.ContainsFunc(s.schemes, SignsWithOld)
	}
	return true
}

func checkCount(secrets []string) error {
	if len(secrets) == 0 {
		return ErrNoSecret
	}
	if len(secrets) > MaxSecrets {
		return fmt.Errorf("signing: %d secrets, at most %d are allowed", len(secrets), MaxSecrets)
	}
	return nil
}

// atSecret says which secret of a list an error is about, by its place: the secret itself must not be named.
func atSecret(i, count int, err error) error {
	return fmt.Errorf("secret %d of %d: %w", i+1, count, err)
}
