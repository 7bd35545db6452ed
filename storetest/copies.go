package storetest

import (
	"reflect"

	"github.com/outhook/outhook/store"
)

var copyCases = []testCase{
	{"Copies/EndpointIn", "What goes in is copied and left as it is.", endpointIn},
	{"Copies/EventIn", "What goes in is copied and left as it is.", eventIn},
	{"Copies/AttemptIn", "What goes in is copied and left as it is.", attemptIn},
	{"Copies/EndpointOut", "What comes out is the caller's: changing it never changes what is stored.", endpointOut},
	{"Copies/EventOut", "What comes out is the caller's: changing it never changes what is stored.", eventOut},
	{"Copies/DeliveryOut", "What comes out is the caller's: changing it never changes what is stored.", deliveryOut},
	{"Copies/AttemptOut", "What comes out is the caller's: changing it never changes what is stored.", attemptOut},
}

// overwrite scrambles what v shares with other copies of it.
func overwrite[T any](v *T) { scramble(reflect.ValueOf(v).Elem()) }

func endpointIn(p *probe) {
	in, want := filledEndpoint(1), filledEndpoint(1)
	p.putEndpoint(in)
	same(p, "the argument of PutEndpoint", in, want)
	overwrite(&in)
	want.Version = 1
	p.checkEndpoint(want)
}

func eventIn(p *probe) {
	in, want := filledEvent(1), filledEvent(1)
	deliveries := []store.Delivery{newDelivery(in, "dlv_1"), newDelivery(in, "dlv_2")}
	first := deliveries[0]
	p.must("CreateEvent", p.store.CreateEvent(p.ctx, in, deliveries))
	same(p, "the event given to CreateEvent", in, want)
	same(p, "a delivery given to CreateEvent", deliveries[0], first)

	overwrite(&in)
	overwrite(&deliveries)
	same(p, "GetEvent", p.getEvent(tenant, want.ID), want)
	first.Version = 1
	same(p, "GetDelivery", p.getDelivery(tenant, "dlv_1"), first)
}

func attemptIn(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	in, want := filled[store.Attempt](1), filled[store.Attempt](1)
	in.Tenant, want.Tenant = tenant, tenant
	p.must("UpdateDelivery", p.store.UpdateDelivery(p.ctx, d, &in))
	same(p, "the attempt given to UpdateDelivery", in, want)
	pointer := &in
	overwrite(&pointer)
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant}), []store.Attempt{want})
}

func endpointOut(p *probe) {
	e := filledEndpoint(1)
	p.putEndpoint(e)
	e.Version = 1

	got := p.getEndpoint(tenant, e.ID)
	overwrite(&got)
	p.checkEndpoint(e)

	list := p.endpoints(store.EndpointFilter{Tenant: tenant})
	overwrite(&list)
	p.checkEndpoint(e)
}

func eventOut(p *probe) {
	e := filledEvent(1)
	p.createEvent(e)
	got := p.getEvent(tenant, e.ID)
	overwrite(&got)
	same(p, "GetEvent", p.getEvent(tenant, e.ID), e)
}

func deliveryOut(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	list, due := p.deliveries(store.DeliveryFilter{Tenant: tenant}), p.due(store.DueFilter{Before: later(9)})
	overwrite(&list)
	overwrite(&due)
	p.checkDelivery(d)
}

func attemptOut(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	want := filled[store.Attempt](1)
	want.Tenant = tenant
	p.update(d, &want)
	got := p.attempts(store.AttemptFilter{Tenant: tenant})
	overwrite(&got)
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant}), []store.Attempt{want})
}
