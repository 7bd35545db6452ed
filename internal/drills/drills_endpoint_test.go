package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// hungLedger is a drill in which one endpoint hung for twenty seconds, and one
// other got an event before and one after the first fault.
func hungLedger() (*bench, ledger) {
	begin := time.Now()
	b := &bench{began: begin, faulted: begin.Add(10 * time.Second), healed: begin.Add(20 * time.Second)}
	var l ledger
	l.delivery("evt_0", hanging, store.Succeeded)
	l.arrivals = append(l.arrivals,
		arrival{Event: "evt_0", Endpoint: hanging, At: begin.Add(time.Second), Status: http.StatusGatewayTimeout},
		arrival{Event: "evt_0", Endpoint: hanging, At: begin.Add(21 * time.Second), Status: http.StatusOK})
	l.other("evt_1", begin.Add(5*time.Second), 30*time.Millisecond)
	l.other("evt_3", begin.Add(15*time.Second), 6*time.Second)
	return b, l
}

func (l *ledger) other(event string, created time.Time, took time.Duration) {
	l.deliveries = append(l.deliveries, store.Delivery{
		EventID: event, Tenant: "t1", EndpointID: "ep_t1_0", State: store.Succeeded, CreatedAt: created,
	})
	l.arrivals = append(l.arrivals, arrival{Event: event, Endpoint: "ep_t1_0", At: created.Add(took), Status: http.StatusOK})
}

func TestOthersDidNotNotice(t *testing.T) {
	t.Parallel()
	b, l := hungLedger()
	// A second request says nothing about how long the first took.
	l.arrivals = append(l.arrivals, arrival{Event: "evt_1", Endpoint: "ep_t1_0", At: b.healed, Status: http.StatusOK})
	if problems := othersDidNotNotice(b, l); len(problems) > 0 {
		t.Errorf("problems: %q", problems)
	}
	for _, want := range []string{
		"others' deliveries until the first fault: 1, p50 30 ms, p99 30 ms, at most 30 ms",
		"others' deliveries from then on: 1, p50 6000 ms, p99 6000 ms, at most 6000 ms",
	} {
		if !slices.Contains(b.notes, want) {
			t.Errorf("notes: %q, want %q", b.notes, want)
		}
	}
}

// It finds each thing that may go wrong.
func TestOthersDidNotNoticeFinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(b *bench, l *ledger)
		want  string
	}{
		"others that waited": {func(b *bench, l *ledger) {
			l.other("evt_5", b.began.Add(time.Second), 3*time.Second)
		}, "took up to 3s"},
		"an endpoint that answered": {func(b *bench, l *ledger) {
			l.arrivals[1].At = b.healed.Add(-time.Second)
		}, "shown nothing"},
		"an endpoint that was not asked": {func(_ *bench, l *ledger) {
			l.arrivals = l.arrivals[1:]
		}, "shown nothing"},
		"others that got nothing after the fault": {func(_ *bench, l *ledger) {
			l.arrivals = l.arrivals[:len(l.arrivals)-1]
		}, "shown nothing"},
		"a backlog that did not arrive": {func(_ *bench, l *ledger) {
			l.deliveries[0].State = store.Failed
		}, "is failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, l := hungLedger()
			test.spoil(b, &l)
			problems := othersDidNotNotice(b, l)
			if !strings.Contains(strings.Join(problems, "\n"), test.want) {
				t.Errorf("problems: %q, want %q", problems, test.want)
			}
		})
	}
}
