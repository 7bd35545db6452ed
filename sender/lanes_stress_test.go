package sender_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// unwoken returns a Sender whose deliveries get no task but from the sweeper.
func (f *fixture) unwoken() sender.Sender {
	f.t.Helper()
	cfg := f.cfg
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialTimeout: time.Second})
	f.t.Cleanup(func() { _ = client.Close() })
	cfg.Redis = client
	s, err := sender.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// lateEnqueues delays the commands that enqueue, as a slow network does.
type lateEnqueues struct{ most time.Duration }

func (h lateEnqueues) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h lateEnqueues) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h lateEnqueues) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		for _, arg := range cmd.Args() {
			if message, ok := arg.([]byte); ok && bytes.Contains(message, []byte("outhook:delivery")) {
				<-time.After(rand.N(h.most))
			}
		}
		return next(ctx, cmd)
	}
}

// crowd has few attempts made at once, and enqueues that are late.
func (f *fixture) crowd() {
	f.cfg.Concurrency, f.cfg.EndpointConcurrency = 4, 2
	f.cfg.Logger = nil
	late := f.redis.Client()
	late.AddHook(lateEnqueues{100 * time.Millisecond})
	f.cfg.Redis = late
}

// nonePending waits until every delivery of the tenant has ended.
func (f *fixture) nonePending() {
	f.t.Helper()
	f.eventually(func() bool {
		n, err := store.CountDeliveries(f.ctx, f.store.Store, store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}, 1)
		return err == nil && n == 0
	})
}

// TestNobodyIsSentToTwice: three processes with all they can do, some deliveries
// without a wake-up of their own.
func TestNobodyIsSentToTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.crowd()
	g := newGauge(t, func(http.ResponseWriter, *http.Request) {
		<-time.After(time.Duration(5+rand.IntN(100)) * time.Millisecond)
	})
	for range 2 {
		f.endpoint(store.Endpoint{URL: g.URL})
	}
	for range 3 {
		f.work()
	}
	ctx, cancel := context.WithTimeout(f.ctx, 6*time.Second)
	defer cancel()
	var sent atomic.Int64
	var all sync.WaitGroup
	for i, s := range []sender.Sender{f.sender(), f.sender(), f.sender(), f.unwoken()} {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")}); err != nil {
					t.Error(err)
				}
				sent.Add(1)
				wait := 50 * time.Millisecond
				if i == 3 {
					wait = 150 * time.Millisecond
				}
				<-time.After(rand.N(2 * wait))
			}
		})
	}
	all.Wait()
	f.nonePending()
	requests, events, _ := g.got()
	if want := 2 * int(sent.Load()); requests != want {
		t.Errorf("%d requests for %d deliveries of %d events", requests, want, events)
	}
	f.eventually(func() bool { return len(f.redis.Client().Keys(f.ctx, "outhook:*").Val()) == 0 })
}

// TestNobodyIsSentToTwiceBySweepAndFind: a burst that nobody was woken for.
func TestNobodyIsSentToTwiceBySweepAndFind(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.crowd()
	g := newGauge(t, func(http.ResponseWriter, *http.Request) { <-time.After(30 * time.Millisecond) })
	f.endpoint(store.Endpoint{URL: g.URL})
	s := f.unwoken()
	for range 500 {
		if _, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		f.work()
	}
	f.nonePending()
	requests, events, _ := g.got()
	if requests != 500 {
		t.Errorf("%d requests for %d events", requests, events)
	}
}
