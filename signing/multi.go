package signing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Multi returns a scheme that puts the headers of several schemes on one request. It is for a migration without a flag
// day: old and new receivers find what they look for (Standard Webhooks, "Migrating to Standard Webhooks").
//
// The schemes share the endpoint's secrets. Each signs with those that its CheckSecret accepts, in their order. So a secret
// that all accept serves all: beside StandardWebhooks, SHA256 takes the whole text "whsec_…" as its key, and StandardWebhooks
// takes the 64 digits that SHA256 makes for base64. CheckSecret passes when one scheme accepts; that each scheme has
// a secret to sign with is what [CheckSecrets] tells, and Sign fails otherwise. NewSecret is that of the first scheme.
//
// Verify passes when every scheme verifies: it proves that the request is complete. A receiver that has migrated verifies
// with its one scheme instead.
//
// Validate reports a Multi of nothing, the faults of each scheme, and two schemes that set the same header. The scheme is
// safe for concurrent use and implements [Verifier], [Validator] and [SecretsChecker].
func Multi(schemes ...Scheme) Scheme {
	m := &multi{schemes: slices.Clone(schemes)}
	m.err = m.check()
	return m
}

type multi struct {
	schemes []Scheme
	err     error // what Validate returns; while it is not nil, schemes may contain nil
}

var (
	_ Verifier       = (*multi)(nil)
	_ Validator      = (*multi)(nil)
	_ SecretsChecker = (*multi)(nil)
	_ fmt.Stringer   = (*multi)(nil)
)

func (m *multi) check() error {
	if len(m.schemes) == 0 {
		return errors.New("signing: Multi without a scheme")
	}
	var errs []error
	owner := make(map[string]string) // by header name
	for i, scheme := range m.schemes {
		if err := Validate(scheme); err != nil {
			errs = append(errs, fmt.Errorf("signing: Multi: scheme %d: %w", i+1, err))
			continue
		}
		for _, name := range scheme.HeaderNames() {
			name = http.CanonicalHeaderKey(name)
			if other, taken := owner[name]; taken {
				errs = append(errs, fmt.Errorf("signing: Multi: %s and %s both set the header %s", other, nameOf(scheme), name))
			}
			owner[name] = nameOf(scheme)
		}
	}
	return errors.Join(errs...)
}

func (m *multi) Validate() error { return m.err }

func (m *multi) String() string {
	names := make([]string, len(m.schemes))
	for i, scheme := range m.schemes {
		names[i] = nameOf(scheme)
	}
	return "Multi(" + strings.Join(names, ", ") + ")"
}

func (m *multi) HeaderNames() []string {
	if m.err != nil {
		return nil
	}
	var names []string
	for _, scheme := range m.schemes {
		names = append(names, scheme.HeaderNames()...)
	}
	return names
}

func (m *multi) NewSecret() (string, error) {
	if m.err != nil {
		return "", m.err
	}
	return m.schemes[0].NewSecret()
}

func (m *multi) CheckSecret(secret string) error {
	if m.err != nil {
		return m.err
	}
	var errs []error
	for _, scheme := range m.schemes {
		err := scheme.CheckSecret(secret)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", nameOf(scheme), err))
	}
	return errors.Join(errs...)
}

func (m *multi) CheckSecrets(secrets []string) error {
	if m.err != nil {
		return m.err
	}
	for _, scheme := range m.schemes {
		if err := CheckSecrets(scheme, usable(scheme, secrets)); err != nil {
			return inScheme(scheme, err)
		}
	}
	return nil
}

func (m *multi) Sign(ctx context.Context, msg Message, secrets []string) (http.Header, error) {
	if m.err != nil {
		return nil, m.err
	}
	all := make(http.Header)
	for _, scheme := range m.schemes {
		accepted := usable(scheme, secrets)
		if len(accepted) == 0 {
			return nil, inScheme(scheme, ErrNoSecret)
		}
		h, err := scheme.Sign(ctx, msg, accepted)
		if err != nil {
			return nil, inScheme(scheme, err)
		}
		for name, values := range h {
			name = http.CanonicalHeaderKey(name)
			if _, taken := all[name]; taken { // by a scheme whose HeaderNames does not tell
				return nil, inScheme(scheme, fmt.Errorf("signing: the header %s is already set", name))
			}
			all[name] = values
		}
	}
	return all, nil
}

func (m *multi) Verify(h http.Header, payload []byte, secrets []string, opts VerifyOptions) error {
	if m.err != nil {
		return m.err
	}
	for _, scheme := range m.schemes {
		if err := Verify(scheme, h, payload, secrets, opts); err != nil {
			return inScheme(scheme, err)
		}
	}
	return nil
}

// usable returns the secrets that a scheme can sign with, in their order.
func usable(scheme Scheme, secrets []string) []string {
	var accepted []string
	for _, secret := range secrets {
		if scheme.CheckSecret(secret) == nil {
			accepted = append(accepted, secret)
		}
	}
	return accepted
}

func inScheme(scheme Scheme, err error) error {
	return fmt.Errorf("signing: Multi: %s: %w", nameOf(scheme), err)
}

// nameOf does not print a scheme that has no String: that could hold a secret.
func nameOf(scheme Scheme) string {
	if s, ok := scheme.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", scheme)
}
