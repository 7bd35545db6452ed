package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
)

var filterCases = []testCase{
	{"ListDeliveries/Filters", "Each field of a DeliveryFilter that is not zero narrows it, alone and together, on every page.", deliveryFilters},
	{"ListAttempts/Filters", "Each field of an AttemptFilter that is not zero narrows it, alone and together, on every page.", attemptFilters},
	{"ListDeliveries/EventTypeIsExact", "EventType is exact.", deliveryTypeExact},
	{"ListAttempts/EventTypeIsExact", "EventType is exact.", attemptTypeExact},
	{"ListDeliveries/Since", "Since and Until bound CreatedAt: Since <= CreatedAt.", deliverySince},
	{"ListDeliveries/Until", "Since and Until bound CreatedAt: CreatedAt < Until.", deliveryUntil},
	{"ListAttempts/Since", "Since and Until bound StartedAt: Since <= StartedAt.", attemptSince},
	{"ListAttempts/Until", "Since and Until bound StartedAt: StartedAt < Until.", attemptUntil},
	{"ListDeliveries/StateChange", "States selects by the state that a delivery has now.", deliveryStateChange},
}

// option narrows a filter F, and says which records R are left.
type option[F, R any] struct {
	name  string
	set   func(*F)
	match func(R) bool
}

// subsets calls f for every combination of options.
func subsets[F, R any](options []option[F, R], f func(name string, chosen []option[F, R])) {
	for mask := range 1 << len(options) {
		var chosen []option[F, R]
		var names []string
		for i, o := range options {
			if mask&(1<<i) != 0 {
				chosen, names = append(chosen, o), append(names, o.name)
			}
		}
		f("{"+strings.Join(names, ", ")+"}", chosen)
	}
}

// model is the contract in four lines: the records that all options leave.
func model[F, R any](records []R, chosen []option[F, R], newestFirst func(a, b R) int) []R {
	left := slices.DeleteFunc(slices.Clone(records), func(r R) bool {
		return slices.ContainsFunc(chosen, func(o option[F, R]) bool { return !o.match(r) })
	})
	slices.SortFunc(left, newestFirst)
	return left
}

// history writes deliveries in every mixture of two tenants, events and
// endpoints that the filters can tell apart, an attempt or two for each.
func (p *probe) history() (deliveries []store.Delivery, attempts []store.Attempt) {
	states := []store.DeliveryState{store.Pending, store.Succeeded, store.Failed, store.Canceled, store.Failed}
	n := 0
	for _, t := range []string{"t_a", "t_b"} {
		for i, eventType := range []string{"type.x", "type.x", "type.y"} {
			e := newEvent(t, fmt.Sprintf("evt_%d", i))
			e.Type = eventType
			var ds []store.Delivery
			for j := range 4 {
				d := newDelivery(e, fmt.Sprintf("dlv_%02d", n))
				d.EndpointID, d.State, d.CreatedAt = fmt.Sprintf("ep_%d", j%2), states[n%len(states)], later(n%7)
				ds, n = append(ds, d), n+1
			}
			p.createEvent(e, ds...)
			for _, d := range ds {
				d.Version = 1
				for k := range 1 + n%2 {
					a := newAttempt(d, fmt.Sprintf("att_%s_%d", d.ID, k))
					a.StartedAt, a.Succeeded = later((n+k)%5), d.State == store.Succeeded && k == n%2
					d = p.update(d, a)
					attempts = append(attempts, *a)
				}
				deliveries = append(deliveries, d)
			}
		}
	}
	return deliveries, attempts
}

func deliveryFilters(p *probe) {
	type opt = option[store.DeliveryFilter, store.Delivery]
	type filter = *store.DeliveryFilter
	all, _ := p.history()
	options := []opt{
		{"Tenant", func(f filter) { f.Tenant = "t_b" }, func(d store.Delivery) bool { return d.Tenant == "t_b" }},
		{"EndpointID", func(f filter) { f.EndpointID = "ep_1" }, func(d store.Delivery) bool { return d.EndpointID == "ep_1" }},
		{"EventID", func(f filter) { f.EventID = "evt_1" }, func(d store.Delivery) bool { return d.EventID == "evt_1" }},
		{"EventType", func(f filter) { f.EventType = "type.x" }, func(d store.Delivery) bool { return d.EventType == "type.x" }},
		{
			"States", func(f filter) { f.States = []store.DeliveryState{store.Failed, store.Canceled} },
			func(d store.Delivery) bool { return d.State == store.Failed || d.State == store.Canceled },
		},
		{"Since", func(f filter) { f.Since = later(2) }, func(d store.Delivery) bool { return !d.CreatedAt.Before(later(2)) }},
		{"Until", func(f filter) { f.Until = later(5) }, func(d store.Delivery) bool { return d.CreatedAt.Before(later(5)) }},
	}
	newest := func(a, b store.Delivery) int { return byTimeAndID(a.CreatedAt, b.CreatedAt, a.ID, b.ID) }
	subsets(options, func(name string, chosen []opt) {
		f := store.DeliveryFilter{Tenant: store.AllTenants, Limit: 3}
		for _, o := range chosen {
			o.set(&f)
		}
		var got []store.Delivery
		for d, err := range store.AllDeliveries(p.ctx, p.store, f) {
			p.must("ListDeliveries "+name, err)
			got = append(got, d)
		}
		same(p, "ListDeliveries "+name, ids(got, deliveryID), ids(model(all, chosen, newest), deliveryID))
	})
}

func attemptFilters(p *probe) {
	type opt = option[store.AttemptFilter, store.Attempt]
	type filter = *store.AttemptFilter
	_, all := p.history()
	options := []opt{
		{"Tenant", func(f filter) { f.Tenant = "t_b" }, func(a store.Attempt) bool { return a.Tenant == "t_b" }},
		{"DeliveryID", func(f filter) { f.DeliveryID = "dlv_17" }, func(a store.Attempt) bool { return a.DeliveryID == "dlv_17" }},
		{"EndpointID", func(f filter) { f.EndpointID = "ep_1" }, func(a store.Attempt) bool { return a.EndpointID == "ep_1" }},
		{"EventID", func(f filter) { f.EventID = "evt_1" }, func(a store.Attempt) bool { return a.EventID == "evt_1" }},
		{"EventType", func(f filter) { f.EventType = "type.x" }, func(a store.Attempt) bool { return a.EventType == "type.x" }},
		{"Succeeded", func(f filter) { f.Outcome = store.OutcomeSucceeded }, func(a store.Attempt) bool { return a.Succeeded }},
		{"Since", func(f filter) { f.Since = later(1) }, func(a store.Attempt) bool { return !a.StartedAt.Before(later(1)) }},
		{"Until", func(f filter) { f.Until = later(4) }, func(a store.Attempt) bool { return a.StartedAt.Before(later(4)) }},
	}
	failed := opt{"Failed", func(f filter) { f.Outcome = store.OutcomeFailed }, func(a store.Attempt) bool { return !a.Succeeded }}
	newest := func(a, b store.Attempt) int { return byTimeAndID(a.StartedAt, b.StartedAt, a.ID, b.ID) }
	check := func(name string, chosen []opt) {
		f := store.AttemptFilter{Tenant: store.AllTenants, Limit: 5}
		for _, o := range chosen {
			o.set(&f)
		}
		var got []store.Attempt
		for a, err := range store.AllAttempts(p.ctx, p.store, f) {
			p.must("ListAttempts "+name, err)
			got = append(got, a)
		}
		same(p, "ListAttempts "+name, ids(got, attemptID), ids(model(all, chosen, newest), attemptID))
	}
	subsets(options, check)
	check("{Failed}", []opt{failed})
	check("{Tenant, Failed}", []opt{options[0], failed})
}

func byTimeAndID(t1, t2 time.Time, id1, id2 string) int {
	if c := t2.Compare(t1); c != 0 {
		return c
	}
	return strings.Compare(id2, id1)
}

// inexact are filters that must not match the type "review.completed".
var inexact = []string{"review", "review.", "review.*", "*", "review.%", "review_completed", "REVIEW.COMPLETED", "review.completed "}

func deliveryTypeExact(p *probe) {
	p.createDelivery(tenant, "dlv_1")
	for _, eventType := range inexact {
		got := p.deliveries(store.DeliveryFilter{Tenant: tenant, EventType: eventType})
		same(p, fmt.Sprintf("ListDeliveries with EventType %q", eventType), ids(got, deliveryID), nil)
	}
}

func attemptTypeExact(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	p.update(d, newAttempt(d, "att_1"))
	for _, eventType := range inexact {
		got := p.attempts(store.AttemptFilter{Tenant: tenant, EventType: eventType})
		same(p, fmt.Sprintf("ListAttempts with EventType %q", eventType), ids(got, attemptID), nil)
	}
}

// around are three records a microsecond apart; the middle one is at epoch.
func around() []record {
	return []record{{"before", epoch.Add(-time.Microsecond)}, {"at", epoch}, {"after", epoch.Add(time.Microsecond)}}
}

func deliverySince(p *probe) {
	addDeliveries(p, around()...)
	got := p.deliveries(store.DeliveryFilter{Tenant: tenant, Since: epoch})
	same(p, "ListDeliveries", ids(got, deliveryID), []string{"after", "at"})
}

func deliveryUntil(p *probe) {
	addDeliveries(p, around()...)
	got := p.deliveries(store.DeliveryFilter{Tenant: tenant, Until: epoch})
	same(p, "ListDeliveries", ids(got, deliveryID), []string{"before"})
}

func attemptSince(p *probe) {
	addAttempts(p, around()...)
	got := p.attempts(store.AttemptFilter{Tenant: tenant, Since: epoch})
	same(p, "ListAttempts", ids(got, attemptID), []string{"after", "at"})
}

func attemptUntil(p *probe) {
	addAttempts(p, around()...)
	got := p.attempts(store.AttemptFilter{Tenant: tenant, Until: epoch})
	same(p, "ListAttempts", ids(got, attemptID), []string{"before"})
}

func deliveryStateChange(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	d.State = store.Succeeded
	p.update(d, nil)
	for state, want := range map[store.DeliveryState][]string{
		store.Pending: nil, store.Succeeded: {"dlv_1"},
	} {
		got := p.deliveries(store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{state}})
		same(p, "ListDeliveries with States "+string(state), ids(got, deliveryID), want)
	}
}
