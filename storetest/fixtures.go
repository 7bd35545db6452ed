package storetest

import (
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

// epoch is the time of the cases: fixed, and exact to the microsecond.
var epoch = time.Date(2026, time.January, 2, 3, 4, 5, 678_901_000, time.UTC)

// later returns the epoch and n seconds.
func later(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

const tenant = "tenant_1"

func newEndpoint(tenant, id string) store.Endpoint {
	return store.Endpoint{
		ID: id, Tenant: tenant, URL: "https://example.com/" + id,
		CreatedAt: epoch, UpdatedAt: epoch,
	}
}

func newEvent(tenant, id string) store.Event {
	return store.Event{
		ID: id, Tenant: tenant, Type: "review.completed",
		Payload: []byte(`{"id":"` + id + `"}`), CreatedAt: epoch,
	}
}

// newDelivery returns a pending delivery of e, due at the epoch.
func newDelivery(e store.Event, id string) store.Delivery {
	return store.Delivery{
		ID: id, Tenant: e.Tenant, EventID: e.ID, EventType: e.Type, EndpointID: "ep_1",
		State: store.Pending, Round: 1, Trigger: store.TriggerSchedule, NextAttemptAt: epoch,
		CreatedAt: e.CreatedAt, UpdatedAt: e.CreatedAt,
	}
}

// newAttempt returns a failed attempt of d.
func newAttempt(d store.Delivery, id string) *store.Attempt {
	return &store.Attempt{
		ID: id, DeliveryID: d.ID, Tenant: d.Tenant, EventID: d.EventID, EndpointID: d.EndpointID,
		EventType: d.EventType, Round: d.Round, Number: d.Attempts + 1, Trigger: d.Trigger,
		ScheduledAt: epoch, StartedAt: epoch, EndedAt: later(1),
		Status: 500, ErrorClass: store.ErrorStatus, Error: "500 Internal Server Error",
	}
}

func (p *probe) putEndpoint(e store.Endpoint) {
	p.out.Helper()
	p.must("PutEndpoint "+e.ID, p.store.PutEndpoint(p.ctx, e))
}

func (p *probe) createEvent(e store.Event, deliveries ...store.Delivery) {
	p.out.Helper()
	p.must("CreateEvent "+e.ID, p.store.CreateEvent(p.ctx, e, deliveries))
}

// createDelivery creates an event with one delivery, and returns the delivery
// as the Store has it.
func (p *probe) createDelivery(tenant, id string) store.Delivery {
	p.out.Helper()
	e := newEvent(tenant, "evt_of_"+id)
	p.createEvent(e, newDelivery(e, id))
	return p.getDelivery(tenant, id)
}

// update writes d and returns it with the Version it has now.
func (p *probe) update(d store.Delivery, a *store.Attempt) store.Delivery {
	p.out.Helper()
	p.must("UpdateDelivery "+d.ID, p.store.UpdateDelivery(p.ctx, d, a))
	d.Version++
	return d
}

func (p *probe) getEndpoint(tenant, id string) store.Endpoint {
	p.out.Helper()
	e, err := p.store.GetEndpoint(p.ctx, tenant, id)
	p.must("GetEndpoint "+id, err)
	return e
}

func (p *probe) getEvent(tenant, id string) store.Event {
	p.out.Helper()
	e, err := p.store.GetEvent(p.ctx, tenant, id)
	p.must("GetEvent "+id, err)
	return e
}

func (p *probe) getDelivery(tenant, id string) store.Delivery {
	p.out.Helper()
	d, err := p.store.GetDelivery(p.ctx, tenant, id)
	p.must("GetDelivery "+id, err)
	return d
}

func (p *probe) endpoints(f store.EndpointFilter) []store.Endpoint {
	p.out.Helper()
	page, err := p.store.ListEndpoints(p.ctx, f)
	p.must(fmt.Sprintf("ListEndpoints %+v", f), err)
	return page.Items
}

func (p *probe) deliveries(f store.DeliveryFilter) []store.Delivery {
	p.out.Helper()
	page, err := p.store.ListDeliveries(p.ctx, f)
	p.must(fmt.Sprintf("ListDeliveries %+v", f), err)
	return page.Items
}

func (p *probe) attempts(f store.AttemptFilter) []store.Attempt {
	p.out.Helper()
	page, err := p.store.ListAttempts(p.ctx, f)
	p.must(fmt.Sprintf("ListAttempts %+v", f), err)
	return page.Items
}

func (p *probe) due(f store.DueFilter) []store.Delivery {
	p.out.Helper()
	page, err := p.store.ListDue(p.ctx, f)
	p.must(fmt.Sprintf("ListDue %+v", f), err)
	return page.Items
}

// content is all that a Store can show, for cases in which nothing may change.
type content struct {
	Endpoints  []store.Endpoint
	Deliveries []store.Delivery
	Attempts   []store.Attempt
}

func (p *probe) content() content {
	p.out.Helper()
	return content{
		Endpoints:  p.endpoints(store.EndpointFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}),
		Deliveries: p.deliveries(store.DeliveryFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}),
		Attempts:   p.attempts(store.AttemptFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}),
	}
}

// ids returns the ids of records in their order.
func ids[T any](records []T, id func(T) string) []string {
	list := make([]string, len(records))
	for i, r := range records {
		list[i] = id(r)
	}
	return list
}

func deliveryID(d store.Delivery) string { return d.ID }

func attemptID(a store.Attempt) string { return a.ID }

func endpointID(e store.Endpoint) string { return e.ID }
