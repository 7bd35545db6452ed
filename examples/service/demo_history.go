package main

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// past is a tenant's history while it is made up: what happened is played in its
// order, and written as the sender would have done. With the same tenant and the
// same present it is the same, but for secrets and what they sign.
type past struct {
	store     store.Store
	now       time.Time
	rand      *rand.Rand
	tenant    demoTenant
	profile   sender.Profile
	policy    retry.Policy
	endpoints []*pastEndpoint
	moments   moments
	planned   int // moments, so far
}

// pastEndpoint is an endpoint as it is by then.
type pastEndpoint struct {
	store.Endpoint
	demoEndpoint

	failed []*pastDelivery // for the replay
}

// pastDelivery is a delivery as it is by then.
type pastDelivery struct {
	store.Delivery

	event    store.Event
	endpoint *pastEndpoint
}

// newPast is a history that has not begun. The profile has no zero fields but
// what a schedule and a scheme stand for.
func newPast(tenant demoTenant, cfg sender.Config, st store.Store, now time.Time) (*past, error) {
	p := &past{
		store: st, now: now.UTC().Truncate(time.Microsecond), tenant: tenant,
		rand:    rand.New(rand.NewPCG(uint64(len(tenant.name)), uint64(tenant.name[1]))),
		profile: cfg.Profile,
	}
	if tenant.product.name != "" {
		p.profile = cfg.Profiles[tenant.product.name]
	}
	if p.profile.Signing == nil {
		p.profile.Signing = signing.StandardWebhooks()
	}
	p.profile.Timeout = cmp.Or(p.profile.Timeout, 15*time.Second)
	p.policy = p.profile.Retry
	if p.policy == nil {
		p.policy = retry.StandardWebhooks()
	}
	if jittered, ok := p.policy.(interface{ Unwrap() retry.Policy }); ok {
		p.policy = jittered.Unwrap() // chance is to be ours alone
	}
	p.policy = retry.WithRetryAfter(p.policy, time.Hour)
	for _, e := range tenant.endpoints {
		made, err := p.newEndpoint(e)
		if err != nil {
			return nil, err
		}
		p.endpoints = append(p.endpoints, made)
	}
	return p, nil
}

// demoBirth is in the ids of the demo's endpoints, which are the same at every
// start.
var demoBirth = time.Date(2026, time.January, 8, 10, 30, 0, 0, time.UTC)

func (p *past) newEndpoint(e demoEndpoint) (*pastEndpoint, error) {
	created := p.now.Add(-e.age)
	made := &pastEndpoint{demoEndpoint: e, Endpoint: store.Endpoint{
		ID: p.id("ep_", demoBirth), Tenant: p.tenant.name, URL: "https://" + e.host + e.path, Description: e.description,
		EventTypes: e.types, Profile: p.tenant.product.name, Headers: e.headers, Timeout: e.timeout,
		CreatedAt: created, UpdatedAt: created,
	}}
	secrets := []time.Time{{}} // when they end
	if e.rotated > 0 {
		secrets = append(secrets, p.now.Add(e.rotated))
		made.UpdatedAt = p.now.Add(e.rotated - day) // the rotation, with a day to change over
	}
	for _, ends := range secrets {
		value, err := p.profile.Signing.NewSecret()
		if err != nil {
			return nil, err
		}
		made.Secrets = append(made.Secrets, store.Secret{Value: value, ExpiresAt: ends})
	}
	return made, nil
}

// moment is something that happens.
type moment struct {
	at     time.Time
	n      int // what was added first happens first
	happen func(ctx context.Context, at time.Time) error
}

// moments is a heap, the earliest first.
type moments []moment

func (m *moments) Len() int      { return len(*m) }
func (m *moments) Swap(i, j int) { (*m)[i], (*m)[j] = (*m)[j], (*m)[i] }
func (m *moments) Push(x any)    { *m = append(*m, x.(moment)) } //nolint:forcetypeassert // heap.Push gives it back
func (m *moments) Less(i, j int) bool {
	a, b := (*m)[i], (*m)[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.n < b.n
}

func (m *moments) Pop() any {
	last := len(*m) - 1
	popped := (*m)[last]
	*m = (*m)[:last]
	return popped
}

func (p *past) plan(at time.Time, happen func(ctx context.Context, at time.Time) error) {
	p.planned++
	heap.Push(&p.moments, moment{at, p.planned, happen})
}

// write writes it all, the endpoints as they are in the end.
func (p *past) write(ctx context.Context) error {
	if err := p.planStories(); err != nil {
		return err
	}
	for _, e := range p.endpoints {
		if e.replayed > 0 {
			p.plan(p.now.Add(-e.replayed), func(ctx context.Context, at time.Time) error { return p.replay(ctx, e, at) })
		}
	}
	// What is due in the last minute is left to the workers, as what is due later.
	for end := p.now.Add(-time.Minute); len(p.moments) > 0; {
		next := heap.Pop(&p.moments).(moment) //nolint:forcetypeassert // see Push
		if next.at.After(end) {
			break
		}
		if err := next.happen(ctx, next.at); err != nil {
			return fmt.Errorf("the past of %s: %w", p.tenant.name, err)
		}
	}
	for _, e := range p.endpoints {
		if err := p.store.PutEndpoint(ctx, e.Endpoint); err != nil {
			return fmt.Errorf("endpoint %q: %w", e.ID, err)
		}
	}
	return nil
}

// busy is how much happens in each hour of a day.
var busy = [24]float64{1, 1, 1, 1, 1, 2, 4, 7, 11, 13, 12, 11, 9, 11, 13, 13, 12, 10, 7, 5, 4, 3, 2, 1}

// planStories begins stories in the rhythm of days and weeks.
func (p *past) planStories() error {
	total := 0.0
	for _, weight := range busy {
		total += weight
	}
	n := 0
	last := p.now.Add(-demoQuiet)
	for hour := p.now.Add(-demoPast); hour.Before(last); hour = hour.Add(time.Hour) {
		expected := p.tenant.perDay * busy[hour.Hour()] / total
		if day := hour.Weekday(); day == time.Saturday || day == time.Sunday {
			expected /= 4
		}
		for range int(expected + p.rand.Float64()) {
			n++
			at := hour.Add(time.Duration(p.rand.Int64N(int64(time.Hour)))).Truncate(time.Microsecond)
			events, err := p.tenant.story(p.rand, p.tenant.name, n, at)
			if err != nil {
				return err
			}
			for _, e := range events {
				if e.at.Before(last) {
					p.plan(e.at, func(ctx context.Context, at time.Time) error { return p.send(ctx, e.event, at) })
				}
			}
		}
	}
	return nil
}

// send is what Send did.
func (p *past) send(ctx context.Context, event sender.Event, at time.Time) error {
	e := store.Event{ID: p.id("evt_", at), Tenant: event.Tenant, Type: event.Type, Payload: event.Payload, CreatedAt: at}
	var rows []store.Delivery
	for _, endpoint := range p.endpoints {
		if endpoint.Disabled || at.Before(endpoint.CreatedAt) || !endpoint.Subscribes(e.Type) {
			continue
		}
		d := &pastDelivery{event: e, endpoint: endpoint, Delivery: store.Delivery{
			ID: p.id("dlv_", at), Tenant: e.Tenant, EventID: e.ID, EndpointID: endpoint.ID, EventType: e.Type,
			State: store.Pending, Round: 1, Trigger: store.TriggerSchedule, NextAttemptAt: at, CreatedAt: at, UpdatedAt: at,
		}}
		rows = append(rows, d.Delivery)
		d.Version = 1
		p.plan(at, func(ctx context.Context, at time.Time) error { return p.attempt(ctx, d, at) })
	}
	return p.store.CreateEvent(ctx, e, rows)
}

// replay is what a bulk replay did: one more round for all that had failed.
func (p *past) replay(ctx context.Context, e *pastEndpoint, at time.Time) error {
	replays, ok := store.As[store.ReplayStore](p.store)
	if !ok || len(e.failed) == 0 {
		return nil
	}
	for _, d := range e.failed {
		d.State, d.Trigger, d.Attempts = store.Pending, store.TriggerManual, 0
		d.Round++
		d.NextAttemptAt, d.UpdatedAt, d.EndedAt = at, at, time.Time{}
		if err := p.update(ctx, d, nil); err != nil {
			return err
		}
		p.plan(at, func(ctx context.Context, at time.Time) error { return p.attempt(ctx, d, at) })
	}
	ended := at.Add(time.Duration(len(e.failed)) * time.Millisecond)
	r := store.Replay{
		ID: p.id("rpl_", at), Tenant: e.Tenant, EndpointID: e.ID, States: []store.DeliveryState{store.Failed},
		Since: at.Add(-day), Until: at, State: store.ReplayFinished, Total: len(e.failed), Replayed: len(e.failed),
		CreatedAt: at, UpdatedAt: ended, EndedAt: ended,
	}
	e.failed = nil
	return replays.PutReplay(ctx, r)
}

func (p *past) update(ctx context.Context, d *pastDelivery, a *store.Attempt) error {
	if err := p.store.UpdateDelivery(ctx, d.Delivery, a); err != nil {
		return fmt.Errorf("delivery %q: %w", d.ID, err)
	}
	d.Version++
	return nil
}

// id returns a UUIDv7 of that time.
func (p *past) id(prefix string, at time.Time) string {
	var id uuid.UUID
	high, low := uint64(at.UnixMilli())<<16|7<<12|p.rand.Uint64N(1<<12), 1<<63|p.rand.Uint64N(1<<62)
	for i := range 8 {
		id[i], id[8+i] = byte(high>>(56-8*i)), byte(low>>(56-8*i))
	}
	return prefix + id.String()
}

// activeSecrets are those that signed at that time.
func (e *pastEndpoint) activeSecrets(at time.Time) []string {
	var values []string
	for i, secret := range e.Secrets {
		if i == 0 && e.rotated > 0 && at.Before(e.UpdatedAt) {
			continue // it was not there yet
		}
		if secret.Active(at) {
			values = append(values, secret.Value)
		}
	}
	return values
}

// requestHeader is what was sent, as it is recorded.
func (p *past) requestHeader(ctx context.Context, d *pastDelivery, at time.Time) (http.Header, error) {
	message := signing.Message{ID: d.EventID, Timestamp: at, Payload: d.event.Payload}
	signed, err := p.profile.Signing.Sign(ctx, message, d.endpoint.activeSecrets(at))
	if err != nil {
		return nil, err
	}
	header := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Outhook/" + sender.Version}, "Outhook-Hops": {"1"},
	}
	if name := p.profile.IDHeader; name != "" {
		header.Set(name, d.EventID)
	}
	for name, values := range signed {
		header[http.CanonicalHeaderKey(name)] = values
	}
	for name := range d.endpoint.Headers {
		header.Set(name, "[redacted]")
	}
	return header, nil
}
