package storetest

import (
	"fmt"

	"github.com/outhook/outhook/store"
)

// The cases of this file write records in which every field has a value of its
// own, and read them back in every way there is. Three seeds, because a bool
// that is true everywhere could have been kept in the column of another.
var seeds = []int{1, 2, 3}

var fieldCases = []testCase{
	{"PutEndpoint/EveryField", "What goes in comes back: every field of an Endpoint.", endpointFields},
	{"PutEndpoint/EveryFieldReplaced", "PutEndpoint with a Version other than 0 replaces: every field of an Endpoint.", endpointFieldsReplaced},
	{"CreateEvent/EveryField", "What goes in comes back: every field of an Event.", eventFields},
	{"CreateEvent/EveryDeliveryField", "What goes in comes back: every field of a Delivery. It is stored with Version 1.", deliveryFields},
	{"UpdateDelivery/EveryField", "UpdateDelivery writes every field of a Delivery but Tenant, EventID, EndpointID, EventType and CreatedAt.", deliveryFieldsUpdated},
	{"UpdateDelivery/EveryAttemptField", "What goes in comes back: every field of an Attempt.", attemptFields},
}

func filledEndpoint(seed int) store.Endpoint {
	e := filled[store.Endpoint](seed)
	e.ID, e.Tenant, e.Version = fmt.Sprintf("ep_%d", seed), tenant, 0
	return e
}

func (p *probe) checkEndpoint(want store.Endpoint) {
	p.out.Helper()
	same(p, "GetEndpoint", p.getEndpoint(want.Tenant, want.ID), want)
	for _, e := range p.endpoints(store.EndpointFilter{Tenant: want.Tenant}) {
		if e.ID == want.ID {
			same(p, "ListEndpoints", e, want)
			return
		}
	}
	p.Errorf("ListEndpoints: %q is missing", want.ID)
}

func endpointFields(p *probe) {
	for _, seed := range seeds {
		e := filledEndpoint(seed)
		p.putEndpoint(e)
		e.Version = 1
		p.checkEndpoint(e)
	}
}

func endpointFieldsReplaced(p *probe) {
	for _, seed := range seeds {
		e := filledEndpoint(seed)
		p.putEndpoint(e)

		replaced := filled[store.Endpoint](seed + 2)
		replaced.ID, replaced.Tenant, replaced.Version = e.ID, e.Tenant, 1
		p.putEndpoint(replaced)
		replaced.Version = 2
		p.checkEndpoint(replaced)

		empty := newEndpoint(e.Tenant, e.ID)
		empty.Version = 2
		p.putEndpoint(empty)
		empty.Version = 3
		p.checkEndpoint(empty)
	}
}

func filledEvent(seed int) store.Event {
	e := filled[store.Event](seed)
	e.ID, e.Tenant = fmt.Sprintf("evt_%d", seed), tenant
	return e
}

func eventFields(p *probe) {
	for _, seed := range seeds {
		e := filledEvent(seed)
		p.createEvent(e)
		same(p, "GetEvent", p.getEvent(tenant, e.ID), e)
	}
}

// filledDelivery returns a Delivery of an event that it has created.
func (p *probe) filledDelivery(seed int) store.Delivery {
	e := filledEvent(seed)
	d := filled[store.Delivery](seed)
	d.ID, d.Tenant, d.EventID, d.EventType = fmt.Sprintf("dlv_%d", seed), e.Tenant, e.ID, e.Type
	p.createEvent(e, d)
	d.Version = 1
	return d
}

func (p *probe) checkDelivery(want store.Delivery) {
	p.out.Helper()
	same(p, "GetDelivery", p.getDelivery(want.Tenant, want.ID), want)
	same(p, "ListDeliveries",
		p.deliveries(store.DeliveryFilter{Tenant: want.Tenant, EventID: want.EventID}), []store.Delivery{want})
	if want.State != store.Pending {
		return
	}
	for _, d := range p.due(store.DueFilter{Before: want.NextAttemptAt.Add(1000)}) {
		if d.ID == want.ID {
			same(p, "ListDue", d, want)
			return
		}
	}
	p.Errorf("ListDue: %q is missing", want.ID)
}

func deliveryFields(p *probe) {
	for _, seed := range seeds {
		p.checkDelivery(p.filledDelivery(seed))
	}
}

func deliveryFieldsUpdated(p *probe) {
	for _, seed := range seeds {
		created := p.filledDelivery(seed)
		d := filled[store.Delivery](seed + 2)
		d.ID, d.Tenant, d.EventID, d.Version = created.ID, created.Tenant, created.EventID, 1
		d.EndpointID, d.EventType, d.CreatedAt = created.EndpointID, created.EventType, created.CreatedAt
		d.State, d.Trigger, d.LastErrorClass = store.Pending, store.TriggerTest, store.ErrorDNS
		p.checkDelivery(p.update(d, nil))
	}
}

func attemptFields(p *probe) {
	for _, seed := range seeds {
		d := p.filledDelivery(seed)
		a := filled[store.Attempt](seed)
		a.DeliveryID, a.Tenant, a.EventID, a.EndpointID = d.ID, d.Tenant, d.EventID, d.EndpointID
		p.update(d, &a)
		same(p, "ListAttempts",
			p.attempts(store.AttemptFilter{Tenant: tenant, DeliveryID: d.ID}), []store.Attempt{a})
	}
}
