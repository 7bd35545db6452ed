package sender_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// TestRecordIsTriedAgain: the Store fails after the attempt was made. The
// attempt is recorded once it is back, and not made again.
func TestRecordIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	var calls atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			if calls.Add(1) <= 3 {
				return errInjected
			}
			return s.Store.UpdateDelivery(ctx, d, a)
		}
	})
	f.work()
	d := f.ended(f.send())
	if d.State != store.Succeeded || len(f.attempts(d)) != 1 || len(r.Requests()) != 1 || calls.Load() != 4 {
		t.Errorf("delivery is %s, %d attempts recorded, %d requests, %d writes; want succeeded, 1, 1, 4",
			d.State, len(f.attempts(d)), len(r.Requests()), calls.Load())
	}
}

// TestRecordIsNotDoubled: the Store wrote and its answer was lost.
func TestRecordIsNotDoubled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver(sendertest.Status(500), sendertest.Status(200))
	f.store.override(func(s *faultyStore) {
		var lost atomic.Bool
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			err := s.Store.UpdateDelivery(ctx, d, a)
			if lost.CompareAndSwap(false, true) {
				return errInjected
			}
			return err
		}
	})
	f.work()
	d := f.ended(f.send())
	if d.State != store.Succeeded || d.Attempts != 2 || len(f.attempts(d)) != 2 || len(r.Requests()) != 2 {
		t.Errorf("delivery is %s after %d attempts, %d recorded, %d requests; want succeeded, 2, 2, 2",
			d.State, d.Attempts, len(f.attempts(d)), len(r.Requests()))
	}
}

// TestStoreDownAtLoad: nothing is attempted, and nothing lost.
func TestStoreDownAtLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	var calls atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
			if calls.Add(1) == 1 {
				return store.Job{}, errInjected
			}
			return store.LoadJob(ctx, s.Store, tenant, id)
		}
	})
	f.work()
	if d := f.ended(f.send()); d.State != store.Succeeded || d.Attempts != 1 || len(r.Requests()) != 1 {
		t.Errorf("delivery is %s after %d attempts, %d requests", d.State, d.Attempts, len(r.Requests()))
	}
}

// TestStoreDownDoesNotSpin: while the Store is down, a backlog waits where it is.
func TestStoreDownDoesNotSpin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receiver()
	var (
		sent  []store.Delivery
		loads atomic.Int32
	)
	for range 300 {
		sent = append(sent, f.send())
	}
	back := time.Now().Add(3 * time.Second)
	f.store.override(func(s *faultyStore) {
		s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
			if time.Now().After(back) {
				return store.LoadJob(ctx, s.Store, tenant, id)
			}
			loads.Add(1)
			return store.Job{}, errInjected
		}
	})
	f.work()
	for _, d := range sent {
		if d = f.ended(d); d.State != store.Succeeded || d.Attempts != 1 {
			t.Fatalf("delivery is %s after %d attempts", d.State, d.Attempts)
		}
	}
	// One for each slot before the first has failed, and then one at a time.
	if n := loads.Load(); n > 64+10 {
		t.Errorf("%d loads were tried in 3 s", n)
	}
}

// TestHungLoadGivesItsSlotBack: a connection to the Store died in silence.
func TestHungLoadGivesItsSlotBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Concurrency = 1
	f.receiver()
	var calls atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
			if calls.Add(1) == 1 {
				<-ctx.Done()
				return store.Job{}, ctx.Err()
			}
			return store.LoadJob(ctx, s.Store, tenant, id)
		}
	})
	f.work()
	for _, d := range []store.Delivery{f.send(), f.send()} {
		if d = f.ended(d); d.State != store.Succeeded {
			t.Errorf("delivery is %s", d.State)
		}
	}
}

// TestGoneSparesAnEndpointThatWasChanged: the customer has mended it meanwhile.
func TestGoneSparesAnEndpointThatWasChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	changed, resume := make(chan struct{}), make(chan struct{})
	_, e := f.receiver(func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		close(changed)
		<-resume
		w.WriteHeader(http.StatusGone)
	})
	f.work()
	d := f.send()
	<-changed
	e.Description = "moved"
	e = f.endpoint(e)
	close(resume)
	if d = f.ended(d); d.State != store.Failed {
		t.Errorf("delivery is %s", d.State)
	}
	f.eventually(func() bool { return len(told(f.told, &f.told.exhausted)) == 1 })
	if got, err := f.store.GetEndpoint(f.ctx, tenant, e.ID); err != nil || got.Disabled {
		t.Errorf("endpoint disabled: %v, %v", got.Disabled, err)
	}
}

// TestUnknownDeliveryIsDropped: the Store was restored from an old backup.
func TestUnknownDeliveryIsDropped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receiver()
	var dropped atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.loadJob = func(context.Context, string, string) (store.Job, error) {
			dropped.Add(1)
			return store.Job{}, fmt.Errorf("delivery: %w", store.ErrNotFound)
		}
	})
	f.cfg.SweepInterval = time.Hour
	f.work()
	f.send()
	client := f.redis.Client()
	f.eventually(func() bool {
		return dropped.Load() == 1 && client.Exists(f.ctx, "asynq:{outhook:0}:active").Val() == 0
	})
	for _, set := range []string{"retry", "scheduled", "archived", "completed"} {
		if n := client.ZCard(f.ctx, "asynq:{outhook:0}:"+set).Val(); n != 0 {
			t.Errorf("%d tasks are left in %s", n, set)
		}
	}
}

// TestCancelSurvivesAConflict: a delivery changed while it was being canceled.
func TestCancelSurvivesAConflict(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	d := f.send()
	e.Disabled = true
	f.endpoint(e)
	var calls atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			switch calls.Add(1) {
			case 1:
				return store.ErrConflict
			case 2:
				return errInjected
			}
			return s.Store.UpdateDelivery(ctx, d, a)
		}
	})
	f.work()
	if d = f.ended(d); d.State != store.Canceled {
		t.Errorf("delivery is %s", d.State)
	}
}

// TestGoneSurvivesAConflict: the endpoint changed while it was being disabled.
func TestGoneSurvivesAConflict(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver(sendertest.Status(410))
	var calls atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.putEndpoint = func(ctx context.Context, e store.Endpoint) error {
			if calls.Add(1) == 1 {
				return store.ErrConflict
			}
			return s.Store.PutEndpoint(ctx, e)
		}
	})
	f.work()
	f.send()
	f.eventually(func() bool {
		got, err := f.store.GetEndpoint(f.ctx, tenant, e.ID)
		return err == nil && got.Disabled
	})
}

// TestShutdownDrains: the attempt under way ends in peace.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	began, resume := make(chan struct{}), make(chan struct{})
	f.receiver(func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		close(began)
		<-resume
		w.WriteHeader(http.StatusOK)
	})
	stop := f.work()
	d := f.send()
	<-began
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	select {
	case <-stopped:
		t.Error("RunWorkers returned before the attempt had ended")
	case <-time.After(300 * time.Millisecond):
	}
	close(resume)
	<-stopped
	if d = f.ended(d); d.State != store.Succeeded {
		t.Errorf("delivery is %s", d.State)
	}
}

// TestShutdownCutsOff: an attempt that outlives ShutdownTimeout is no failed
// attempt; the next worker makes it again with the same webhook-id.
func TestShutdownCutsOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 30 * time.Second
	f.cfg.ShutdownTimeout = 200 * time.Millisecond
	r, _ := f.receiver(sendertest.Hang(), sendertest.Status(200))
	stop := f.work()
	d := f.send()
	if _, err := r.Wait(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("RunWorkers took %s to return", took)
	}
	d = f.until(d, func(store.Delivery) bool { return true })
	if d.State != store.Pending || d.Attempts != 0 || len(f.attempts(d)) != 0 {
		t.Errorf("after the cut the delivery is %s after %d attempts", d.State, d.Attempts)
	}
	f.work()
	if d = f.ended(d); d.State != store.Succeeded || d.Attempts != 1 {
		t.Errorf("delivery is %s after %d attempts", d.State, d.Attempts)
	}
	requests := r.Requests()
	if len(requests) != 2 || requests[0].Header.Get("webhook-id") != requests[1].Header.Get("webhook-id") {
		t.Errorf("%d requests", len(requests))
	}
}

// TestShutdownGivesBackWhatWaits: a handler that waits for a due time neither
// delays the stop nor loses the delivery.
func TestShutdownGivesBackWhatWaits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0, 1900 * time.Millisecond}
	f.cfg.ShutdownTimeout = 30 * time.Second
	_, _ = f.receiver(sendertest.Status(500), sendertest.Status(200))
	stop := f.work()
	d := f.until(f.send(), func(d store.Delivery) bool { return d.Attempts == 1 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("RunWorkers took %s to return", took)
	}
	f.work()
	if d = f.ended(d); d.State != store.Succeeded || d.Attempts != 2 {
		t.Errorf("delivery is %s after %d attempts", d.State, d.Attempts)
	}
}

// TestWorkersWaitForRedis: Redis is down when they start.
func TestWorkersWaitForRedis(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receiver()
	f.redis.Stop()
	f.work()
	d := f.send()
	f.redis.Start()
	if d = f.ended(d); d.State != store.Succeeded {
		t.Errorf("delivery is %s", d.State)
	}
}

// TestManyWorkersMakeEachAttemptOnce: several processes, one Redis, one Store.
func TestManyWorkersMakeEachAttemptOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Shards = 4
	f.cfg.Profile.Retry = make(retry.Schedule, 20) // one delivery may get many of the 500s
	r, _ := f.receiver(append(slices.Repeat([]sendertest.Answer{sendertest.Status(500)}, 50), sendertest.Status(200))...)
	for range 3 {
		f.work()
	}
	var sent []store.Delivery
	for range 100 {
		sent = append(sent, f.send())
	}
	attempts := 0
	for _, d := range sent {
		if d = f.ended(d); d.State != store.Succeeded {
			t.Errorf("delivery is %s", d.State)
		}
		attempts += d.Attempts
	}
	if attempts != 150 || len(r.Requests()) != 150 {
		t.Errorf("%d attempts recorded, %d requests; want 150", attempts, len(r.Requests()))
	}
}

// TestRetriesAreExact: on a real redis-server, 50 deliveries on the first two
// waits of the Jasper document. None is early, none later than 100 ms.
//
// It is not parallel: it measures, and the other tests of the package load the
// machine.
func TestRetriesAreExact(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 12 s")
	}
	f := newFixture(t)
	f.redis = testenv.RealRedis(t)
	f.cfg.Redis = f.redis.Client()
	f.cfg.Shards = 4
	f.cfg.Profile.Retry = retry.Jasper()
	f.cfg.Logger = nil
	const deliveries = 50
	var (
		mu     sync.Mutex
		answer = map[string][2]time.Time{} // when the first two were answered
		came   = map[string][]time.Time{}
	)
	r := sendertest.NewReceiver(t, nil)
	r.Script(func(w http.ResponseWriter, req *http.Request, _ <-chan struct{}) {
		mu.Lock()
		defer mu.Unlock()
		id := req.Header.Get("webhook-id")
		n := len(came[id])
		came[id] = append(came[id], time.Now())
		if n < 2 {
			times := answer[id]
			times[n] = time.Now()
			answer[id] = times
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	f.endpoint(store.Endpoint{URL: r.URL()})
	f.work()
	var sent []store.Delivery
	for range deliveries {
		sent = append(sent, f.send())
	}
	var late [2][]time.Duration
	for _, d := range sent {
		d = f.ended(d)
		attempts := f.attempts(d)
		if d.State != store.Succeeded || len(attempts) != 3 {
			t.Fatalf("delivery is %s after %d attempts", d.State, len(attempts))
		}
		mu.Lock()
		for i, wait := range []time.Duration{time.Second, 10 * time.Second} {
			// As the receiver sees it, from its answer to the next request.
			gap := came[d.EventID][i+1].Sub(answer[d.EventID][i])
			late[i] = append(late[i], gap-wait)
			if gap < wait || gap > wait+100*time.Millisecond {
				t.Errorf("event %s: attempt %d came %s after the answer to the one before, want %s and at most 100ms more",
					d.EventID, i+2, gap, wait)
			}
		}
		mu.Unlock()
	}
	for i, wait := range []string{"1s", "10s"} {
		slices.Sort(late[i])
		testenv.Reportf(t, "lateness after %s, %d deliveries: min %s, p50 %s, p99 %s, max %s", wait, deliveries,
			late[i][0], late[i][deliveries/2], late[i][deliveries*99/100], late[i][deliveries-1])
	}
}

// TestRedisMayLoseEverything: a real redis-server is emptied, restarted empty,
// and stopped for 10 s, while 2,000 deliveries are made. All arrive.
func TestRedisMayLoseEverything(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	f := newFixture(t)
	f.redis = testenv.RealRedis(t)
	f.cfg.Redis = f.redis.Client()
	f.cfg.Shards = 4
	f.cfg.Logger = nil
	f.cfg.Profile.Retry = retry.Schedule{0, time.Second, time.Second, time.Second}
	const deliveries = 2000
	var (
		mu    sync.Mutex
		count = map[string]int{}
	)
	r := sendertest.NewReceiver(t, nil)
	r.Script(func(w http.ResponseWriter, req *http.Request, _ <-chan struct{}) {
		mu.Lock()
		defer mu.Unlock()
		id := req.Header.Get("webhook-id")
		count[id]++
		if count[id] == 1 && len(count)%4 == 0 { // some wait in Redis for a retry
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	f.endpoint(store.Endpoint{URL: r.URL()})
	f.work()
	f.work()
	accepted := make(chan map[string]store.Delivery)
	go func() { accepted <- f.sendSteadily(deliveries) }()

	// The faults, while events go on being sent.
	arrived := func(n int) {
		t.Helper()
		f.eventually(func() bool { mu.Lock(); defer mu.Unlock(); return len(count) >= n })
	}
	arrived(200)
	f.redis.FlushAll()
	arrived(500)
	f.redis.Stop()
	f.redis.Start()
	arrived(700)
	f.redis.Stop()
	<-time.After(10 * time.Second)
	f.redis.Start()

	sent := <-accepted
	for _, d := range sent {
		if d = f.ended(d); d.State != store.Succeeded {
			t.Errorf("delivery %s is %s: %s", d.ID, d.State, d.LastError)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	lost, requests := 0, 0
	for id := range sent {
		if count[id] == 0 {
			lost++
		}
	}
	for _, n := range count {
		requests += n
	}
	testenv.Reportf(t, "accepted %d, arrived %d, lost %d, requests %d", len(sent), len(count), lost, requests)
	if lost != 0 || len(count) != deliveries {
		t.Errorf("%d of %d events arrived", len(count), deliveries)
	}
}

// sendSteadily sends n events, one every few milliseconds, and returns the
// delivery of each event that was accepted.
func (f *fixture) sendSteadily(n int) map[string]store.Delivery {
	s, err := sender.New(f.cfg)
	if err != nil {
		f.t.Error(err)
		return nil
	}
	pace := time.NewTicker(3 * time.Millisecond)
	defer pace.Stop()
	accepted := map[string]store.Delivery{}
	for range n {
		<-pace.C
		receipt, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
		if err != nil {
			f.t.Error(err)
			continue
		}
		accepted[receipt.EventID] = receipt.Deliveries[0]
	}
	return accepted
}

func TestRunWorkersRefusesABadConfig(t *testing.T) {
	t.Parallel()
	err := sender.RunWorkers(t.Context(), sender.Config{Concurrency: -1})
	if !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), "Config.Concurrency is -1, must be 1 to 100000") {
		t.Errorf("RunWorkers = %v", err)
	}
}
