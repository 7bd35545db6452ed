package signing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header prefixes for [HeaderPrefix].
const (
	PrefixWebhook = "webhook-" // Standard Webhooks, "Webhook headers"
	PrefixSvix    = "svix-"    // Svix, and products that send through it, such as Jam
)

const (
	maxIDLength        = 256  // as Svix limits its ids; far below what servers take as a header
	maxSignatureHeader = 4096 // MaxSecrets signatures of the longest kind take 2975 bytes
)

// StandardOption changes what [StandardWebhooks] returns.
type StandardOption func(*standard)

// HeaderPrefix sets the names of the three headers: each prefix, which ends in "-", followed by "id", "timestamp" and
// "signature". Several prefixes put the same values on the request under each of them, for customers who change from
// one to the other. Defaults to PrefixWebhook.
func HeaderPrefix(prefixes ...string) StandardOption {
	return func(s *standard) { s.prefixes = slices.Clone(prefixes) }
}

// Asymmetric makes NewSecret return an ed25519 key (see [NewAsymmetricSecret]) instead of a symmetric secret. It changes
// nothing else: how an attempt is signed is for its endpoint's secrets to say.
func Asymmetric() StandardOption {
	return func(s *standard) { s.asymmetric = true }
}

// StandardWebhooks returns the scheme of the Standard Webhooks specification 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md). It sets
//
//	webhook-id         the message's id
//	webhook-timestamp  the attempt's time in whole seconds since 1970
//	webhook-signature  one signature of "id.timestamp.payload" per secret, newest first, separated by spaces
//
// Each secret says by its prefix how it signs ("Signature scheme"), and both kinds may be in one list:
//
//   - whsec_ and 24 to 64 bytes in base64: v1, HMAC-SHA256. Without a prefix the same, as in the project's libraries.
//   - whsk_ and an ed25519 seed of 32 bytes, or seed and public key of 64, in base64: v1a, ed25519.
//   - whpk_ and an ed25519 public key of 32 bytes in base64: for Verify only.
//
// Base64 is standard and padded. NewSecret makes 32 random bytes with the prefix whsec_.
//
// An id has 1 to 256 visible ASCII characters and no ".": a full stop would let a signature be read as that of another
// message ("Signature scheme"). A timestamp is not before 1970. Anything else is an ErrInvalidMessage.
//
// The scheme is safe for concurrent use and implements [Verifier] and [Validator]. Its Verify takes the first prefix of
// which the request has all three headers.
func StandardWebhooks(opts ...StandardOption) Scheme {
	s := &standard{prefixes: []string{PrefixWebhook}}
	for _, opt := range opts {
		opt(s)
	}
	s.err = s.check()
	return s
}

type standard struct {
	prefixes   []string
	asymmetric bool
	err        error // what Validate returns
}

var (
	_ Verifier     = (*standard)(nil)
	_ Validator    = (*standard)(nil)
	_ fmt.Stringer = (*standard)(nil)
)

func (s *standard) check() error {
	if len(s.prefixes) == 0 {
		return errors.New("signing: StandardWebhooks: HeaderPrefix without a prefix")
	}
	var errs []error
	for i, prefix := range s.prefixes {
		if !strings.HasSuffix(prefix, "-") || !validHeaderName(prefix) {
			errs = append(errs, fmt.Errorf("signing: StandardWebhooks: header prefix %q is no header name that ends in -", prefix))
		}
		if slices.ContainsFunc(s.prefixes[:i], func(p string) bool { return strings.EqualFold(p, prefix) }) {
			errs = append(errs, fmt.Errorf("signing: StandardWebhooks: header prefix %q is given twice", prefix))
		}
	}
	return errors.Join(errs...)
}

func (s *standard) Validate() error { return s.err }

func (s *standard) String() string {
	return "StandardWebhooks(" + strings.Join(s.prefixes, ", ") + ")"
}

func (s *standard) HeaderNames() []string {
	names := make([]string, 0, 3*len(s.prefixes))
	for _, prefix := range s.prefixes {
		for _, name := range []string{"id", "timestamp", "signature"} {
			names = append(names, http.CanonicalHeaderKey(prefix+name))
		}
	}
	return names
}

func (s *standard) NewSecret() (string, error) {
	if s.asymmetric {
		return NewAsymmetricSecret()
	}
	return newSymmetricSecret(), nil
}

func (s *standard) CheckSecret(secret string) error {
	_, err := parseSigningKey(secret)
	return err
}

func (s *standard) Sign(_ context.Context, m Message, secrets []string) (http.Header, error) {
	if s.err != nil {
		return nil, s.err
	}
	if err := checkMessage(m); err != nil {
		return nil, err
	}
	signatures, err := signatureList(m, secrets)
	if err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(m.Timestamp.Unix(), 10)
	h := make(http.Header, 3*len(s.prefixes))
	for _, prefix := range s.prefixes {
		h.Set(prefix+"id", m.ID)
		h.Set(prefix+"timestamp", timestamp)
		h.Set(prefix+"signature", signatures)
	}
	return h, nil
}

// signatureList refuses the whole list for one faulty secret: to leave that one out would break a rotation unseen.
func signatureList(m Message, secrets []string) (string, error) {
	if err := checkCount(secrets); err != nil {
		return "", err
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		k, err := parseSigningKey(secret)
		if err != nil {
			return "", atSecret(i, len(secrets), err)
		}
		if signatures[i], err = k.sign(m); err != nil {
			return "", atSecret(i, len(secrets), err)
		}
	}
	return strings.Join(signatures, " "), nil
}

func (s *standard) Verify(h http.Header, payload []byte, secrets []string, opts VerifyOptions) error {
	if s.err != nil {
		return s.err
	}
	m, signatures, err := s.read(h)
	if err != nil {
		return err
	}
	m.Payload = payload
	if err := opts.checkTimestamp(m.Timestamp); err != nil {
		return err
	}
	return matchAny(secrets, func(secret string) (bool, error) {
		k, err := parseKey(secret)
		if err != nil {
			return false, err
		}
		return k.verify(m, signatures)
	})
}

// read returns what the headers say, as far as it can be true, without the payload.
func (s *standard) read(h http.Header) (Message, []string, error) {
	prefix := s.prefixOf(h)
	id, err := headerValue(h, prefix+"id", maxIDLength)
	if err != nil {
		return Message{}, nil, err
	}
	seconds, err := headerValue(h, prefix+"timestamp", len("9223372036854775807"))
	if err != nil {
		return Message{}, nil, err
	}
	signatures, err := headerValue(h, prefix+"signature", maxSignatureHeader)
	if err != nil {
		return Message{}, nil, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || strconv.FormatInt(unix, 10) != seconds { // the signature covers the text: allow one text only
		return Message{}, nil, malformed(prefix+"timestamp", "is not a whole number of seconds")
	}
	m := Message{ID: id, Timestamp: time.Unix(unix, 0)}
	if err := checkMessage(m); err != nil {
		return Message{}, nil, fmt.Errorf("%w: %w", ErrMalformedHeader, err)
	}
	list := strings.Split(signatures, " ")
	return m, list[:min(len(list), MaxSecrets)], nil
}

// prefixOf returns the first prefix whose headers are all there. Without one it returns the first of all, whose missing
// header is then reported.
func (s *standard) prefixOf(h http.Header) string {
	for _, prefix := range s.prefixes {
		if h.Get(prefix+"id") != "" && h.Get(prefix+"timestamp") != "" && h.Get(prefix+"signature") != "" {
			return prefix
		}
	}
	return s.prefixes[0]
}

func checkMessage(m Message) error {
	if m.ID == "" || len(m.ID) > maxIDLength {
		return fmt.Errorf("%w: the id has %d bytes, allowed are 1 to %d", ErrInvalidMessage, len(m.ID), maxIDLength)
	}
	for i := range len(m.ID) {
		if c := m.ID[i]; c <= ' ' || c > '~' || c == '.' {
			return fmt.Errorf("%w: the id contains %q, allowed is visible ASCII without a full stop", ErrInvalidMessage, c)
		}
	}
	if m.Timestamp.Unix() < 0 {
		return fmt.Errorf("%w: the timestamp is before 1970", ErrInvalidMessage)
	}
	return nil
}
