package sender_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// gauge is a receiver that counts how many requests it has at once, and what it
// got how often.
type gauge struct {
	*httptest.Server
	answer func(w http.ResponseWriter, req *http.Request)

	mu         sync.Mutex
	now, most  int
	deliveries map[string]int // by webhook-id
	times      []time.Time
}

func newGauge(t *testing.T, answer func(w http.ResponseWriter, req *http.Request)) *gauge {
	t.Helper()
	g := &gauge{answer: answer, deliveries: map[string]int{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		g.mu.Lock()
		g.now++
		g.most = max(g.most, g.now)
		g.deliveries[req.Header.Get("webhook-id")]++
		g.times = append(g.times, time.Now())
		g.mu.Unlock()
		g.answer(w, req)
		g.mu.Lock()
		g.now--
		g.mu.Unlock()
	}))
	t.Cleanup(g.Close)
	return g
}

// got returns how many requests there were, how many different events, and the
// most at once.
func (g *gauge) got() (requests, events, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.deliveries {
		requests += n
	}
	return requests, len(g.deliveries), g.most
}

// sendMany sends n events of a type.
func (f *fixture) sendMany(n int, eventType string) []store.Delivery {
	f.t.Helper()
	s := f.sender()
	var all []store.Delivery
	for i := range n {
		receipt, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: eventType, Payload: fmt.Appendf(nil, `{"n":%d}`, i)})
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, receipt.Deliveries...)
	}
	return all
}

// states counts the deliveries of an endpoint by state.
func (f *fixture) states(endpointID string) map[store.DeliveryState]int {
	f.t.Helper()
	count := map[store.DeliveryState]int{}
	for d, err := range store.AllDeliveries(f.ctx, f.store.Store, store.DeliveryFilter{Tenant: tenant, EndpointID: endpointID, Limit: 1000}) {
		if err != nil {
			f.t.Fatal(err)
		}
		count[d.State]++
	}
	return count
}

// hang lets requests hang until their sender gives up, or the test ends.
func hang(t *testing.T) func(http.ResponseWriter, *http.Request) {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-req.Context().Done():
		case <-over:
		}
	}
}

// TestHangingEndpointHoldsUpNobody: with two slots, and three endpoints that hang
// with a backlog each, one that answers gets everything at once.
func TestHangingEndpointHoldsUpNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Concurrency, f.cfg.EndpointConcurrency = 2, 2
	f.cfg.Profile.Timeout = 20 * time.Second
	f.cfg.ShutdownTimeout = time.Second
	dead := newGauge(t, hang(t))
	for range 3 {
		f.endpoint(store.Endpoint{URL: dead.URL, EventTypes: []string{"dead.*"}})
	}
	r, _ := f.receiver()
	f.endpointTypes(r, "well.one")
	f.work()
	f.sendMany(40, "dead.one")
	f.eventually(func() bool { requests, _, _ := dead.got(); return requests >= 3 })
	began := time.Now()
	for _, d := range f.sendMany(20, "well.one") {
		f.ended(d)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("20 deliveries to an endpoint that answers took %s", took)
	}
	if requests, _, _ := dead.got(); requests > 6 {
		t.Errorf("%d attempts for three endpoints that have not answered one", requests)
	}
}

// endpointTypes has the receiver's endpoint subscribe to these types alone.
func (f *fixture) endpointTypes(r *sendertest.Receiver, types ...string) {
	f.t.Helper()
	for e, err := range store.AllEndpoints(f.ctx, f.store, store.EndpointFilter{Tenant: tenant}) {
		if err != nil {
			f.t.Fatal(err)
		}
		if e.URL == r.URL() {
			e.EventTypes = types
			f.endpoint(e)
		}
	}
}

// TestOverTheBoundWaitsInTheStore: a burst to one endpoint, by two processes:
// never more at once than each may, nobody is sent to twice, no attempt is used
// up, and Redis keeps nothing of what waits.
func TestOverTheBoundWaitsInTheStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.EndpointConcurrency = 3
	var gate atomic.Bool
	g := newGauge(t, func(w http.ResponseWriter, req *http.Request) {
		for !gate.Load() {
			select {
			case <-req.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	e := f.endpoint(store.Endpoint{URL: g.URL})
	f.work()
	f.work()
	const n = 400
	f.sendMany(n, "a.b")
	f.eventually(func() bool { _, _, most := g.got(); return most >= 2 })
	client := f.redis.Client()
	f.eventually(func() bool {
		pending := client.LLen(f.ctx, "asynq:{outhook:0}:pending").Val()
		active := client.LLen(f.ctx, "asynq:{outhook:0}:active").Val()
		return pending == 0 && active <= 6
	})
	if requests, _, most := g.got(); requests > 6 || most > 6 {
		t.Errorf("%d requests, %d at once, before any was answered", requests, most)
	}
	gate.Store(true)
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == n })
	requests, events, most := g.got()
	if requests != n || events != n || most > 6 {
		t.Errorf("%d requests for %d events, %d at once; want %d, %d, at most 6", requests, events, most, n, n)
	}
	f.eventually(func() bool { // the claim is given back
		return len(client.Keys(f.ctx, "outhook:*").Val()) == 0
	})
}

// TestOrderOfWhatWaits: one at a time, the longest overdue goes first.
func TestOrderOfWhatWaits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.EndpointConcurrency = 1
	r, _ := f.receiver(sendertest.Delay(300*time.Millisecond, sendertest.Status(200)), sendertest.Status(200))
	f.work()
	want := f.sendMany(300, "a.b") // more than a lane keeps in memory
	requests, err := r.Wait(f.ctx, len(want))
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, d := range want {
		place[d.EventID] = i
	}
	for i, request := range requests {
		// asynq hands out tasks to several goroutines, which may overtake each other.
		if was := place[request.Header.Get("webhook-id")]; max(i-was, was-i) > 40 {
			t.Errorf("request %d is of the delivery that was due as number %d", i, was)
		}
	}
}

// TestTimeoutsShrinkTheBoundUntilAnAnswer: one probe at a time, then all at once
// again.
func TestTimeoutsShrinkTheBoundUntilAnAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 300 * time.Millisecond
	f.cfg.Profile.Retry = retry.Schedule{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	var well atomic.Bool
	// Counted at the sender: a receiver notices late that nobody waits any more.
	var total, now, most atomic.Int64
	f.cfg.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
		if total.Add(1) > 4 { // that began before the first had timed out
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
		}
		if !well.Load() {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	e := f.endpoint(store.Endpoint{URL: "http://127.0.0.1:1"})
	f.work()
	f.sendMany(100, "a.b")
	f.eventually(func() bool { return total.Load() >= 8 })
	if most.Load() != 1 {
		t.Errorf("%d probes at once", most.Load())
	}
	well.Store(true)
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == 100 })
}

// TestRateLimit: of 12 events sent at once, an endpoint with 10 a second and a
// burst of 4 gets four, and then one every 100 ms; by two processes.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.RateLimit = store.RateLimit{PerSecond: 1000}
	g := newGauge(t, func(http.ResponseWriter, *http.Request) {})
	e := f.endpoint(store.Endpoint{URL: g.URL, RateLimit: store.RateLimit{PerSecond: 10, Burst: 4}})
	f.work()
	f.work()
	deliveries := f.sendMany(12, "a.b")
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == 12 })
	for _, d := range deliveries {
		if n := len(f.attempts(d)); n != 1 {
			t.Errorf("delivery %s: %d attempts", d.ID, n)
		}
	}
	for i := 4; i < 12; i++ {
		// Of any so many in a row the last is no sooner than the bucket allows;
		// the receiver's clock starts after the sender's.
		if took := g.times[i].Sub(g.times[0]); took < time.Duration(i-3)*100*time.Millisecond-50*time.Millisecond {
			t.Errorf("request %d came %s after the first", i+1, took)
		}
	}
	if took := g.times[11].Sub(g.times[0]); took > 5*time.Second {
		t.Errorf("the last request came %s after the first, want 800ms", took)
	}
}

// TestRetryAfterPausesTheEndpoint: the other deliveries wait as well, without an
// attempt; the Store says until when; and who ends the pause there is heard
// within about a second.
func TestRetryAfterPausesTheEndpoint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0, 0, 0}
	r, e := f.receiver(sendertest.Throttle(time.Minute), sendertest.Status(200))
	f.work()
	first := f.send()
	f.until(first, func(d store.Delivery) bool { return d.Attempts == 1 })
	f.eventually(func() bool {
		stored, err := f.store.GetEndpoint(f.ctx, tenant, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		e = stored
		return !e.PausedUntil.IsZero()
	})
	if wait := time.Until(e.PausedUntil); wait < 50*time.Second || wait > time.Minute {
		t.Errorf("paused for %s, want a minute", wait)
	}
	others := f.sendMany(5, "a.b")
	f.eventually(func() bool { return f.redis.Client().LLen(f.ctx, "asynq:{outhook:0}:pending").Val() == 0 })
	for _, d := range others {
		if got := f.attempts(d); len(got) != 0 {
			t.Errorf("delivery %s was attempted during the pause", d.ID)
		}
	}
	if got := len(r.Requests()); got != 1 {
		t.Errorf("%d requests during the pause", got)
	}
	e.PausedUntil = time.Time{}
	e.UpdatedAt = time.Now()
	if err := f.store.PutEndpoint(f.ctx, e); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, d := range others {
		if d = f.ended(d); d.State != store.Succeeded {
			t.Errorf("after the pause the delivery is %s", d.State)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end of the pause was noticed after %s", took)
	}
}

// hanging works on n deliveries to an endpoint that hangs, until so many of them
// hang as it gets at once.
func (f *fixture) hanging(n int) (e store.Endpoint, dead *gauge, hangs int) {
	f.t.Helper()
	f.cfg.Profile.Timeout = 30 * time.Second
	f.cfg.ShutdownTimeout = time.Second
	dead = newGauge(f.t, hang(f.t))
	e = f.endpoint(store.Endpoint{URL: dead.URL})
	f.work()
	f.sendMany(n, "a.b")
	return e, dead, f.taken(dead)
}

// TestChangedURLIsTriedAtOnce: what hangs at the old one is not waited for.
func TestChangedURLIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e, _, hangs := f.hanging(30)
	well := newGauge(t, func(http.ResponseWriter, *http.Request) {})
	e.URL = well.URL
	f.endpoint(e)
	began := time.Now()
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == 30-hangs })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the new URL was tried after %s", took)
	}
}

// TestDisabledEndpointsBacklogIsCanceled: without an attempt, also while one
// hangs.
func TestDisabledEndpointsBacklogIsCanceled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e, dead, hangs := f.hanging(300)
	e.Disabled = true
	f.endpoint(e)
	f.eventually(func() bool { return f.states(e.ID)[store.Canceled] == 300-hangs })
	if requests, _, _ := dead.got(); requests != hangs || hangs == 0 {
		t.Errorf("%d requests, of which %d after it was disabled", requests, requests-hangs)
	}
}

// taken waits until the workers have taken every task from Redis, and have none in
// hand but those that hang at the receiver, and returns how many these are.
func (f *fixture) taken(at *gauge) (hang int) {
	f.t.Helper()
	client := f.redis.Client()
	f.eventually(func() bool {
		pending := client.LLen(f.ctx, "asynq:{outhook:0}:pending").Val()
		active := client.LLen(f.ctx, "asynq:{outhook:0}:active").Val()
		hang, _, _ = at.got()
		return pending == 0 && hang > 0 && active == int64(hang)
	})
	return hang
}

// TestParkedSurvivesItsProcess: what one process had parked is delivered by
// another after it stopped, and after Redis lost everything.
func TestParkedSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 30 * time.Second
	f.cfg.ShutdownTimeout = 100 * time.Millisecond
	f.cfg.EndpointConcurrency = 2
	var well atomic.Bool
	dead := hang(t)
	g := newGauge(t, func(w http.ResponseWriter, req *http.Request) {
		if !well.Load() {
			dead(w, req)
		}
	})
	e := f.endpoint(store.Endpoint{URL: g.URL})
	stop := f.work()
	f.sendMany(300, "a.b")
	f.eventually(func() bool { requests, _, _ := g.got(); return requests == 2 })
	f.eventually(func() bool { return f.redis.Client().LLen(f.ctx, "asynq:{outhook:0}:pending").Val() == 0 })
	stop()
	well.Store(true)
	f.redis.Client().FlushAll(f.ctx)
	f.work()
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == 300 })
}
