package storetest

import (
	"github.com/outhook/outhook/store"
)

var endpointCases = []testCase{
	{"PutEndpoint/Exists", "Version 0 creates: if the tenant has an endpoint of that ID it returns an error wrapping ErrExists.", endpointExists},
	{"PutEndpoint/NotFound", "Any other Version replaces: it returns ErrNotFound if there is no such endpoint.", endpointNotFound},
	{"PutEndpoint/Conflict", "PutEndpoint returns ErrConflict if the stored Version differs.", endpointConflict},
	{"PutEndpoint/Version", "PutEndpoint stores the endpoint with Version e.Version+1.", endpointVersion},
	{"GetEndpoint/NotFound", "GetEndpoint returns ErrNotFound if the tenant has no such endpoint.", getEndpointNotFound},
	{"DeleteEndpoint/Removes", "DeleteEndpoint removes the endpoint. An ID that was removed can be created again.", deleteEndpoint},
	{"DeleteEndpoint/NotFound", "DeleteEndpoint returns ErrNotFound if there is none.", deleteEndpointNotFound},
	{"DeleteEndpoint/KeepsHistory", "DeleteEndpoint: its deliveries and attempts stay.", deleteEndpointKeeps},
}

func endpointExists(p *probe) {
	e := newEndpoint(tenant, "ep_1")
	p.putEndpoint(e)
	e.Description = "a second one"
	p.wants("PutEndpoint", p.store.PutEndpoint(p.ctx, e), store.ErrExists)
	same(p, "GetEndpoint after ErrExists", p.getEndpoint(tenant, "ep_1").Description, "")
}

func endpointNotFound(p *probe) {
	e := newEndpoint(tenant, "ep_1")
	e.Version = 1
	p.wants("PutEndpoint", p.store.PutEndpoint(p.ctx, e), store.ErrNotFound)
	same(p, "ListEndpoints after ErrNotFound", p.endpoints(store.EndpointFilter{Tenant: tenant}), nil)
}

func endpointConflict(p *probe) {
	e := newEndpoint(tenant, "ep_1")
	p.putEndpoint(e)
	e.Version = 1
	p.putEndpoint(e)
	for _, version := range []int64{1, 3, 100} {
		e.Version, e.Description = version, "from somebody who read another version"
		p.wants("PutEndpoint", p.store.PutEndpoint(p.ctx, e), store.ErrConflict)
	}
	same(p, "GetEndpoint after ErrConflict", p.getEndpoint(tenant, "ep_1").Description, "")
}

func endpointVersion(p *probe) {
	e := newEndpoint(tenant, "ep_1")
	for version := range int64(4) {
		e.Version = version
		p.putEndpoint(e)
		same(p, "GetEndpoint: Version", p.getEndpoint(tenant, "ep_1").Version, version+1)
	}
}

func getEndpointNotFound(p *probe) {
	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	_, err := p.store.GetEndpoint(p.ctx, tenant, "ep_2")
	p.wants("GetEndpoint", err, store.ErrNotFound)
}

func deleteEndpoint(p *probe) {
	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	p.putEndpoint(newEndpoint(tenant, "ep_2"))
	p.must("DeleteEndpoint", p.store.DeleteEndpoint(p.ctx, tenant, "ep_1"))
	_, err := p.store.GetEndpoint(p.ctx, tenant, "ep_1")
	p.wants("GetEndpoint", err, store.ErrNotFound)
	same(p, "ListEndpoints", ids(p.endpoints(store.EndpointFilter{Tenant: tenant}), endpointID), []string{"ep_2"})

	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	same(p, "GetEndpoint: Version of one created again", p.getEndpoint(tenant, "ep_1").Version, 1)
}

func deleteEndpointNotFound(p *probe) {
	p.wants("DeleteEndpoint", p.store.DeleteEndpoint(p.ctx, tenant, "ep_1"), store.ErrNotFound)
	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	p.must("DeleteEndpoint", p.store.DeleteEndpoint(p.ctx, tenant, "ep_1"))
	p.wants("DeleteEndpoint, again", p.store.DeleteEndpoint(p.ctx, tenant, "ep_1"), store.ErrNotFound)
}

func deleteEndpointKeeps(p *probe) {
	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	d := p.createDelivery(tenant, "dlv_1")
	p.update(d, newAttempt(d, "att_1"))
	p.must("DeleteEndpoint", p.store.DeleteEndpoint(p.ctx, tenant, "ep_1"))
	same(p, "ListDeliveries", ids(p.deliveries(store.DeliveryFilter{Tenant: tenant, EndpointID: "ep_1"}), deliveryID), []string{"dlv_1"})
	same(p, "ListAttempts", ids(p.attempts(store.AttemptFilter{Tenant: tenant, EndpointID: "ep_1"}), attemptID), []string{"att_1"})
}

var eventCases = []testCase{
	{"CreateEvent/Exists", "If the tenant has an event of that ID CreateEvent writes nothing and returns an error wrapping ErrExists.", eventExists},
	{"CreateEvent/DeliveryExists", "If one of the deliveries exists already CreateEvent writes nothing, all or nothing, and returns an error wrapping ErrExists.", eventDeliveryExists},
	{"CreateEvent/NoDeliveries", "There may be no deliveries.", eventNoDeliveries},
	{"CreateEvent/Version", "Each delivery is stored with Version 1, whatever it comes with.", eventVersion},
	{"GetEvent/NotFound", "GetEvent returns ErrNotFound if the tenant has no such event.", getEventNotFound},
}

func eventExists(p *probe) {
	e := newEvent(tenant, "evt_1")
	p.createEvent(e, newDelivery(e, "dlv_1"))
	before := p.content()

	again := e
	again.Payload = []byte("another one")
	err := p.store.CreateEvent(p.ctx, again, []store.Delivery{newDelivery(e, "dlv_1"), newDelivery(e, "dlv_2")})
	p.wants("CreateEvent", err, store.ErrExists)
	same(p, "GetEvent after ErrExists", p.getEvent(tenant, "evt_1"), e)
	same(p, "after ErrExists", p.content(), before)
}

func eventDeliveryExists(p *probe) {
	first := newEvent(tenant, "evt_1")
	p.createEvent(first, newDelivery(first, "dlv_taken"))
	before := p.content()

	e := newEvent(tenant, "evt_2")
	err := p.store.CreateEvent(p.ctx, e, []store.Delivery{
		newDelivery(e, "dlv_2"), newDelivery(e, "dlv_taken"), newDelivery(e, "dlv_3"),
	})
	p.wants("CreateEvent", err, store.ErrExists)
	_, err = p.store.GetEvent(p.ctx, tenant, "evt_2")
	p.wants("GetEvent after ErrExists", err, store.ErrNotFound)
	same(p, "after ErrExists", p.content(), before)
	same(p, "ListDue after ErrExists", ids(p.due(store.DueFilter{Before: later(9)}), deliveryID), []string{"dlv_taken"})

	p.createEvent(e, newDelivery(e, "dlv_2"))
}

func eventNoDeliveries(p *probe) {
	e := newEvent(tenant, "evt_1")
	p.createEvent(e)
	same(p, "GetEvent", p.getEvent(tenant, "evt_1"), e)
	same(p, "ListDeliveries", p.deliveries(store.DeliveryFilter{Tenant: tenant}), nil)
}

func eventVersion(p *probe) {
	e := newEvent(tenant, "evt_1")
	d := newDelivery(e, "dlv_1")
	d.Version = 7
	p.createEvent(e, d, newDelivery(e, "dlv_2"))
	for _, id := range []string{"dlv_1", "dlv_2"} {
		same(p, "GetDelivery: Version", p.getDelivery(tenant, id).Version, 1)
	}
}

func getEventNotFound(p *probe) {
	p.createEvent(newEvent(tenant, "evt_1"))
	_, err := p.store.GetEvent(p.ctx, tenant, "evt_2")
	p.wants("GetEvent", err, store.ErrNotFound)
}

var deliveryCases = []testCase{
	{"GetDelivery/NotFound", "GetDelivery returns ErrNotFound if the tenant has no such delivery.", getDeliveryNotFound},
	{"UpdateDelivery/NotFound", "UpdateDelivery returns ErrNotFound if there is no such delivery, and writes nothing.", updateNotFound},
	{"UpdateDelivery/Conflict", "UpdateDelivery returns ErrConflict if the stored Version differs, and writes neither the delivery nor the attempt.", updateConflict},
	{"UpdateDelivery/Version", "UpdateDelivery stores the delivery with Version d.Version+1.", updateVersion},
	{"UpdateDelivery/NoAttempt", "UpdateDelivery appends the attempt if a is not nil, and none if it is.", updateNoAttempt},
	{"UpdateDelivery/Appends", "Attempts are only ever appended.", updateAppends},
	{"UpdateDelivery/Immutable", "Tenant, EventID, EndpointID, EventType and CreatedAt of a delivery never change.", updateImmutable},
}

func getDeliveryNotFound(p *probe) {
	p.createDelivery(tenant, "dlv_1")
	_, err := p.store.GetDelivery(p.ctx, tenant, "dlv_2")
	p.wants("GetDelivery", err, store.ErrNotFound)
}

func updateNotFound(p *probe) {
	d := newDelivery(newEvent(tenant, "evt_1"), "dlv_1")
	for _, version := range []int64{0, 1} {
		d.Version = version
		p.wants("UpdateDelivery", p.store.UpdateDelivery(p.ctx, d, newAttempt(d, "att_1")), store.ErrNotFound)
	}
	same(p, "after ErrNotFound", p.content(), content{})
}

func updateConflict(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	d = p.update(d, newAttempt(d, "att_1"))
	before := p.content()
	for _, version := range []int64{0, 1, 3, 100} {
		stale := d
		stale.Version, stale.State, stale.Attempts = version, store.Succeeded, 9
		p.wants("UpdateDelivery", p.store.UpdateDelivery(p.ctx, stale, newAttempt(d, "att_2")), store.ErrConflict)
		same(p, "after ErrConflict", p.content(), before)
	}
}

func updateVersion(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	for version := range int64(4) {
		d = p.update(d, nil)
		same(p, "GetDelivery: Version", p.getDelivery(tenant, "dlv_1").Version, version+2)
	}
}

func updateNoAttempt(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	d = p.update(d, nil)
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant}), nil)
	p.update(d, newAttempt(d, "att_1"))
	same(p, "ListAttempts", ids(p.attempts(store.AttemptFilter{Tenant: tenant}), attemptID), []string{"att_1"})
}

func updateAppends(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	first := newAttempt(d, "att_1")
	d = p.update(d, first)
	second := newAttempt(d, "att_2")
	second.StartedAt, second.Number = later(1), 2
	d = p.update(d, second)
	want := []store.Attempt{*second, *first}
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant}), want)

	// What a second attempt of one ID does is not defined, except for this: it
	// must not change the first one. It may well be refused.
	forged := *first
	forged.Status, forged.Error = 200, "rewritten"
	_ = p.store.UpdateDelivery(p.ctx, d, &forged)
	for _, a := range p.attempts(store.AttemptFilter{Tenant: tenant}) {
		if a.ID == first.ID && a.Error == first.Error {
			return
		}
	}
	p.Errorf("ListAttempts: attempt %q was overwritten by another of that ID", first.ID)
}

func updateImmutable(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	changed := d
	changed.EventID, changed.EndpointID, changed.EventType = "evt_x", "ep_x", "type.x"
	changed.CreatedAt = later(100)
	// The Store may refuse the write as well as ignore these fields.
	_ = p.store.UpdateDelivery(p.ctx, changed, nil)

	got := p.getDelivery(tenant, "dlv_1")
	got.Version = d.Version
	same(p, "GetDelivery", got, d)
	for _, f := range []store.DeliveryFilter{
		{Tenant: tenant, EventID: d.EventID},
		{Tenant: tenant, EndpointID: d.EndpointID},
		{Tenant: tenant, EventType: d.EventType},
		{Tenant: tenant, Until: later(1)},
	} {
		same(p, "ListDeliveries", ids(p.deliveries(f), deliveryID), []string{"dlv_1"})
	}
}
