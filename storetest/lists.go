package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/outhook/outhook/store"
)

// record is one place in a list.
type record struct {
	id string
	at time.Time
}

// list is one of the four list methods, reduced to what they have in common.
// ListDue is two: of all, and of one endpoint.
type list struct {
	name string
	rule string
	// oldestFirst is set for ListDue.
	oldestFirst bool
	// add writes records that the list orders by id and at. Every other time
	// in them runs the other way, so that a Store cannot go by the wrong one.
	add func(p *probe, records ...record)
	// page reads them back.
	page func(p *probe, limit int, cursor string) (records []record, next string, err error)
}

func lists() []list {
	return []list{
		{"ListEndpoints", "newest first: by CreatedAt, then ID, both descending", false, addEndpoints, pageOfEndpoints},
		{"ListDeliveries", "newest first: by CreatedAt, then ID, both descending", false, addDeliveries, pageOfDeliveries},
		{"ListAttempts", "newest first: by StartedAt, then ID, both descending", false, addAttempts, pageOfAttempts},
		{"ListDue", "the longest overdue first: by NextAttemptAt, then ID, both ascending", true, addDue, pageOfDue},
		{"ListDueOfEndpoint", "the longest overdue first: by NextAttemptAt, then ID, both ascending", true, addDueOfEndpoint, pageOfDueOfEndpoint},
	}
}

func (l list) sort(records []record) []record {
	sorted := slices.Clone(records)
	slices.SortFunc(sorted, func(a, b record) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	if !l.oldestFirst {
		slices.Reverse(sorted)
	}
	return sorted
}

// opposite is a time that gets smaller as t gets larger.
func opposite(t time.Time) time.Time { return epoch.Add(-t.Sub(epoch)) }

func addEndpoints(p *probe, records ...record) {
	for _, r := range records {
		e := newEndpoint(tenant, r.id)
		e.CreatedAt, e.UpdatedAt = r.at, opposite(r.at)
		p.putEndpoint(e)
	}
}

func pageOfEndpoints(p *probe, limit int, cursor string) ([]record, string, error) {
	page, err := p.store.ListEndpoints(p.ctx, store.EndpointFilter{Tenant: tenant, Limit: limit, Cursor: cursor})
	return places(page, func(e store.Endpoint) record { return record{e.ID, e.CreatedAt} }), page.Next, err
}

// addAllDeliveries writes them with one event: a thousand are one write.
func addAllDeliveries(p *probe, tenant string, records []record, set func(*store.Delivery, time.Time)) {
	if len(records) == 0 {
		return
	}
	e := newEvent(tenant, "evt_of_"+records[0].id)
	deliveries := make([]store.Delivery, len(records))
	for i, r := range records {
		deliveries[i] = newDelivery(e, r.id)
		set(&deliveries[i], r.at)
	}
	p.createEvent(e, deliveries...)
}

func addDeliveries(p *probe, records ...record) {
	addAllDeliveries(p, tenant, records, func(d *store.Delivery, t time.Time) {
		d.CreatedAt, d.UpdatedAt, d.NextAttemptAt = t, opposite(t), opposite(t)
	})
}

func pageOfDeliveries(p *probe, limit int, cursor string) ([]record, string, error) {
	page, err := p.store.ListDeliveries(p.ctx, store.DeliveryFilter{Tenant: tenant, Limit: limit, Cursor: cursor})
	return places(page, func(d store.Delivery) record { return record{d.ID, d.CreatedAt} }), page.Next, err
}

func addDue(p *probe, records ...record) { addAllDeliveries(p, tenant, records, setDue) }

func setDue(d *store.Delivery, t time.Time) {
	d.NextAttemptAt, d.CreatedAt, d.UpdatedAt = t, opposite(t), opposite(t)
}

func pageOfDue(p *probe, limit int, cursor string) ([]record, string, error) {
	page, err := p.store.ListDue(p.ctx, store.DueFilter{Before: later(1_000_000), Limit: limit, Cursor: cursor})
	return places(page, func(d store.Delivery) record { return record{d.ID, d.NextAttemptAt} }), page.Next, err
}

// addDueOfEndpoint puts deliveries of other endpoints in between: one of the same
// tenant, and the one of the same id in another.
func addDueOfEndpoint(p *probe, records ...record) {
	addDue(p, records...)
	addAllDeliveries(p, "tenant_2", records, setDue)
	others := slices.Clone(records)
	for i := range others {
		others[i].id += " of ep_2"
	}
	addAllDeliveries(p, tenant, others, func(d *store.Delivery, t time.Time) {
		setDue(d, t)
		d.EndpointID = "ep_2"
	})
}

func pageOfDueOfEndpoint(p *probe, limit int, cursor string) ([]record, string, error) {
	page, err := p.store.ListDue(p.ctx, store.DueFilter{
		Before: later(1_000_000), Tenant: tenant, EndpointID: "ep_1", Limit: limit, Cursor: cursor,
	})
	return places(page, func(d store.Delivery) record { return record{d.ID, d.NextAttemptAt} }), page.Next, err
}

func addAttempts(p *probe, records ...record) {
	if len(records) == 0 {
		return
	}
	d := p.createDelivery(tenant, "dlv_of_"+records[0].id)
	for _, r := range records {
		a := newAttempt(d, r.id)
		a.StartedAt, a.ScheduledAt, a.EndedAt = r.at, opposite(r.at), opposite(r.at)
		d = p.update(d, a)
	}
}

func pageOfAttempts(p *probe, limit int, cursor string) ([]record, string, error) {
	page, err := p.store.ListAttempts(p.ctx, store.AttemptFilter{Tenant: tenant, Limit: limit, Cursor: cursor})
	return places(page, func(a store.Attempt) record { return record{a.ID, a.StartedAt} }), page.Next, err
}

func places[T any](page store.Page[T], place func(T) record) []record {
	records := make([]record, len(page.Items))
	for i, item := range page.Items {
		records[i] = place(item)
	}
	return records
}

// walk reads a whole list in pages of limit, and calls between after each.
func (l list) walk(p *probe, limit int, between func(page int)) []record {
	var all []record
	cursor := ""
	for page := 1; ; page++ {
		records, next, err := l.page(p, limit, cursor)
		p.must(fmt.Sprintf("%s, Limit %d, page %d", l.name, limit, page), err)
		if len(records) > limit {
			p.Fatalf("%s: got a page of %d items with Limit %d", l.name, len(records), limit)
		}
		all = append(all, records...)
		switch {
		case next == "":
			return all
		case page > 100:
			p.Fatalf("%s: page %d with Limit %d still has a Next; the list does not end", l.name, page, limit)
		}
		cursor = next
		between(page)
	}
}

func nothing(int) {}

// wantRecords compares places; p names what was listed.
func (l list) wantRecords(p *probe, what string, got, want []record) {
	p.out.Helper()
	show := func(r record) string { return r.id + " at " + r.at.UTC().Format("15:04:05.000000") }
	same(p, l.name+what, ids(got, show), ids(want, show))
}

// shuffled are eleven records in no order: some of one time, some a
// microsecond apart, with ids that neither follow the times nor, unless they
// are compared byte for byte, themselves.
func shuffled() []record {
	return []record{
		{"m_3", later(3)},
		{"m_9", later(1)},
		{"B", later(2)},
		{"a", later(2)},
		{"_", later(2)},
		{"\u00e9", later(2)},
		{"Z9", later(2)},
		{"m_1", later(5)},
		{"m_2", later(5).Add(-time.Microsecond)},
		{"m_0", later(5).Add(time.Microsecond)},
		{"m_5", later(-4)},
	}
}

// sequence returns n records, a second apart.
func sequence(prefix string, n int) []record {
	records := make([]record, n)
	for i := range records {
		records[i] = record{fmt.Sprintf("%s_%04d", prefix, i), later(i)}
	}
	return records
}
