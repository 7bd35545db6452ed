package main

import (
	"net/http"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// endpointFields are what a client sets. In a PATCH they are a JSON merge patch
// (RFC 7396): what is absent stays, null is the default.
type endpointFields struct {
	URL         field[string]             `json:"url"`
	EventTypes  field[[]string]           `json:"event_types"`
	Profile     field[string]             `json:"profile"`
	Description field[string]             `json:"description"`
	Headers     field[map[string]*string] `json:"headers"`
	Timeout     field[duration]           `json:"timeout"`
	RateLimit   field[rateLimit]          `json:"rate_limit"`
}

// rateLimit is a store.RateLimit in JSON.
type rateLimit struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

func (f endpointFields) apply(e *store.Endpoint) {
	f.URL.to(&e.URL)
	f.EventTypes.to(&e.EventTypes)
	f.Profile.to(&e.Profile)
	f.Description.to(&e.Description)
	f.Timeout.to((*duration)(&e.Timeout))
	f.RateLimit.to((*rateLimit)(&e.RateLimit))
	if !f.Headers.set {
		return
	}
	if f.Headers.value == nil || e.Headers == nil {
		e.Headers = http.Header{}
	}
	for name, value := range f.Headers.value {
		e.Headers.Del(name)
		if value != nil {
			e.Headers.Set(name, *value)
		}
	}
}

// endpoint is an endpoint as the API shows it: without its secrets, and with the
// values of its headers hidden, which may be credentials as well.
type endpoint struct {
	ID             string            `json:"id"`
	URL            string            `json:"url"`
	EventTypes     []string          `json:"event_types"`
	Profile        string            `json:"profile"`
	Description    string            `json:"description"`
	Headers        map[string]string `json:"headers"`
	Timeout        *duration         `json:"timeout"`
	RateLimit      *rateLimit        `json:"rate_limit"`
	Disabled       bool              `json:"disabled"`
	DisabledReason string            `json:"disabled_reason,omitempty"`
	DisabledAt     time.Time         `json:"disabled_at,omitzero"`
	FailingSince   time.Time         `json:"failing_since,omitzero"`
	PausedUntil    time.Time         `json:"paused_until,omitzero"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
	Version        int64             `json:"version"`
}

func showEndpoint(e store.Endpoint) endpoint {
	shown := endpoint{
		ID: e.ID, URL: e.URL, EventTypes: e.EventTypes, Profile: e.Profile, Description: e.Description,
		Headers: map[string]string{}, Disabled: e.Disabled, DisabledReason: e.DisabledReason, DisabledAt: e.DisabledAt,
		FailingSince: e.FailingSince, PausedUntil: e.PausedUntil, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version,
	}
	for name := range e.Headers {
		shown.Headers[name] = "[redacted]"
	}
	if e.Timeout > 0 {
		shown.Timeout = (*duration)(&e.Timeout)
	}
	if e.RateLimit.PerSecond > 0 {
		shown.RateLimit = (*rateLimit)(&e.RateLimit)
	}
	if shown.EventTypes == nil {
		shown.EventTypes = []string{}
	}
	return shown
}

func (s *service) createEndpoint(r *http.Request, tenant string) (reply, error) {
	var in struct {
		endpointFields

		Secret string `json:"secret"` // of another system, for a tenant who moves
	}
	if err := decode(r, &in); err != nil {
		return reply{}, err
	}
	e := store.Endpoint{Tenant: tenant}
	in.apply(&e)
	if in.Secret != "" {
		e.Secrets = []store.Secret{{Value: in.Secret}}
	}
	e, err := sender.PutEndpoint(r.Context(), s.cfg, e)
	if err != nil {
		return reply{}, err
	}
	return reply{http.StatusCreated, struct {
		endpoint

		Secret string `json:"secret"` // shown here, and by rotate-secret
	}{showEndpoint(e), e.Secrets[0].Value}}, nil
}

func (s *service) getEndpoint(r *http.Request, tenant string) (reply, error) {
	e, err := s.db.store.GetEndpoint(r.Context(), tenant, r.PathValue("id"))
	return reply{http.StatusOK, showEndpoint(e)}, err
}

func (s *service) listEndpoints(r *http.Request, tenant string) (reply, error) {
	q := parseQuery(r, "limit", "cursor")
	filter := store.EndpointFilter{Tenant: tenant, Limit: q.limit(), Cursor: q.text("cursor")}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	page, err := s.db.store.ListEndpoints(r.Context(), filter)
	return reply{http.StatusOK, showPage(page, showEndpoint)}, err
}

// patchEndpoint changes the endpoint as it was read a moment ago or, if the
// client names a version, as the client has read it.
func (s *service) patchEndpoint(r *http.Request, tenant string) (reply, error) {
	var in struct {
		endpointFields

		Disabled field[bool]  `json:"disabled"`
		Version  field[int64] `json:"version"`
	}
	if err := decode(r, &in); err != nil {
		return reply{}, err
	}
	e, err := s.db.store.GetEndpoint(r.Context(), tenant, r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	if in.Version.value != 0 && in.Version.value != e.Version {
		return reply{}, errChanged
	}
	in.apply(&e)
	in.Disabled.to(&e.Disabled)
	e, err = sender.PutEndpoint(r.Context(), s.cfg, e)
	return reply{http.StatusOK, showEndpoint(e)}, err
}

func (s *service) deleteEndpoint(r *http.Request, tenant string) (reply, error) {
	err := s.db.store.DeleteEndpoint(r.Context(), tenant, r.PathValue("id"))
	return reply{http.StatusNoContent, nil}, err
}

// defaultOverlap is how long the old secret signs as well: a day to change the
// receiver.
const defaultOverlap = 24 * time.Hour

func (s *service) rotateSecret(r *http.Request, tenant string) (reply, error) {
	in := struct {
		Overlap duration `json:"overlap"`
	}{duration(defaultOverlap)}
	if err := decode(r, &in); err != nil {
		return reply{}, err
	}
	e, err := sender.RotateSecret(r.Context(), s.cfg, tenant, r.PathValue("id"), time.Duration(in.Overlap))
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		ID     string    `json:"id"`
		Secret string    `json:"secret"`
		Until  time.Time `json:"old_secrets_until,omitzero"`
	}{ID: e.ID, Secret: e.Secrets[0].Value}
	if len(e.Secrets) > 1 {
		answer.Until = e.Secrets[1].ExpiresAt
	}
	return reply{http.StatusOK, answer}, nil
}

func (s *service) testEndpoint(r *http.Request, tenant string) (reply, error) {
	if err := decode(r, &struct{}{}); err != nil {
		return reply{}, err
	}
	a, err := sender.Ping(r.Context(), s.cfg, r.PathValue("id"), sender.Event{Tenant: tenant})
	return reply{http.StatusOK, showAttempt(a)}, err
}

func (s *service) replay(r *http.Request, tenant string) (reply, error) {
	var in struct {
		Since  instant `json:"since"`
		Until  instant `json:"until"`
		Status string  `json:"status"`
	}
	if err := decode(r, &in); err != nil {
		return reply{}, err
	}
	id := r.PathValue("id")
	if _, err := s.db.store.GetEndpoint(r.Context(), tenant, id); err != nil {
		return reply{}, err
	}
	filter := sender.ReplayFilter{Tenant: tenant, EndpointID: id, Since: in.Since.Time, Until: in.Until.Time}
	if in.Status != "" {
		filter.States = []store.DeliveryState{store.DeliveryState(in.Status)}
	}
	result, err := s.sender.Replay(r.Context(), filter)
	return reply{http.StatusAccepted, struct {
		Replayed int `json:"replayed"`
		Skipped  int `json:"skipped"`
	}{result.Replayed, result.Skipped}}, err
}
