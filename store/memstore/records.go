package memstore

import (
	"time"

	"github.com/outhook/outhook/store"
)

// What comes in is copied, with its times cut to the microsecond that the
// contract promises: a test that passes here then passes on a database, and a
// cursor says all there is to know about a record's place.

func micro(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func ownEndpoint(e store.Endpoint) *store.Endpoint {
	e = e.Clone()
	for i := range e.Secrets {
		e.Secrets[i].ExpiresAt = micro(e.Secrets[i].ExpiresAt)
	}
	e.DisabledAt, e.CreatedAt, e.UpdatedAt = micro(e.DisabledAt), micro(e.CreatedAt), micro(e.UpdatedAt)
	e.FailingSince, e.PausedUntil = micro(e.FailingSince), micro(e.PausedUntil)
	return &e
}

func ownEvent(e store.Event) *store.Event {
	e = e.Clone()
	e.CreatedAt = micro(e.CreatedAt)
	return &e
}

func ownDelivery(d store.Delivery) *store.Delivery {
	d.NextAttemptAt, d.EndedAt = micro(d.NextAttemptAt), micro(d.EndedAt)
	d.CreatedAt, d.UpdatedAt = micro(d.CreatedAt), micro(d.UpdatedAt)
	return &d
}

func ownAttempt(a store.Attempt) *store.Attempt {
	a = a.Clone()
	a.ScheduledAt, a.NextAttemptAt = micro(a.ScheduledAt), micro(a.NextAttemptAt)
	a.StartedAt, a.EndedAt = micro(a.StartedAt), micro(a.EndedAt)
	return &a
}

func ownReplay(r store.Replay) *store.Replay {
	r = r.Clone()
	r.Since, r.Until, r.EndedAt = micro(r.Since), micro(r.Until), micro(r.EndedAt)
	r.CreatedAt, r.UpdatedAt = micro(r.CreatedAt), micro(r.UpdatedAt)
	return &r
}

// cloneDelivery: a Delivery holds no memory that could be shared.
func cloneDelivery(d store.Delivery) store.Delivery { return d }

func placeEndpoint(e *store.Endpoint) place {
	return place{ref{e.Tenant, e.ID}, e.CreatedAt, []group{
		{kind: everything},
		{kind: byTenant, tenant: e.Tenant},
	}}
}

func placeEvent(e *store.Event) place {
	return place{ref{e.Tenant, e.ID}, e.CreatedAt, []group{{kind: everything}}}
}

func placeDelivery(d *store.Delivery) place {
	return place{ref{d.Tenant, d.ID}, d.CreatedAt, []group{
		{kind: everything},
		{kind: byTenant, tenant: d.Tenant},
		{byEndpoint, d.Tenant, d.EndpointID},
		{byEvent, d.Tenant, d.EventID},
	}}
}

func placeAttempt(a *store.Attempt) place {
	return place{ref{a.Tenant, a.ID}, a.StartedAt, []group{
		{kind: everything},
		{kind: byTenant, tenant: a.Tenant},
		{byEndpoint, a.Tenant, a.EndpointID},
		{byEvent, a.Tenant, a.EventID},
		{byDelivery, a.Tenant, a.DeliveryID},
	}}
}

func placeReplay(r *store.Replay) place {
	groups := []group{{kind: everything}, {kind: byTenant, tenant: r.Tenant}}
	if r.State == store.ReplayRunning {
		groups = append(groups, group{kind: running})
	}
	return place{ref{r.Tenant, r.ID}, r.CreatedAt, groups}
}
