package portal

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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
	RateLimit   field[rateLimitFields]    `json:"rate_limit"`
}

type rateLimitFields struct {
	PerSecond field[float64] `json:"per_second"`
	Burst     field[int]     `json:"burst"`
}

func (f rateLimitFields) apply(limit *store.RateLimit) {
	f.PerSecond.to(&limit.PerSecond)
	f.Burst.to(&limit.Burst)
}

// rateLimitJSON is a store.RateLimit in JSON.
type rateLimitJSON struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

// newEndpointJSON is a request for an endpoint.
type newEndpointJSON struct {
	endpointFields

	Secret string `json:"secret"` // of another system, for a customer who moves
}

// endpointPatchJSON is a request for a change. If there is a Version the endpoint must
// be as it was then.
type endpointPatchJSON struct {
	endpointFields

	Disabled field[bool] `json:"disabled"`
	Version  *int64      `json:"version"`
}

// redacted is shown for the value of a header. In a change it means that value.
const redacted = "[redacted]"

// apply changes e, and reports what sender does not. Customers may choose of the
// profiles, of which the first is the default; what e has may stay.
func (f endpointFields) apply(e *store.Endpoint, profiles []string) error {
	f.URL.to(&e.URL)
	f.EventTypes.to(&e.EventTypes)
	f.Description.to(&e.Description)
	f.Timeout.to((*duration)(&e.Timeout))
	if f.RateLimit.null {
		e.RateLimit = store.RateLimit{}
	}
	f.RateLimit.value.apply(&e.RateLimit)
	if f.Profile.null {
		f.Profile.value = profiles[0]
	}
	var problems []fieldProblem
	if f.Profile.set && f.Profile.value != e.Profile {
		if !slices.Contains(profiles, f.Profile.value) {
			problems = append(problems, fieldProblem{"profile", fmt.Sprintf("is %q, must be one of %q", f.Profile.value, profiles)})
		}
		e.Profile = f.Profile.value
	}
	problems = append(problems, f.applyHeaders(e)...)
	if len(problems) > 0 {
		return invalid(problems...)
	}
	return nil
}

func (f endpointFields) applyHeaders(e *store.Endpoint) (problems []fieldProblem) {
	if !f.Headers.set {
		return nil
	}
	if f.Headers.value == nil || e.Headers == nil {
		e.Headers = http.Header{}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Headers.value)) {
		value := f.Headers.value[name]
		switch {
		case value == nil:
			e.Headers.Del(name)
		case *value != redacted:
			e.Headers.Set(name, *value)
		case e.Headers.Values(name) == nil:
			problems = append(problems, fieldProblem{"headers[" + http.CanonicalHeaderKey(name) + "]", "is hidden, must be a value"})
		}
	}
	return problems
}

// endpointJSON is an endpoint as the API shows it: without its secrets, and with the
// values of its headers hidden, which may be credentials as well. So may what its URL
// has after a "?", which those see who can change it.
type endpointJSON struct {
	ID             string            `json:"id"`
	URL            string            `json:"url"`
	EventTypes     []string          `json:"event_types"`
	Profile        string            `json:"profile"`
	Description    string            `json:"description"`
	Headers        map[string]string `json:"headers"`
	Timeout        *duration         `json:"timeout"`
	RateLimit      *rateLimitJSON    `json:"rate_limit"`
	Disabled       bool              `json:"disabled"`
	DisabledReason string            `json:"disabled_reason,omitempty"`
	DisabledAt     time.Time         `json:"disabled_at,omitzero"`
	FailingSince   time.Time         `json:"failing_since,omitzero"`
	PausedUntil    time.Time         `json:"paused_until,omitzero"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
	Version        int64             `json:"version"`
}

func (a Access) showEndpoint(e store.Endpoint) endpointJSON {
	if a.May&Manage == 0 {
		e.URL = store.RedactURL(e.URL)
	}
	shown := endpointJSON{
		ID: e.ID, URL: e.URL, EventTypes: e.EventTypes, Profile: e.Profile, Description: e.Description,
		Headers: map[string]string{}, Disabled: e.Disabled, DisabledReason: e.DisabledReason, DisabledAt: e.DisabledAt,
		FailingSince: e.FailingSince, PausedUntil: e.PausedUntil, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version,
	}
	for name := range e.Headers {
		shown.Headers[name] = redacted
	}
	if e.Timeout > 0 {
		shown.Timeout = (*duration)(&e.Timeout)
	}
	if e.RateLimit.PerSecond > 0 {
		shown.RateLimit = (*rateLimitJSON)(&e.RateLimit)
	}
	if shown.EventTypes == nil {
		shown.EventTypes = []string{}
	}
	return shown
}

// createdEndpointJSON is an endpoint with its secret, for those who may see it.
type createdEndpointJSON struct {
	endpointJSON

	Secret string `json:"secret,omitempty"`
}

func (p *portal) apiCreateEndpoint(v *visit) (reply, error) {
	var in newEndpointJSON
	if err := decode(v.Request, &in); err != nil {
		return reply{}, err
	}
	e := store.Endpoint{Tenant: v.Tenant, Profile: p.cfg.Profiles[0]}
	err := in.apply(&e, p.cfg.Profiles)
	if in.Secret != "" {
		e.Secrets = []store.Secret{{Value: in.Secret}}
	}
	if err == nil {
		e, err = sender.PutEndpoint(v.Context(), p.cfg.Sender, e)
	}
	if err != nil {
		return reply{}, err
	}
	created := createdEndpointJSON{endpointJSON: v.showEndpoint(e)}
	if v.May&Secrets != 0 {
		created.Secret = e.Secrets[0].Value
	}
	return reply{http.StatusCreated, created}, nil
}

func (p *portal) apiGetEndpoint(v *visit) (reply, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	return reply{http.StatusOK, v.showEndpoint(e)}, err
}

func (p *portal) apiListEndpoints(v *visit, q *query) (reply, error) {
	filter := store.EndpointFilter{Tenant: v.Tenant, Limit: q.limit(), Cursor: q.text("cursor")}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	page, err := p.store.ListEndpoints(v.Context(), filter)
	return reply{http.StatusOK, showPage(page, v.showEndpoint)}, err
}

// patchTries bounds how often a change without a version is repeated. It is what
// workers may write about an endpoint at the same time.
const patchTries = 5

// apiPatchEndpoint changes the endpoint as it is now or, if the client names a
// version, as the client has read it.
func (p *portal) apiPatchEndpoint(v *visit) (reply, error) {
	var in endpointPatchJSON
	if err := decode(v.Request, &in); err != nil {
		return reply{}, err
	}
	for try := 1; ; try++ {
		e, err := p.patch(v, in)
		if errors.Is(err, store.ErrConflict) && in.Version == nil && try < patchTries {
			continue
		}
		return reply{http.StatusOK, v.showEndpoint(e)}, err
	}
}

func (p *portal) patch(v *visit, in endpointPatchJSON) (store.Endpoint, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return e, err
	}
	if in.Version != nil && *in.Version != e.Version {
		return e, errChanged
	}
	profile := e.Profile
	if err := in.apply(&e, p.cfg.Profiles); err != nil {
		return e, err
	}
	in.Disabled.to(&e.Disabled)
	stored, err := sender.PutEndpoint(v.Context(), p.cfg.Sender, e)
	if err != nil && e.Profile != profile {
		err = otherSecrets(err)
	}
	return stored, err
}

// otherSecrets says what it is to a client that the secrets of an endpoint do not
// fit the profile that is asked for.
func otherSecrets(err error) error {
	for _, e := range fieldErrors(err) {
		if strings.HasPrefix(e.Field, "Endpoint.Secrets") {
			return invalid(fieldProblem{"profile", "has secrets of another kind, must be that of a new endpoint"})
		}
	}
	return err
}

func (p *portal) apiDeleteEndpoint(v *visit) (reply, error) {
	err := p.store.DeleteEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	return reply{http.StatusNoContent, nil}, err
}
