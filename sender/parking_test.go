package sender_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

// TestStopKeepsWhatIsUnderWay: another process does not start what one that stops
// has in hand, and the stop takes no longer than it may.
func TestStopKeepsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 20 * time.Second
	f.cfg.ShutdownTimeout = 15 * time.Second
	f.cfg.EndpointConcurrency = 1
	var n atomic.Int64
	g := newGauge(t, func(_ http.ResponseWriter, req *http.Request) {
		wait := 700 * time.Millisecond
		if n.Add(1) == 2 {
			wait = 11 * time.Second
		}
		select {
		case <-time.After(wait):
		case <-req.Context().Done():
		}
	})
	e := f.endpoint(store.Endpoint{URL: g.URL})
	stop := f.work()
	f.sendMany(3, "a.b")
	f.eventually(func() bool { requests, _, _ := g.got(); return requests == 2 })
	f.work()
	stop()
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == 3 })
	if requests, _, _ := g.got(); requests != 3 {
		t.Errorf("%d requests for 3 events", requests)
	}
}

// TestStopTakesNoLongerThanItMay: with tasks and without.
func TestStopTakesNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 30 * time.Second
	f.cfg.Profile.Retry = retry.Schedule{0, 0, 0, 0}
	f.cfg.ShutdownTimeout = 3 * time.Second
	f.cfg.EndpointConcurrency = 1
	var n atomic.Int64
	dead := hang(t)
	g := newGauge(t, func(w http.ResponseWriter, req *http.Request) {
		if n.Add(1) == 1 {
			<-time.After(300 * time.Millisecond)
			return
		}
		dead(w, req)
	})
	stop := f.work()
	f.endpoint(store.Endpoint{URL: g.URL, EventTypes: []string{"a.b"}})
	f.sendMany(2, "a.b") // the second is parked, and started without a task
	f.eventually(func() bool { return n.Load() == 2 })
	f.endpoint(store.Endpoint{URL: g.URL, EventTypes: []string{"a.c"}})
	f.sendMany(1, "a.c")
	f.eventually(func() bool { return n.Load() == 3 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

// TestStoreThatPanics: what is started without a task ends no process.
func TestStoreThatPanics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.EndpointConcurrency = 1
	r, e := f.receiver()
	var loads atomic.Int64
	f.store.override(func(s *faultyStore) {
		s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
			if loads.Add(1)%5 == 0 {
				panic("injected")
			}
			return store.LoadJob(ctx, f.store.Store, tenant, id)
		}
	})
	f.work()
	f.sendMany(30, "a.b")
	f.eventually(func() bool { return f.states(e.ID)[store.Succeeded] == 30 })
	if got := len(r.Requests()); got != 30 {
		t.Errorf("%d requests for 30 events", got)
	}
}

// TestParkedBeforeItsTimeIsInOneHand: a retry whose wake-up came early, and found
// the lane full, is started without a task, waits for its time, and is nobody
// else's while its attempt is under way.
func TestParkedBeforeItsTimeIsInOneHand(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0, 3 * time.Second}
	f.cfg.Profile.Timeout = 20 * time.Second
	f.cfg.EndpointConcurrency = 1
	var n atomic.Int64
	g := newGauge(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2: // has the only place while the wake-up comes
			<-time.After(1400 * time.Millisecond)
		case 3:
			<-time.After(6 * time.Second)
		}
	})
	f.endpoint(store.Endpoint{URL: g.URL})
	f.work()
	d := f.send()
	d = f.until(d, func(d store.Delivery) bool { return d.Attempts == 1 })
	f.eventually(func() bool { return time.Until(d.NextAttemptAt) < 1600*time.Millisecond })
	f.send()
	f.eventually(func() bool { return n.Load() == 3 })
	f.work()
	f.ended(d)
	if n.Load() != 3 {
		t.Errorf("%d requests, want 3", n.Load())
	}
}

// slowEndpoints is a Store whose endpoints take their time to be read.
type slowEndpoints struct {
	store.Store
	wait time.Duration
}

func (s slowEndpoints) GetEndpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	select {
	case <-time.After(s.wait):
	case <-ctx.Done():
		return store.Endpoint{}, ctx.Err()
	}
	return s.Store.GetEndpoint(ctx, tenant, id)
}

func (s slowEndpoints) LoadJob(ctx context.Context, tenant, id string) (store.Job, error) {
	return store.LoadJob(ctx, s.Store, tenant, id)
}

// TestClaimsAreRenewedThoughTheStoreIsSlow: many endpoints are left alone, and
// reading them takes longer than a claim lasts.
func TestClaimsAreRenewedThoughTheStoreIsSlow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.EndpointConcurrency = 1
	f.cfg.Profile.Timeout = 30 * time.Second
	f.cfg.ShutdownTimeout = 100 * time.Millisecond
	dead := newGauge(t, hang(t))
	const n = 30
	for range n {
		f.endpoint(store.Endpoint{URL: dead.URL})
	}
	f.cfg.Store = slowEndpoints{f.store.Store, 300 * time.Millisecond}
	f.work()
	f.sendMany(2, "a.b")
	client := f.redis.Client()
	claims := func() []string { return client.Keys(f.ctx, "outhook:*").Val() }
	f.eventually(func() bool { return len(claims()) == n })
	until := time.Now().Add(7 * time.Second)
	f.eventually(func() bool {
		for _, key := range claims() {
			if left := client.PTTL(f.ctx, key).Val(); left >= 0 && left < 2*time.Second {
				t.Fatalf("a claim has only %s left", left)
			}
		}
		return time.Now().After(until)
	})
	if got := len(claims()); got != n {
		t.Errorf("%d claims, want %d", got, n)
	}
}
