package storetest

import (
	"context"
	"fmt"

	"github.com/outhook/outhook/store"
)

var purgeCases = []testCase{
	{"Purge/Removes", "Before removes events created before it, with their deliveries and attempts.", purgeRemoves},
	{"Purge/KeepsPending", "Purge removes nothing of an event that has a delivery that is still pending.", purgeKeepsPending},
	{"Purge/Bodies", "BodiesBefore empties the payloads and response bodies of such events created before it, and keeps the rows.", purgeBodies},
	{"Purge/Bounded", "Purge removes a bounded batch and returns the number of events handled; fewer than the limit means that nothing is left to do now.", purgeBounded},
	{"Purge/Zero", "Zero removes none.", purgeZero},
	{"Purge/Canceled", contextRule, purgeCanceled},
}

// old writes n events, a second apart, each with two deliveries in the state
// and an attempt.
func (p *probe) old(n int, state store.DeliveryState) {
	for i := range n {
		e := newEvent(tenant, fmt.Sprintf("evt_%d", i))
		e.CreatedAt = later(i)
		d := newDelivery(e, fmt.Sprintf("dlv_%d", i))
		other := newDelivery(e, fmt.Sprintf("dlv_%d_other", i))
		d.State, other.State = state, store.Succeeded
		p.createEvent(e, d, other)
		d.Version = 1
		a := newAttempt(d, fmt.Sprintf("att_%d", i))
		a.StartedAt, a.EndedAt, a.ResponseBody = later(i), later(i+1), []byte("a stranger's answer")
		p.update(d, a)
	}
}

func (p *probe) purge(f store.PurgeFilter, want int) {
	p.out.Helper()
	got, err := store.Purge(p.ctx, p.store, f)
	p.must("Purge", err)
	same(p, "Purge: events handled", got, want)
}

// wantEvents wants all that old wrote of the events from first on, and
// nothing of those before it.
func (p *probe) wantEvents(first, n int) {
	p.out.Helper()
	for i := range n {
		if _, err := p.store.GetEvent(p.ctx, tenant, fmt.Sprintf("evt_%d", i)); i < first {
			p.wants("GetEvent after Purge", err, store.ErrNotFound)
		} else {
			p.must("GetEvent after Purge", err)
		}
	}
	same(p, "ListDeliveries: how many", len(p.deliveries(store.DeliveryFilter{Tenant: tenant})), 2*(n-first))
	same(p, "ListAttempts: how many", len(p.attempts(store.AttemptFilter{Tenant: tenant})), n-first)
}

func purgeRemoves(p *probe) {
	needs[store.Purger](p)
	p.old(5, store.Failed)
	p.createEvent(newEvent(tenant, "evt_without_deliveries"))
	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	p.purge(store.PurgeFilter{Before: later(3)}, 4)
	p.wantEvents(3, 5)
	_, err := p.store.GetEvent(p.ctx, tenant, "evt_without_deliveries")
	p.wants("GetEvent after Purge", err, store.ErrNotFound)
	p.getEndpoint(tenant, "ep_1")

	// The ids are free again, and nothing of the old records is left.
	p.old(3, store.Pending)
	same(p, "ListDue", len(p.due(store.DueFilter{Before: later(9)})), 3)
}

func purgeKeepsPending(p *probe) {
	needs[store.Purger](p)
	p.old(3, store.Pending)
	before := p.content()
	p.purge(store.PurgeFilter{Before: later(100), BodiesBefore: later(100)}, 0)
	same(p, "after Purge", p.content(), before)
	p.wantEvents(0, 3)
	same(p, "GetEvent: Payload", string(p.getEvent(tenant, "evt_0").Payload), `{"id":"evt_0"}`)
}

func purgeBodies(p *probe) {
	needs[store.Purger](p)
	p.old(3, store.Succeeded)
	want := p.content()
	p.purge(store.PurgeFilter{BodiesBefore: later(2)}, 2)
	for i := range want.Attempts {
		if want.Attempts[i].StartedAt.Before(later(2)) {
			want.Attempts[i].ResponseBody = nil
		}
	}
	same(p, "after Purge", p.content(), want)
	for i, payload := range []string{"", "", `{"id":"evt_2"}`} {
		same(p, "GetEvent: Payload", string(p.getEvent(tenant, fmt.Sprintf("evt_%d", i)).Payload), payload)
	}
	// What is empty already is nothing that is left to do.
	p.purge(store.PurgeFilter{BodiesBefore: later(2)}, 0)
	p.purge(store.PurgeFilter{Before: later(2)}, 2)
}

func purgeBounded(p *probe) {
	needs[store.Purger](p)
	p.old(5, store.Canceled)
	p.purge(store.PurgeFilter{BodiesBefore: later(100), Limit: 3}, 3)
	p.purge(store.PurgeFilter{BodiesBefore: later(100), Limit: 3}, 2)
	p.purge(store.PurgeFilter{Before: later(100), Limit: 2}, 2)
	same(p, "ListDeliveries: how many", len(p.deliveries(store.DeliveryFilter{Tenant: tenant})), 6)
	p.purge(store.PurgeFilter{Before: later(100), Limit: 2}, 2)
	p.purge(store.PurgeFilter{Before: later(100), Limit: 2}, 1)
	p.wantEvents(5, 5)
}

func purgeZero(p *probe) {
	needs[store.Purger](p)
	p.old(2, store.Failed)
	before := p.content()
	p.purge(store.PurgeFilter{}, 0)
	same(p, "after Purge", p.content(), before)
	p.wantEvents(0, 2)
}

func purgeCanceled(p *probe) {
	needs[store.Purger](p)
	p.old(2, store.Failed)
	canceled, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err := store.Purge(canceled, p.store, store.PurgeFilter{Before: later(100)})
	p.wants("Purge with a canceled context", err, context.Canceled)
	p.wantEvents(0, 2)
}
