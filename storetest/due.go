package storetest

import (
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

var dueCases = []testCase{
	{"ListDue/Before", "ListDue returns the deliveries whose NextAttemptAt is before f.Before.", dueBefore},
	{"ListDue/Pending", "ListDue returns the pending deliveries.", duePending},
	{"ListDue/StateChange", "ListDue returns the pending deliveries: one that has ended is gone, one that is pending again is back.", dueStateChange},
	{"ListDue/Rescheduled", "ListDue goes by the NextAttemptAt that a delivery has now.", dueRescheduled},
	{"ListDue/ZeroTime", "A delivery whose NextAttemptAt is zero is not due.", dueZero},
	{"ListDue/AllTenants", "ListDue returns the deliveries of all tenants.", dueAllTenants},
	{"ListDue/BeforeMayDiffer", "Cursor continues a list: Before may differ.", dueBeforeMayDiffer},
	{"ListDue/Draining", "Following Next visits every record that keeps its place exactly once, also while those of the page before are done.", dueDraining},
	{"ListDue/Endpoint", "Tenant and EndpointID narrow it to the deliveries of one endpoint: the same id in two tenants is two endpoints.", dueOfEndpoint},
	{"ListDue/EndpointBefore", "ListDue of one endpoint returns the deliveries whose NextAttemptAt is before f.Before. One whose NextAttemptAt is zero is not due.", dueOfEndpointBefore},
	{"ListDue/EndpointChange", "ListDue of one endpoint goes by the State and the NextAttemptAt that a delivery has now.", dueOfEndpointChange},
	{"ListDue/EndpointInvalid", "ErrInvalidFilter: Tenant and EndpointID of a DueFilter are set both or neither, and Tenant is never AllTenants.", dueOfEndpointInvalid},
}

func (p *probe) wantDue(what string, before time.Time, want ...string) {
	p.out.Helper()
	same(p, "ListDue "+what, ids(p.due(store.DueFilter{Before: before}), deliveryID), want)
}

func dueBefore(p *probe) {
	addDue(p, around()...)
	p.wantDue("before the second", epoch, "before")
	p.wantDue("a microsecond later", epoch.Add(time.Microsecond), "before", "at")
	p.wantDue("two microseconds later", epoch.Add(2*time.Microsecond), "before", "at", "after")
	p.wantDue("before any", later(-9))
}

func duePending(p *probe) {
	e := newEvent(tenant, "evt_1")
	var deliveries []store.Delivery
	for _, state := range []store.DeliveryState{store.Succeeded, store.Pending, store.Failed, store.Canceled} {
		d := newDelivery(e, "dlv_"+string(state))
		d.State = state
		deliveries = append(deliveries, d)
	}
	p.createEvent(e, deliveries...)
	p.wantDue("of one in each state", later(9), "dlv_pending")
}

func dueStateChange(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	for _, state := range []store.DeliveryState{store.Succeeded, store.Failed, store.Canceled} {
		// NextAttemptAt stays as it was: the state alone takes it off.
		d.State = state
		d = p.update(d, nil)
		p.wantDue("after it is "+string(state), later(9))
		d.State = store.Pending
		d = p.update(d, nil)
		p.wantDue("after it is pending again", later(9), "dlv_1")
	}
}

func dueRescheduled(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	p.createDelivery(tenant, "dlv_2")
	d.NextAttemptAt = later(10)
	d = p.update(d, newAttempt(d, "att_1"))
	p.wantDue("after dlv_1 was put off", later(5), "dlv_2")
	p.wantDue("when dlv_1 is due again", later(11), "dlv_2", "dlv_1")
	d.NextAttemptAt = later(-10)
	p.update(d, nil)
	p.wantDue("after dlv_1 was brought forward", later(5), "dlv_1", "dlv_2")
}

func dueZero(p *probe) {
	e := newEvent(tenant, "evt_1")
	created, updated := newDelivery(e, "dlv_1"), newDelivery(e, "dlv_2")
	created.NextAttemptAt = time.Time{}
	p.createEvent(e, created, updated)
	updated.Version, updated.NextAttemptAt = 1, time.Time{}
	p.update(updated, nil)
	p.wantDue("without a NextAttemptAt", later(9))
}

func dueAllTenants(p *probe) {
	for i, t := range []string{"t_c", "t_a", "t_b"} {
		e := newEvent(t, "evt_1")
		d := newDelivery(e, fmt.Sprintf("dlv_%d", i))
		d.NextAttemptAt = later(i)
		p.createEvent(e, d)
	}
	p.wantDue("of three tenants", later(9), "dlv_0", "dlv_1", "dlv_2")
}

func dueBeforeMayDiffer(p *probe) {
	addDue(p, sequence("dlv", 6)...)
	first, err := p.store.ListDue(p.ctx, store.DueFilter{Before: later(3), Limit: 2})
	p.must("ListDue", err)
	same(p, "ListDue, page 1", ids(first.Items, deliveryID), []string{"dlv_0000", "dlv_0001"})
	second, err := p.store.ListDue(p.ctx, store.DueFilter{Before: later(5), Limit: 9, Cursor: first.Next})
	p.must("ListDue", err)
	same(p, "ListDue, page 2", ids(second.Items, deliveryID), []string{"dlv_0002", "dlv_0003", "dlv_0004"})
}

func dueDraining(p *probe) {
	addDue(p, sequence("dlv", 7)...)
	var got []string
	cursor := ""
	for range 9 {
		page, err := p.store.ListDue(p.ctx, store.DueFilter{Before: later(99), Limit: 2, Cursor: cursor})
		p.must("ListDue", err)
		for _, d := range page.Items {
			got = append(got, d.ID)
			d.State = store.Succeeded
			p.update(d, nil)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	same(p, "ListDue, each page done before the next", got, ids(sequence("dlv", 7), func(r record) string { return r.id }))
}

func (p *probe) wantDueOf(tenant, endpoint string, before time.Time, want ...string) {
	p.out.Helper()
	f := store.DueFilter{Before: before, Tenant: tenant, EndpointID: endpoint}
	same(p, fmt.Sprintf("ListDue of %s of %s", endpoint, tenant), ids(p.due(f), deliveryID), want)
}

func dueOfEndpoint(p *probe) {
	for _, t := range []string{"t_a", "t_b"} {
		e := newEvent(t, "evt_1")
		var deliveries []store.Delivery
		for i, endpoint := range []string{"ep_2", "ep_1", "ep_2", "ep_1"} {
			d := newDelivery(e, fmt.Sprintf("dlv_%s_%d", t, i))
			d.EndpointID, d.NextAttemptAt = endpoint, later(-i)
			deliveries = append(deliveries, d)
		}
		p.createEvent(e, deliveries...)
	}
	p.wantDueOf("t_a", "ep_1", later(9), "dlv_t_a_3", "dlv_t_a_1")
	p.wantDueOf("t_a", "ep_2", later(9), "dlv_t_a_2", "dlv_t_a_0")
	p.wantDueOf("t_b", "ep_1", later(9), "dlv_t_b_3", "dlv_t_b_1")
	p.wantDueOf("t_a", "ep_3", later(9))
	p.wantDueOf("t_c", "ep_1", later(9))
	p.wantDueOf("t_a", "ep%", later(9))
	p.wantDueOf("t%", "ep_1", later(9))
	same(p, "ListDue of all: how many", len(p.due(store.DueFilter{Before: later(9)})), 8)
}

func dueOfEndpointBefore(p *probe) {
	addDueOfEndpoint(p, around()...)
	e := newEvent(tenant, "evt_never")
	d := newDelivery(e, "never")
	d.NextAttemptAt = time.Time{}
	p.createEvent(e, d)
	p.wantDueOf(tenant, "ep_1", epoch, "before")
	p.wantDueOf(tenant, "ep_1", epoch.Add(time.Microsecond), "before", "at")
	p.wantDueOf(tenant, "ep_1", epoch.Add(2*time.Microsecond), "before", "at", "after")
	p.wantDueOf(tenant, "ep_1", later(-9))
}

func dueOfEndpointChange(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	p.createDelivery(tenant, "dlv_2")
	for _, state := range []store.DeliveryState{store.Succeeded, store.Failed, store.Canceled} {
		d.State = state
		d = p.update(d, nil)
		p.wantDueOf(tenant, "ep_1", later(9), "dlv_2")
		d.State = store.Pending
		d = p.update(d, nil)
		p.wantDueOf(tenant, "ep_1", later(9), "dlv_1", "dlv_2")
	}
	d.NextAttemptAt = later(5)
	d = p.update(d, newAttempt(d, "att_1"))
	p.wantDueOf(tenant, "ep_1", later(5), "dlv_2")
	p.wantDueOf(tenant, "ep_1", later(6), "dlv_2", "dlv_1")
	d.NextAttemptAt = time.Time{}
	p.update(d, nil)
	p.wantDueOf(tenant, "ep_1", later(9), "dlv_2")
}

func dueOfEndpointInvalid(p *probe) {
	p.two()
	for _, f := range []store.DueFilter{
		{Tenant: "t_a"},
		{EndpointID: "ep_1"},
		{Tenant: store.AllTenants},
		{Tenant: store.AllTenants, EndpointID: "ep_1"},
	} {
		f.Before = later(9)
		_, err := p.store.ListDue(p.ctx, f)
		p.wants(fmt.Sprintf("ListDue with Tenant %q and EndpointID %q", f.Tenant, f.EndpointID), err, store.ErrInvalidFilter)
	}
}
