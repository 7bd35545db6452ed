package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// whole is a drill in which everything went well: an event to two endpoints, one
// of which answered 503 at first, and an event whose first worker was killed.
func whole() ledger {
	l := ledger{
		setup:    setup{Tenants: 1, Endpoints: 2, Concurrency: 2},
		accepted: []string{"evt_0", "evt_1"},
		killed:   map[string]bool{"w1.1": true},
	}
	l.delivery("evt_0", "ep_t0_0", store.Succeeded)
	l.attempt("evt_0", "ep_t0_0", "w2.1", 200)
	l.delivery("evt_0", "ep_t0_1", store.Succeeded)
	l.attempt("evt_0", "ep_t0_1", "w1.1", 503)
	l.attempt("evt_0", "ep_t0_1", "w2.1", 200)
	l.delivery("evt_1", "ep_t0_0", store.Succeeded)
	l.arrival("evt_1", "ep_t0_0", "w1.1", 200) // and killed
	l.attempt("evt_1", "ep_t0_0", "w2.1", 200)
	l.delivery("evt_1", "ep_t0_1", store.Failed)
	l.attempt("evt_1", "ep_t0_1", "w2.1", 503)
	return l
}

func (l *ledger) delivery(event, endpoint string, state store.DeliveryState) {
	l.deliveries = append(l.deliveries, store.Delivery{EventID: event, EndpointID: endpoint, State: state})
}

func (l *ledger) arrival(event, endpoint, from string, status int) {
	l.arrivals = append(l.arrivals, arrival{Event: event, Endpoint: endpoint, From: from, Status: status, At: time.Now()})
}

// attempt is one that both sides know of.
func (l *ledger) attempt(event, endpoint, from string, status int) {
	l.arrival(event, endpoint, from, status)
	l.attempts = append(l.attempts, store.Attempt{
		EventID: event, EndpointID: endpoint, Status: status, RemoteAddr: "127.0.0.1:1",
		RequestHeader: http.Header{"User-Agent": {from}},
	})
}

func TestAuditOfWhatWentWell(t *testing.T) {
	t.Parallel()
	r := whole().audit()
	if r.accepted != 4 || r.received != 3 || r.failed != 1 || r.lost != 0 || r.stranded != 0 || r.duplicates != 1 || r.bound != 1 {
		t.Errorf("%+v; want 4 accepted, 3 received, 1 failed, 1 duplicate of 1 in flight", r)
	}
	if len(r.problems) != 0 {
		t.Errorf("problems: %v", r.problems)
	}
}

// The audit finds each thing that may go wrong.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(l *ledger)
		want  string
	}{
		"an accepted event that the Store does not have": {func(l *ledger) {
			l.accepted = append(l.accepted, "evt_2")
		}, "2 lost"},
		"a success that nobody received": {func(l *ledger) {
			l.delivery("evt_2", "ep_t0_0", store.Succeeded)
		}, "1 lost"},
		"a delivery that waits": {func(l *ledger) {
			l.delivery("evt_2", "ep_t0_0", store.Pending)
		}, "1 stranded"},
		"a delivery that waits though it was received": {func(l *ledger) {
			l.deliveries[0].State = store.Pending
		}, "1 stranded"},
		"a request for nothing": {func(l *ledger) {
			l.arrival("evt_2", "ep_t0_0", "w1.1", 200)
		}, "1 received and never accepted"},
		"a duplicate that both sides know of": {func(l *ledger) {
			l.attempt("evt_0", "ep_t0_0", "w2.1", 200)
		}, "2 duplicates"},
		"a request that a live worker did not record": {func(l *ledger) {
			l.arrival("evt_0", "ep_t0_0", "w2.1", 200)
		}, "w2.1 was not killed"},
		"more under way than there may be": {func(l *ledger) {
			l.arrival("evt_0", "ep_t0_0", "w1.1", 503)
			l.arrival("evt_0", "ep_t0_0", "w1.1", 503)
		}, "more than its concurrency"},
		"a forged request": {func(l *ledger) {
			l.arrivals[0].Forged = true
		}, "does not verify"},
		"a drill without events": {func(l *ledger) {
			*l = ledger{}
		}, "nothing was accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := whole()
			test.spoil(&l)
			r := l.audit()
			if !strings.Contains(strings.Join(r.problems, "\n"), test.want) {
				t.Errorf("problems: %q, want %q", r.problems, test.want)
			}
		})
	}
}

// A fault that kills nobody accounts for what was under way when it happened.
func TestAuditCountsWhatWasUnderWay(t *testing.T) {
	t.Parallel()
	l := whole()
	l.attempt("evt_0", "ep_t0_0", "w2.1", 200)
	l.inFlight = 1
	if r := l.audit(); r.duplicates != 2 || r.bound != 2 || len(r.problems) != 0 {
		t.Errorf("%+v; want 2 duplicates of 2 in flight, and no problem", r)
	}
}
