package storetest

import (
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

var jobCases = []testCase{
	{"LoadJob/EqualsGets", "LoadJob loads a delivery with its event and endpoint: what three gets return.", jobEqualsGets},
	{"LoadJob/Missing", "Event is nil if it was purged, Endpoint is nil if it was deleted.", jobMissing},
	{"LoadJob/NotFound", "LoadJob returns ErrNotFound if the tenant has no such delivery.", jobNotFound},
	{"LoadJob/Out", "What comes out is the caller's: changing it never changes what is stored.", jobOut},
}

// base hides the optional interfaces of a Store: the package functions fall
// back to the base interface.
type base struct{ store.Store }

// needs skips the case if the Store has no ability T.
func needs[T any](p *probe) {
	if _, ok := store.As[T](p.store); !ok {
		p.skipf("the Store is no %s", fmt.Sprintf("%T", new(T))[len("*store."):])
	}
}

// fullJob writes a delivery of which every field is set, with its event and
// its endpoint.
func (p *probe) fullJob() (job store.Job, event store.Event, endpoint store.Endpoint) {
	endpoint = filledEndpoint(1)
	p.putEndpoint(endpoint)
	endpoint.Version = 1
	event = filledEvent(2)
	d := filled[store.Delivery](3)
	d.ID, d.Tenant, d.EventID, d.EventType, d.EndpointID = "dlv_1", tenant, event.ID, event.Type, endpoint.ID
	p.createEvent(event, d)
	d.Version = 1
	return store.Job{Delivery: d, Event: &event, Endpoint: &endpoint}, event.Clone(), endpoint.Clone()
}

func (p *probe) checkJob(what string, want store.Job) store.Job {
	p.out.Helper()
	got, err := store.LoadJob(p.ctx, p.store, tenant, "dlv_1")
	p.must("LoadJob "+what, err)
	same(p, "LoadJob "+what, got, want)
	return got
}

func jobEqualsGets(p *probe) {
	needs[store.JobLoader](p)
	want, _, _ := p.fullJob()
	p.checkJob("of a filled delivery", want)
	gets, err := store.LoadJob(p.ctx, base{p.store}, tenant, "dlv_1")
	p.must("three gets", err)
	p.checkJob("and three gets", gets)
}

func jobMissing(p *probe) {
	needs[store.JobLoader](p)
	want, event, endpoint := p.fullJob()
	// Namesakes in another tenant must not stand in for what is missing.
	endpoint.Tenant, endpoint.Version, event.Tenant = "t_other", 0, "t_other"
	p.putEndpoint(endpoint)
	p.createEvent(event)

	p.must("DeleteEndpoint", p.store.DeleteEndpoint(p.ctx, tenant, want.Endpoint.ID))
	want.Endpoint = nil
	p.checkJob("of a deleted endpoint", want)

	// An event whose deliveries are all that is left cannot be had through the
	// base interface; a delivery that names one that never was can.
	e := newEvent(tenant, "evt_kept")
	d := newDelivery(e, "dlv_2")
	d.EventID, d.EndpointID = "evt_purged", "ep_1"
	if err := p.store.CreateEvent(p.ctx, e, []store.Delivery{d}); err != nil {
		return // its deliveries are bound to its events: then this cannot happen
	}
	got, err := store.LoadJob(p.ctx, p.store, tenant, "dlv_2")
	p.must("LoadJob of a purged event", err)
	if got.Event != nil {
		p.Errorf("LoadJob of a purged event: Event is %+v, want nil", got.Event)
	}
}

func jobNotFound(p *probe) {
	needs[store.JobLoader](p)
	p.fullJob()
	_, err := store.LoadJob(p.ctx, p.store, tenant, "dlv_2")
	p.wants("LoadJob", err, store.ErrNotFound)
}

func jobOut(p *probe) {
	needs[store.JobLoader](p)
	want, _, _ := p.fullJob()
	got := p.checkJob("of a filled delivery", want)
	overwrite(&got)
	p.checkJob("after its result was changed", want)
}

var statsCases = []testCase{
	{"Stats/EqualsFallback", "Stats counts attempts by time: what reading the attempts returns.", statsEqualFallback},
	{"Stats/Empty", "Stats returns every bucket of the range, in order, empty ones too.", statsEmpty},
}

func statsEqualFallback(p *probe) {
	needs[store.StatsSource](p)
	p.history()
	d := p.createDelivery("t_a", "dlv_slow")
	for i := range 30 { // enough of them for the percentiles to differ
		a := newAttempt(d, fmt.Sprintf("att_slow_%d", i))
		a.EndpointID, a.StartedAt = "ep_0", later(i%4)
		a.EndedAt, a.Succeeded = a.StartedAt.Add(time.Duration(i*i)*time.Millisecond), i%3 == 0
		d = p.update(d, a)
	}
	for _, f := range []store.StatsFilter{
		{Tenant: "t_a", Since: later(0), Until: later(5)},
		{Tenant: "t_a", Since: later(0), Until: later(5), Bucket: time.Second},
		{Tenant: "t_a", Since: later(1), Until: later(4), Bucket: 2 * time.Second},
		{Tenant: "t_a", EndpointID: "ep_0", Since: later(-9), Until: later(9), Bucket: 700 * time.Millisecond},
		{Tenant: store.AllTenants, Since: later(0), Until: later(5), Bucket: time.Second},
		{Tenant: "t_c", Since: later(0), Until: later(5), Bucket: time.Second},
	} {
		p.checkStats(f)
	}
}

func (p *probe) checkStats(f store.StatsFilter) {
	p.out.Helper()
	want, err := store.Stats(p.ctx, base{p.store}, f)
	p.must("Stats by reading the attempts", err)
	got, err := store.Stats(p.ctx, p.store, f)
	p.must("Stats", err)
	same(p, fmt.Sprintf("Stats %+v", f), got, want)
}

func statsEmpty(p *probe) {
	needs[store.StatsSource](p)
	p.checkStats(store.StatsFilter{Tenant: tenant, Since: later(0), Until: later(10), Bucket: 3 * time.Second})
}
