package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

var endpointDrills = []drill{
	{name: "endpoint-hangs", short: true, fault: hangEndpoint, patience: 20 * time.Second, more: othersDidNotNotice},
}

// The tenant of the endpoint that hangs is the first, and gets nothing but the
// backlog: no event that comes later reminds a worker of what is parked. Those
// with an odd number are the others.
var (
	hangingTenant = setup{Tenants: 1}.tenant(0)
	hanging       = endpointID(hangingTenant, 0)
)

// hangEndpoint has one endpoint hang, with a backlog that its workers have
// parked in the Store, while others get events. All that knows of the backlog is
// taken away again and again, and then the endpoint heals.
func hangEndpoint(b *bench) error {
	workers, backlog, rate, quiet := 3, 2_500, 75, 8*time.Second
	if b.short {
		workers, backlog, rate, quiet = 2, 400, 50, 2*time.Second
		b.setup.SweepInterval = 2 * time.Second
	}
	b.setup.Timeout = time.Second
	// Nothing is exhausted before the endpoint heals.
	b.setup.Retry = slices.Concat(retry.Schedule{0, time.Second, 2 * time.Second}, slices.Repeat(retry.Schedule{3 * time.Second}, 30))
	if err := b.agree(); err != nil {
		return err
	}
	hangs := busy
	hangs.Hang = hanging
	if err := b.behave(hangs); err != nil {
		return err
	}
	if err := b.startWorkers(workers); err != nil {
		return err
	}
	others, err := b.send(1, 600*rate, rate, "-step", "2")
	if err != nil {
		return err
	}
	if err := b.park(backlog); err != nil {
		return err
	}
	b.began = time.Now()
	if err := b.wait(quiet, quiet); err != nil {
		return err
	}
	b.faulted = time.Now()
	// What was sent until now arrives before anything else happens.
	if err := b.wait(500*time.Millisecond, 500*time.Millisecond); err != nil {
		return err
	}
	if err := b.takeAwayClaims(); err != nil {
		return err
	}
	b.logf("the endpoint heals")
	b.healed = time.Now()
	return errors.Join(b.stop(others), b.behave(busy))
}

// park sends the backlog, and waits until it is in the Store alone.
func (b *bench) park(backlog int) error {
	burst, err := b.send(0, backlog, 0, "-step", strconv.Itoa(b.Tenants))
	if err != nil {
		return err
	}
	if err := b.sent(burst); err != nil {
		return err
	}
	return b.until("the backlog is parked", time.Minute, func() (bool, error) {
		tasks, err := b.tasks()
		if err != nil || tasks > backlog/10 {
			return false, err
		}
		owner, err := b.claim()
		return owner != "", err
	})
}

// takeAwayClaims has whoever starts what is parked die, be forgotten, and end in
// peace. Each time another process must take its place.
func (b *bench) takeAwayClaims() error {
	before, err := b.claim()
	if err != nil {
		return err
	}
	for _, w := range b.inTurn() { // one of them has the claim
		b.kill(w)
		if err := b.startWorker(w); err != nil {
			return err
		}
		if err := b.wait(0, 300*time.Millisecond); err != nil {
			return err
		}
	}
	if err := b.claimed("another process has the claim", before); err != nil {
		return err
	}
	if err := b.wait(500*time.Millisecond, 1500*time.Millisecond); err != nil {
		return err
	}
	if err := b.flushAll(); err != nil {
		return err
	}
	if err := b.claimed("a process has the claim after FLUSHALL", ""); err != nil {
		return err
	}
	workers := b.inTurn()
	if b.short {
		workers = workers[:1]
	}
	for _, w := range workers {
		if err := b.wait(200*time.Millisecond, 1200*time.Millisecond); err != nil {
			return err
		}
		if err := b.stop(w.child); err != nil {
			return err
		}
		if err := b.startWorker(w); err != nil {
			return err
		}
	}
	return b.claimed("a process has the claim after a stop", "")
}

// inTurn returns the workers, in random order.
func (b *bench) inTurn() []*worker {
	names := slices.Sorted(maps.Keys(b.workers))
	var workers []*worker
	for _, i := range b.random.Perm(len(names)) {
		workers = append(workers, b.workers[names[i]])
	}
	return workers
}

// claimed waits until a process other than that one has the claim.
func (b *bench) claimed(what, before string) error {
	began := time.Now()
	err := b.until(what, 30*time.Second, func() (bool, error) {
		owner, err := b.claim()
		return owner != "" && owner != before, err
	})
	b.logf("%s: after %s (%v)", what, time.Since(began), err)
	return err
}

// claim returns which process starts what is parked for the endpoint that hangs.
func (b *bench) claim() (owner string, err error) {
	direct := b.direct()
	defer direct.Close()
	keys, err := direct.Keys(b.ctx, "outhook:*:parked:*"+hanging).Result()
	if err != nil || len(keys) == 0 {
		return "", err
	}
	owner, err = direct.Get(b.ctx, keys[0]).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return owner, err
}

// tasks counts them.
func (b *bench) tasks() (int, error) {
	direct := b.direct()
	defer direct.Close()
	keys, err := direct.Keys(b.ctx, "asynq:*:t:*").Result()
	return len(keys), err
}

// othersDidNotNotice checks how long the others' deliveries took to their first
// request while the backlog lay there, and that it did until the endpoint healed.
func othersDidNotNotice(b *bench, l ledger) []string {
	const most = 2 * time.Second // on a machine that is busy
	var problems []string
	quiet, faulted := l.othersTook(b.began, b.faulted), l.othersTook(b.faulted, b.healed)
	hung, answered, duplicates := l.hung(b.healed)
	b.notef("the endpoint hung for %.1f s with its backlog parked, and let %d requests time out", b.healed.Sub(b.began).Seconds(), hung)
	b.notef("it got %d duplicates, all of them after it had healed", duplicates)
	b.notef("others' deliveries until the first fault: %s", summary(quiet))
	b.notef("others' deliveries from then on: %s", summary(faulted))
	if len(quiet) == 0 || len(faulted) == 0 || hung == 0 || answered > 0 {
		problems = append(problems, "the endpoint did not hang, or the others got nothing meanwhile: the drill has shown nothing")
	}
	if len(quiet) > 0 && slices.Max(quiet) > most {
		problems = append(problems, fmt.Sprintf("others' deliveries took up to %s before there was a fault, want at most %s", slices.Max(quiet), most))
	}
	for _, d := range l.deliveries {
		if d.EndpointID == hanging && d.State != store.Succeeded {
			return append(problems, fmt.Sprintf("%s to the endpoint that hung is %s: %s", d.ID, d.State, d.LastError))
		}
	}
	return problems
}

// othersTook returns how long deliveries to the others that were made in this
// time took to their first request.
func (l ledger) othersTook(from, to time.Time) (took []time.Duration) {
	first := map[string]time.Time{}
	for _, a := range l.arrivals {
		key := a.Event + " " + a.Endpoint
		if at, ok := first[key]; !ok || a.At.Before(at) {
			first[key] = a.At
		}
	}
	for _, d := range l.deliveries {
		at, ok := first[d.EventID+" "+d.EndpointID]
		if ok && d.Tenant != hangingTenant && d.CreatedAt.After(from) && d.CreatedAt.Before(to) {
			took = append(took, at.Sub(d.CreatedAt))
		}
	}
	return took
}

// hung counts the requests that the endpoint let time out, those that it answered
// before it was healed, and the duplicates that it got.
func (l ledger) hung(healed time.Time) (hung, answered, duplicates int) {
	successes := map[string]int{}
	for _, a := range l.arrivals {
		switch {
		case a.Endpoint != hanging:
			continue
		case a.Status == http.StatusGatewayTimeout:
			hung++
		case a.At.Before(healed):
			answered++
		}
		if a.Status < 300 {
			successes[a.Event]++
		}
	}
	for _, n := range successes {
		duplicates += max(0, n-1)
	}
	return hung, answered, duplicates
}

// summary describes how long deliveries took.
func summary(took []time.Duration) string {
	if len(took) == 0 {
		return "none"
	}
	slices.Sort(took)
	n := len(took)
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + " ms" }
	return fmt.Sprintf("%d, p50 %s, p99 %s, at most %s", n, ms(took[n/2]), ms(took[n*99/100]), ms(took[n-1]))
}
