package signing

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// defaultTolerance is that of the Standard Webhooks project's libraries; the spec itself asks for "some allowable
// tolerance" ("Verifying signatures").
const defaultTolerance = 5 * time.Minute

var (
	// ErrNoMatchingSignature means that no signature on the request was made with any of the secrets.
	ErrNoMatchingSignature = errors.New("signing: no matching signature")

	// ErrMissingHeader means that a header that the scheme needs is absent or empty.
	ErrMissingHeader = errors.New("signing: missing header")

	// ErrMalformedHeader means that a header cannot come from the scheme: it is too long, repeated, or not of its form.
	ErrMalformedHeader = errors.New("signing: malformed header")

	// ErrTimestamp means that the request is older, or newer, than VerifyOptions.Tolerance allows.
	ErrTimestamp = errors.New("signing: timestamp outside the tolerance")

	// ErrNoVerifier means that the scheme does not implement Verifier.
	ErrNoVerifier = errors.New("signing: scheme cannot verify")
)

// Verifier is implemented by a Scheme that can also do what a receiver does, as all built-in ones can.
//
// Verify returns nil if the headers of a request authenticate its payload. It must be safe for concurrent use, bound
// its work whatever the headers say, and compare in constant time. Secrets that the scheme cannot use are passed over,
// so that the schemes of a [Multi] can share one list; if no other verifies, the reason is part of the error.
// Errors wrap ErrNoSecret, ErrMissingHeader, ErrMalformedHeader, ErrTimestamp or ErrNoMatchingSignature; a receiver
// answers each of them with 401 and does not tell which it was.
type Verifier interface {
	Verify(h http.Header, payload []byte, secrets []string, opts VerifyOptions) error
}

// VerifyOptions says how strict [Verify] is. The zero value is right for a receiver.
type VerifyOptions struct {
	// Tolerance is how far a request's timestamp may be from now, in both directions. It stops an old request from being
	// replayed. Negative: not checked. Without effect where a scheme has no timestamp. Defaults to 5 minutes.
	Tolerance time.Duration

	// Now returns the current time. Defaults to time.Now.
	Now func() time.Time
}

func (o VerifyOptions) checkTimestamp(t time.Time) error {
	if o.Tolerance < 0 {
		return nil
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	tolerance := cmp.Or(o.Tolerance, defaultTolerance)
	age := now().Sub(t)
	if age.Abs() > tolerance {
		return fmt.Errorf("%w: the request is %v old, allowed is up to %v either way", ErrTimestamp, age, tolerance)
	}
	return nil
}

// Verify returns nil if the headers of a request authenticate its payload under the scheme with one of the secrets: what
// the receiver of a webhook does before it reads the payload. payload is the body as it was received; decoding it and
// encoding it again changes the bytes. See [Verifier] for the errors; it returns ErrNoVerifier if the scheme is none.
//
// A valid request may still be a repetition: the receiver also remembers the ids that it has handled.
func Verify(scheme Scheme, h http.Header, payload []byte, secrets []string, opts VerifyOptions) error {
	v, ok := scheme.(Verifier)
	if !ok {
		return ErrNoVerifier
	}
	return v.Verify(h, payload, secrets, opts)
}

// matchAny returns nil if match is true of any secret. A secret that match refuses is passed over, as Verifier promises.
func matchAny(secrets []string, match func(secret string) (bool, error)) error {
	if len(secrets) == 0 {
		return ErrNoSecret
	}
	var refused []error
	for i, secret := range secrets {
		ok, err := match(secret)
		if ok {
			return nil
		}
		if err != nil {
			refused = append(refused, atSecret(i, len(secrets), err))
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("%w: %w", ErrNoMatchingSignature, errors.Join(refused...))
	}
	return ErrNoMatchingSignature
}
