package sender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// PutEndpoint checks the endpoint against the Config and stores it: Version 0
// creates it, and otherwise it replaces the one that was read with that
// Version. A new endpoint without an ID or a secret gets them: "ep_" and a new
// UUIDv7, and a secret of its profile's scheme. It returns what was stored.
//
// FailingSince and PausedUntil are the workers': they stay as they are in the
// Store, and end when a disabled endpoint is enabled or the URL changes. An
// endpoint that was disabled by Outhook is enabled in the same way as by the host,
// with Disabled set to false. What was canceled meanwhile can be replayed.
//
// The error joins a *FieldError for each fault. It wraps store.ErrConflict if
// the endpoint has changed since it was read, store.ErrNotFound if it is gone,
// store.ErrExists if there is one of that ID already, and ErrTooManyEndpoints if
// the tenant may have no more.
//
// A host may as well call its Store directly; the checks are made again before
// each attempt, which then fails where this would have.
func PutEndpoint(ctx context.Context, cfg Config, e store.Endpoint) (store.Endpoint, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return store.Endpoint{}, err
	}
	return cfg.putEndpoint(ctx, e.Clone())
}

// RotateSecret gives the endpoint a new secret and lets those it has expire
// after overlap at the latest, so that the receiver can change over: until
// then requests carry a signature of each, where the scheme can
// ([Profile.SignsWithOld]). An overlap of zero ends the old secrets at once. Of
// more than ten secrets the oldest ends early. It returns the endpoint as stored.
//
// The error wraps store.ErrNotFound if the tenant has no such endpoint, and
// ErrInvalid if its scheme needs several secrets, so that one does not do.
func RotateSecret(ctx context.Context, cfg Config, tenant, endpointID string, overlap time.Duration) (store.Endpoint, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return store.Endpoint{}, err
	}
	if overlap < 0 {
		return store.Endpoint{}, &FieldError{Field: "overlap", Problem: fmt.Sprintf("is %s", overlap), Bound: "0 or more"}
	}
	for {
		e, err := cfg.Store.GetEndpoint(ctx, tenant, endpointID)
		if err != nil {
			return store.Endpoint{}, fmt.Errorf("endpoint %q: %w", endpointID, err)
		}
		secret, err := cfg.newSecret(e)
		if err != nil {
			return store.Endpoint{}, err
		}
		if err := cfg.checkAlone(e, secret); err != nil {
			return store.Endpoint{}, err
		}
		secrets := []store.Secret{secret}
		ends := now().Add(overlap)
		for _, old := range e.Secrets {
			if old.ExpiresAt.IsZero() || old.ExpiresAt.After(ends) {
				old.ExpiresAt = ends
			}
			if old.Active(time.Now()) && len(secrets) < maxSecrets {
				secrets = append(secrets, old)
			}
		}
		e.Secrets = secrets
		if e, err = cfg.putEndpoint(ctx, e); !errors.Is(err, store.ErrConflict) {
			return e, err
		}
	}
}

// checkAlone makes sure that the new secret will do once the old ones have
// expired: several schemes on one request may need a secret each.
func (c Config) checkAlone(e store.Endpoint, secret store.Secret) error {
	profile, ok := c.profile(e)
	if !ok {
		return nil // validateEndpoint reports it
	}
	if err := signing.CheckSecrets(profile.Signing, []string{secret.Value}); err != nil {
		return &FieldError{
			Field:   "Endpoint.Secrets",
			Problem: "cannot be rotated one at a time (" + hide(err.Error(), secret.Value) + ")",
			Bound:   "changed with PutEndpoint, a secret for each scheme of the profile",
		}
	}
	return nil
}

// putEndpoint is PutEndpoint under a Config that has been checked.
func (c Config) putEndpoint(ctx context.Context, e store.Endpoint) (store.Endpoint, error) {
	e.UpdatedAt = now()
	if e.Version == 0 {
		e.CreatedAt = e.UpdatedAt
		if e.ID == "" {
			e.ID = newID("ep_")
		}
		if len(e.Secrets) == 0 {
			secret, err := c.newSecret(e)
			if err != nil {
				return store.Endpoint{}, err
			}
			e.Secrets = []store.Secret{secret}
		}
	}
	switch {
	case e.Disabled && e.DisabledAt.IsZero():
		e.DisabledAt = e.UpdatedAt
	case !e.Disabled:
		e.DisabledAt, e.DisabledReason = time.Time{}, ""
	}
	if err := c.validateEndpoint(e); err != nil {
		return store.Endpoint{}, err
	}
	if err := checkTenant(ctx, c.Store, "Endpoint.Tenant", e.Tenant); err != nil {
		return store.Endpoint{}, err
	}
	if e.Version == 0 {
		if err := c.checkRoom(ctx, e); err != nil {
			return store.Endpoint{}, err
		}
	}
	if err := c.keepHealth(ctx, &e); err != nil {
		return store.Endpoint{}, err
	}
	if err := c.Store.PutEndpoint(ctx, e); err != nil {
		return store.Endpoint{}, fmt.Errorf("endpoint %q: %w", e.ID, err)
	}
	e.Version++
	return e, nil
}

// keepHealth sets what workers note in an endpoint, which is not the caller's to
// change: it stays as it is, but for an endpoint that is enabled again or has
// another URL. That one begins anew, and is not disabled by its next failure.
func (c Config) keepHealth(ctx context.Context, e *store.Endpoint) error {
	var old store.Endpoint
	if e.Version != 0 {
		var err error
		if old, err = c.Store.GetEndpoint(ctx, e.Tenant, e.ID); err != nil {
			return fmt.Errorf("endpoint %q: %w", e.ID, err)
		}
	}
	if e.URL != old.URL || old.Disabled && !e.Disabled {
		old.FailingSince, old.PausedUntil = time.Time{}, time.Time{}
	}
	e.FailingSince, e.PausedUntil = old.FailingSince, old.PausedUntil
	return nil
}

// newSecret makes a secret of the endpoint's scheme. An unknown profile has
// none; that is a fault that validateEndpoint reports.
func (c Config) newSecret(e store.Endpoint) (store.Secret, error) {
	profile, ok := c.profile(e)
	if !ok {
		return store.Secret{}, nil
	}
	value, err := profile.Signing.NewSecret()
	if err != nil {
		return store.Secret{}, fmt.Errorf("endpoint %q: make a secret: %w", e.ID, err)
	}
	return store.Secret{Value: value}, nil
}
