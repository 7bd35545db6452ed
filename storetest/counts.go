package storetest

import (
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

var countCases = []testCase{
	{"CountDeliveries/EqualsFallback", "CountDeliveries returns how many deliveries match: what listing them returns.", countEqualsFallback},
	{"CountDeliveries/Most", "CountDeliveries stops counting at most.", countMost},
	{"CountDeliveries/Change", "CountDeliveries counts the deliveries that match now.", countChange},
	{"CountDeliveries/Cursor", "With a Cursor CountDeliveries counts those that come after it in the list, and it ignores the Limit.", countCursor},
}

func pendingOf(tenant string) store.DeliveryFilter {
	return store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}
}

func (p *probe) wantCount(f store.DeliveryFilter, most, want int) {
	p.out.Helper()
	got, err := store.CountDeliveries(p.ctx, p.store, f, most)
	p.must("CountDeliveries", err)
	same(p, fmt.Sprintf("CountDeliveries of %+v, at most %d", f, most), got, want)
}

// deliveriesToCount are of several tenants, endpoints, types, times and states.
func (p *probe) deliveriesToCount() {
	for i, t := range []string{"t_a", "t_b", "t_a"} {
		e := newEvent(t, fmt.Sprintf("evt_%d", i))
		e.Type, e.CreatedAt = fmt.Sprintf("type.%d", i%2), later(i)
		var deliveries []store.Delivery
		for j, state := range []store.DeliveryState{store.Succeeded, store.Pending, store.Failed, store.Pending, store.Canceled} {
			d := newDelivery(e, fmt.Sprintf("dlv_%d_%d", i, j))
			d.State, d.EndpointID = state, fmt.Sprintf("ep_%d", j/2)
			if j == 1 {
				d.NextAttemptAt = time.Time{} // pending, though it is not due
			}
			deliveries = append(deliveries, d)
		}
		p.createEvent(e, deliveries...)
	}
}

func countEqualsFallback(p *probe) {
	needs[store.DeliveryCounter](p)
	p.deliveriesToCount()
	lost := []store.DeliveryState{store.Failed, store.Canceled, store.Failed}
	var filters []store.DeliveryFilter
	for _, t := range []string{"t_a", "t_b", "t_c", "t%", "T_A", store.AllTenants} {
		filters = append(filters, pendingOf(t), store.DeliveryFilter{Tenant: t}, store.DeliveryFilter{Tenant: t, States: lost})
	}
	for _, change := range []func(f *store.DeliveryFilter){
		func(f *store.DeliveryFilter) { f.EndpointID = "ep_1" },
		func(f *store.DeliveryFilter) { f.EventID = "evt_2" },
		func(f *store.DeliveryFilter) { f.EventType = "type.0" },
		func(f *store.DeliveryFilter) { f.Since = later(1) },
		func(f *store.DeliveryFilter) { f.Until = later(2) },
	} {
		for _, f := range []store.DeliveryFilter{pendingOf("t_a"), {Tenant: "t_a"}, {Tenant: store.AllTenants, States: lost}} {
			change(&f)
			filters = append(filters, f)
		}
	}
	for _, f := range filters {
		want, err := store.CountDeliveries(p.ctx, base{p.store}, f, 100)
		p.must("CountDeliveries by listing", err)
		p.wantCount(f, 100, want)
	}
}

func countMost(p *probe) {
	needs[store.DeliveryCounter](p)
	addDue(p, sequence("dlv", 5)...)
	ended := p.createDelivery(tenant, "dlv_ended")
	ended.State = store.Failed
	p.update(ended, nil)
	either := store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Failed, store.Pending}}
	for most := 1; most <= 7; most++ {
		p.wantCount(pendingOf(tenant), most, min(most, 5))
		p.wantCount(pendingOf(store.AllTenants), most, min(most, 5))
		p.wantCount(store.DeliveryFilter{Tenant: tenant}, most, min(most, 6))
		p.wantCount(either, most, min(most, 6))
	}
}

func countChange(p *probe) {
	needs[store.DeliveryCounter](p)
	d := p.createDelivery(tenant, "dlv_1")
	p.createDelivery(tenant, "dlv_2")
	for _, state := range []store.DeliveryState{store.Succeeded, store.Failed, store.Canceled} {
		ended := store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{state}}
		d.State = state
		d = p.update(d, nil)
		p.wantCount(pendingOf(tenant), 9, 1)
		p.wantCount(ended, 9, 1)
		d.State = store.Pending
		d = p.update(d, newAttempt(d, "att_"+string(state)))
		p.wantCount(pendingOf(tenant), 9, 2)
		p.wantCount(ended, 9, 0)
	}
	d.NextAttemptAt = time.Time{}
	p.update(d, nil)
	p.wantCount(pendingOf(tenant), 9, 2)
}

func countCursor(p *probe) {
	needs[store.DeliveryCounter](p)
	p.deliveriesToCount()
	for _, f := range []store.DeliveryFilter{
		{Tenant: "t_a"},
		pendingOf("t_a"), pendingOf(store.AllTenants),
		{Tenant: store.AllTenants, States: []store.DeliveryState{store.Failed, store.Pending}},
	} {
		f.Limit = 1
		left := len(p.deliveries(store.DeliveryFilter{Tenant: f.Tenant, States: f.States}))
		for ; left > 0; left-- {
			p.wantCount(f, 99, left)
			page, err := p.store.ListDeliveries(p.ctx, f)
			p.must("ListDeliveries", err)
			if page.Next == "" {
				break
			}
			f.Cursor = page.Next
		}
		same(p, "deliveries on the last page", left, 1)
	}
	_, err := store.CountDeliveries(p.ctx, p.store, store.DeliveryFilter{Tenant: tenant, Cursor: "no cursor"}, 9)
	p.wants("CountDeliveries with a forged Cursor", err, store.ErrInvalidFilter)
}
