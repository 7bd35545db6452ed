package storetest

import (
	"fmt"

	"github.com/outhook/outhook/store"
)

var tenantCases = []testCase{
	{"Tenants/Get", "An id of another tenant does not exist.", tenantGet},
	{"Tenants/Write", "An id of another tenant does not exist: it cannot be changed or removed.", tenantWrite},
	{"Tenants/SameIDs", "Records belong to a tenant: the same ids in two tenants are two records.", tenantSameIDs},
	{"Tenants/ListEndpoints", "Tenant: a tenant, or AllTenants.", tenantListEndpoints},
	{"Tenants/ListDeliveries", "Tenant: a tenant, or AllTenants.", tenantListDeliveries},
	{"Tenants/ListAttempts", "Tenant: a tenant, or AllTenants.", tenantListAttempts},
	{"Tenants/Required", "ErrInvalidFilter: a filter names no tenant.", tenantRequired},
}

// two writes one record of each kind for the tenants t_a and t_b. Endpoints
// and events have the same id in both.
func (p *probe) two() {
	for _, t := range []string{"t_a", "t_b"} {
		p.putEndpoint(newEndpoint(t, "ep_1"))
		e := newEvent(t, "evt_1")
		e.Payload = []byte(t)
		d := newDelivery(e, "dlv_"+t)
		p.createEvent(e, d)
		d.Version = 1
		p.update(d, newAttempt(d, "att_"+t))
	}
}

// strangers are tenants that see nothing of t_a and t_b.
var strangers = []string{"t_c", "", store.AllTenants, "t%", "T_A", "t_a "}

func tenantGet(p *probe) {
	p.two()
	for _, t := range strangers {
		_, err := p.store.GetEndpoint(p.ctx, t, "ep_1")
		p.wants(fmt.Sprintf("GetEndpoint of tenant %q", t), err, store.ErrNotFound)
		_, err = p.store.GetEvent(p.ctx, t, "evt_1")
		p.wants(fmt.Sprintf("GetEvent of tenant %q", t), err, store.ErrNotFound)
	}
	for _, t := range append(strangers, "t_b") {
		_, err := p.store.GetDelivery(p.ctx, t, "dlv_t_a")
		p.wants(fmt.Sprintf("GetDelivery of tenant %q", t), err, store.ErrNotFound)
		_, err = store.LoadJob(p.ctx, p.store, t, "dlv_t_a")
		p.wants(fmt.Sprintf("LoadJob of tenant %q", t), err, store.ErrNotFound)
	}
}

func tenantWrite(p *probe) {
	p.two()
	before := p.content()
	for _, t := range strangers {
		e := newEndpoint(t, "ep_1")
		e.Version = 1
		p.wants(fmt.Sprintf("PutEndpoint of tenant %q", t), p.store.PutEndpoint(p.ctx, e), store.ErrNotFound)
		p.wants(fmt.Sprintf("DeleteEndpoint of tenant %q", t), p.store.DeleteEndpoint(p.ctx, t, "ep_1"), store.ErrNotFound)
	}
	for _, t := range append(strangers, "t_b") {
		d := p.getDelivery("t_a", "dlv_t_a")
		d.Tenant, d.State = t, store.Canceled
		err := p.store.UpdateDelivery(p.ctx, d, newAttempt(d, "att_x"))
		p.wants(fmt.Sprintf("UpdateDelivery of tenant %q", t), err, store.ErrNotFound)
	}
	same(p, "after the writes of others", p.content(), before)
}

func tenantSameIDs(p *probe) {
	p.two()
	for _, t := range []string{"t_a", "t_b"} {
		same(p, "GetEvent: Payload", string(p.getEvent(t, "evt_1").Payload), t)
		same(p, "GetEndpoint: Tenant", p.getEndpoint(t, "ep_1").Tenant, t)
		got := p.deliveries(store.DeliveryFilter{Tenant: t, EventID: "evt_1", EndpointID: "ep_1"})
		same(p, "ListDeliveries", ids(got, deliveryID), []string{"dlv_" + t})
	}
	e := p.getEndpoint("t_a", "ep_1")
	e.Description = "changed in t_a"
	p.putEndpoint(e)
	same(p, "GetEndpoint of t_b: Description", p.getEndpoint("t_b", "ep_1").Description, "")
	p.must("DeleteEndpoint", p.store.DeleteEndpoint(p.ctx, "t_a", "ep_1"))
	p.getEndpoint("t_b", "ep_1")
}

func tenantListEndpoints(p *probe) {
	p.two()
	tenants := func(f store.EndpointFilter) []string {
		return ids(p.endpoints(f), func(e store.Endpoint) string { return e.Tenant })
	}
	same(p, "ListEndpoints of t_a", tenants(store.EndpointFilter{Tenant: "t_a"}), []string{"t_a"})
	same(p, "ListEndpoints of a stranger", tenants(store.EndpointFilter{Tenant: "t%"}), nil)
	same(p, "ListEndpoints of all tenants", len(tenants(store.EndpointFilter{Tenant: store.AllTenants})), 2)
}

func tenantListDeliveries(p *probe) {
	p.two()
	for _, f := range []store.DeliveryFilter{
		{},
		{EventID: "evt_1"},
		{EndpointID: "ep_1"},
		{EventType: "review.completed"},
		{States: []store.DeliveryState{store.Pending}},
	} {
		f.Tenant = "t_a"
		same(p, fmt.Sprintf("ListDeliveries %+v", f), ids(p.deliveries(f), deliveryID), []string{"dlv_t_a"})
		f.Tenant = "t%"
		same(p, fmt.Sprintf("ListDeliveries %+v", f), ids(p.deliveries(f), deliveryID), nil)
		f.Tenant = store.AllTenants
		same(p, fmt.Sprintf("ListDeliveries %+v", f), ids(p.deliveries(f), deliveryID), []string{"dlv_t_b", "dlv_t_a"})
	}
}

func tenantListAttempts(p *probe) {
	p.two()
	for _, f := range []store.AttemptFilter{
		{}, {EventID: "evt_1"}, {EndpointID: "ep_1"}, {EventType: "review.completed"}, {Outcome: store.OutcomeFailed},
	} {
		f.Tenant = "t_a"
		same(p, fmt.Sprintf("ListAttempts %+v", f), ids(p.attempts(f), attemptID), []string{"att_t_a"})
		f.Tenant = "t%"
		same(p, fmt.Sprintf("ListAttempts %+v", f), ids(p.attempts(f), attemptID), nil)
		f.Tenant = store.AllTenants
		same(p, fmt.Sprintf("ListAttempts %+v", f), ids(p.attempts(f), attemptID), []string{"att_t_b", "att_t_a"})
	}
	got := p.attempts(store.AttemptFilter{Tenant: "t_b", DeliveryID: "dlv_t_a"})
	same(p, "ListAttempts of another tenant's delivery", ids(got, attemptID), nil)
}

func tenantRequired(p *probe) {
	p.two()
	_, err := p.store.ListEndpoints(p.ctx, store.EndpointFilter{})
	p.wants("ListEndpoints", err, store.ErrInvalidFilter)
	_, err = p.store.ListDeliveries(p.ctx, store.DeliveryFilter{EventID: "evt_1"})
	p.wants("ListDeliveries", err, store.ErrInvalidFilter)
	_, err = p.store.ListAttempts(p.ctx, store.AttemptFilter{DeliveryID: "dlv_t_a"})
	p.wants("ListAttempts", err, store.ErrInvalidFilter)
}
