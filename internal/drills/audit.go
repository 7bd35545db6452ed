package main

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
)

// ledger is everything that is known when a drill is over: what the host was
// told, what the Store says, and what the receiver got.
type ledger struct {
	setup    setup
	accepted []string // events that were, by id
	// deliveries and attempts are the Store's, arrivals the receiver's.
	deliveries []store.Delivery
	attempts   []store.Attempt
	arrivals   []arrival
	killed     map[string]bool // processes
	inFlight   int             // at the faults that killed nobody
}

// result is a row of the table. All but the last two count deliveries.
type result struct {
	accepted, received, failed int
	lost                       int // neither received nor recorded as failed
	stranded                   int // pending when patience was over
	duplicates                 int // successes after the first, as the receiver saw them
	bound                      int // requests under way at the faults
	settled                    time.Duration
	problems                   []string // none: it passed
	notes                      []string
}

// ledger collects it, after all processes have ended.
func (b *bench) ledger() (ledger, error) {
	l := ledger{setup: b.setup, killed: b.killed, inFlight: b.inFlight}
	for d, err := range store.AllDeliveries(b.ctx, b.host.store, store.DeliveryFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}) {
		if err != nil {
			return l, err
		}
		l.deliveries = append(l.deliveries, d)
	}
	for a, err := range store.AllAttempts(b.ctx, b.host.store, store.AttemptFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}) {
		if err != nil {
			return l, err
		}
		l.attempts = append(l.attempts, a)
	}
	if err := b.ask(http.MethodGet, "/arrivals", nil, &l.arrivals); err != nil {
		return l, err
	}
	var err error
	l.accepted, err = b.accepted()
	return l, err
}

// accepted returns the events of which a host knows that they were accepted: Send
// returned, or its own transaction was committed.
func (b *bench) accepted() ([]string, error) {
	ids := map[string]bool{}
	acks, err := os.Open(filepath.Join(b.dir, "acks"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	if err == nil {
		defer acks.Close()
		lines := bufio.NewScanner(acks)
		for lines.Scan() {
			ids[lines.Text()] = true
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	rows, err := b.host.db.QueryContext(b.ctx, "SELECT event FROM orders")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return slices.Collect(maps.Keys(ids)), rows.Err()
}

// fate is what became of one delivery.
type fate struct {
	state     store.DeliveryState // empty: the Store does not have it
	accepted  bool
	successes int            // requests that were or would have been answered 2xx
	requests  map[string]int // by the process that made them
	recorded  map[string]int // attempts of which the receiver must know, likewise
}

// fates brings the three sides together, by event and endpoint.
func (l ledger) fates() map[string]*fate {
	fates := map[string]*fate{}
	of := func(event, endpoint string) *fate {
		key := event + " " + endpoint
		if fates[key] == nil {
			fates[key] = &fate{requests: map[string]int{}, recorded: map[string]int{}}
		}
		return fates[key]
	}
	for _, id := range l.accepted {
		var number int
		_, _ = fmt.Sscanf(id, "evt_%d", &number) // it is one of ours
		for n := range l.setup.Endpoints {
			of(id, endpointID(l.setup.tenant(number), n)).accepted = true
		}
	}
	for _, d := range l.deliveries {
		of(d.EventID, d.EndpointID).state = d.State
	}
	for _, a := range l.attempts {
		if a.RemoteAddr != "" { // there was a connection
			of(a.EventID, a.EndpointID).recorded[a.RequestHeader.Get("User-Agent")]++
		}
	}
	for _, a := range l.arrivals {
		f := of(a.Event, a.Endpoint)
		f.requests[a.From]++
		if a.Status < 300 {
			f.successes++
		}
	}
	return fates
}

// audit counts, and finds fault.
func (l ledger) audit() result {
	r := result{bound: l.inFlight}
	complain := func(format string, args ...any) {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
	var lost, stranded, unknown []string
	unrecorded := map[string]int{} // requests, by process
	for key, f := range l.fates() {
		if f.accepted || f.state != "" {
			r.accepted++
		}
		if f.successes > 0 {
			r.received++
			r.duplicates += f.successes - 1
		}
		switch {
		case f.state == "" && !f.accepted:
			unknown = append(unknown, key)
		case f.state == store.Pending:
			stranded = append(stranded, key)
		case f.state == store.Failed, f.state == store.Canceled:
			if f.successes == 0 {
				r.failed++
			}
		case f.successes == 0:
			lost = append(lost, key+" "+string(f.state))
		}
		for process, n := range f.requests {
			unrecorded[process] += max(0, n-f.recorded[process])
		}
	}
	r.lost, r.stranded = len(lost), len(stranded)
	for process, n := range unrecorded {
		switch {
		case l.killed[process] && n > l.setup.Concurrency:
			complain("%s was killed and had %d requests under way, more than its concurrency", process, n)
		case !l.killed[process] && n > 0:
			complain("%s was not killed and made %d requests that it did not record", process, n)
		}
		if l.killed[process] {
			r.bound += n
		}
	}
	for what, keys := range map[string][]string{"lost": lost, "stranded": stranded, "received and never accepted": unknown} {
		if len(keys) > 0 {
			slices.Sort(keys)
			complain("%d %s, such as %s", len(keys), what, strings.Join(keys[:min(3, len(keys))], ", "))
		}
	}
	if r.duplicates > r.bound {
		complain("%d duplicates, with %d requests under way at the faults", r.duplicates, r.bound)
	}
	if n := l.forged(); n > 0 {
		complain("%d requests with a signature that does not verify", n)
	}
	if r.accepted == 0 {
		complain("nothing was accepted: the drill has shown nothing")
	}
	return r
}

func (l ledger) forged() (n int) {
	for _, a := range l.arrivals {
		if a.Forged {
			n++
		}
	}
	return n
}

const row = "%-26s %9s %9s %7s %5s %9s %11s %10s %9s  %s\n"

func printHeader() {
	fmt.Printf(row, "drill", "accepted", "received", "failed", "lost", "stranded", "duplicates", "in flight", "settled", "verdict")
}

func (r result) print(name string) {
	verdict := "passed"
	if len(r.problems) > 0 {
		verdict = "FAILED"
	}
	number := func(n int) string { return fmt.Sprint(n) }
	fmt.Printf(row, name, number(r.accepted), number(r.received), number(r.failed), number(r.lost), number(r.stranded),
		number(r.duplicates), number(r.bound), fmt.Sprintf("%.1f s", r.settled.Seconds()), verdict)
	for _, note := range r.notes {
		fmt.Printf("    (%s)\n", note)
	}
	for _, problem := range r.problems {
		fmt.Printf("    %s\n", problem)
	}
}
