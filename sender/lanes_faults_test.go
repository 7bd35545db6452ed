package sender_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// moods is a receiver whose paths behave each in a way that changes.
type moods struct {
	*gauge
	well atomic.Bool
}

func newMoods(t *testing.T) *moods {
	t.Helper()
	m := &moods{}
	dead := hang(t)
	m.gauge = newGauge(t, func(w http.ResponseWriter, req *http.Request) {
		if m.well.Load() {
			return
		}
		switch rand.IntN(8) {
		case 0:
			dead(w, req)
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			<-time.After(rand.N(200 * time.Millisecond))
		}
	})
	return m
}

// TestEverythingEndsAfterFaults: processes come and go, Redis loses everything or
// goes away, the Store fails, endpoints do what they like and are changed. When
// all is well again every delivery ends, no claim stays, and each endpoint has all
// its places.
func TestEverythingEndsAfterFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Logger = nil
	f.cfg.Concurrency, f.cfg.SlowConcurrency, f.cfg.EndpointConcurrency = 2, 1, 2
	f.cfg.Profile.Timeout = 700 * time.Millisecond
	f.cfg.Profile.Retry = retry.Exponential{Initial: 10 * time.Millisecond, Multiplier: 2, Max: time.Second, Attempts: 1000}
	f.cfg.ShutdownTimeout = 500 * time.Millisecond
	m := newMoods(t)
	const endpoints = 6
	for i := range endpoints {
		e := store.Endpoint{URL: m.URL}
		if i == 0 {
			e.RateLimit = store.RateLimit{PerSecond: 50, Burst: i + 1}
		}
		f.endpoint(e)
	}
	ctx, cancel := context.WithTimeout(f.ctx, 6*time.Second)
	defer cancel()
	var faults sync.WaitGroup
	every := func(most time.Duration, do func()) {
		faults.Go(func() {
			for wait := time.After(rand.N(most)); ctx.Err() == nil; wait = time.After(rand.N(most)) {
				select {
				case <-wait:
					do()
				case <-ctx.Done():
				}
			}
		})
	}
	s := f.sender()
	var sent atomic.Int64
	every(60*time.Millisecond, func() {
		if _, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")}); err == nil {
			sent.Add(1)
		}
	})
	for range 3 {
		stop := f.work()
		every(3*time.Second, func() {
			stop()
			stop = f.work()
		})
	}
	every(3*time.Second, func() {
		if rand.IntN(2) == 0 {
			_ = f.redis.Client().FlushAll(f.ctx)
			return
		}
		f.redis.Stop()
		<-time.After(rand.N(time.Second))
		f.redis.Start()
	})
	every(500*time.Millisecond, func() { f.failStore(rand.IntN(3) == 0) })
	every(400*time.Millisecond, func() { f.changeAnEndpoint(m.URL) })
	faults.Wait()

	m.well.Store(true)
	f.failStore(false)
	for e, err := range store.AllEndpoints(f.ctx, f.store.Store, store.EndpointFilter{Tenant: tenant}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Disabled, e.URL, e.PausedUntil = false, m.URL, time.Time{}
		for err := f.store.Store.PutEndpoint(f.ctx, e); err != nil; err = f.store.Store.PutEndpoint(f.ctx, e) {
			fresh, err := f.store.Store.GetEndpoint(f.ctx, tenant, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			e.Version = fresh.Version
		}
	}
	f.work()
	began := time.Now()
	f.nonePending()
	t.Logf("%d events, all ended %s after the faults", sent.Load(), time.Since(began).Round(time.Millisecond))
	f.eventually(func() bool { return len(f.redis.Client().Keys(f.ctx, "outhook:*:parked:*").Val()) == 0 })
	requests, _, _ := m.got()
	after := f.sendMany(50, "a.b")
	for _, d := range after {
		f.ended(d)
	}
	if now, _, _ := m.got(); now-requests != len(after) {
		t.Errorf("%d requests for %d deliveries without faults", now-requests, len(after))
	}
}

// failStore has the Store fail and linger, half of the time, or not any more.
func (f *fixture) failStore(fails bool) {
	f.store.override(func(s *faultyStore) {
		s.loadJob, s.updateDelivery = nil, nil
		if !fails {
			return
		}
		s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
			if rand.IntN(2) == 0 {
				return store.Job{}, errInjected
			}
			return store.LoadJob(ctx, s.Store, tenant, id)
		}
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			<-time.After(rand.N(100 * time.Millisecond))
			if rand.IntN(2) == 0 {
				return fmt.Errorf("written or not: %w", errInjected)
			}
			return s.Store.UpdateDelivery(ctx, d, a)
		}
	})
}

// changeAnEndpoint disables or enables one, or moves it to where nobody listens
// and back.
func (f *fixture) changeAnEndpoint(url string) {
	page, err := f.store.Store.ListEndpoints(f.ctx, store.EndpointFilter{Tenant: tenant})
	if err != nil || len(page.Items) == 0 {
		return
	}
	e := page.Items[rand.IntN(len(page.Items))]
	switch rand.IntN(3) {
	case 0:
		e.Disabled = !e.Disabled
	case 1:
		e.URL = "http://127.0.0.1:1/"
	default:
		e.URL, e.PausedUntil = url, time.Time{}
	}
	_ = f.store.Store.PutEndpoint(f.ctx, e) // somebody else may have been faster
}
