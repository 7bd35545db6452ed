package sender_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// replayFaults is a Store of which a test says what the methods do that bulk
// replays use.
type replayFaults struct {
	*faultyStore
	getReplay      func(get func() (store.Replay, error)) (store.Replay, error)
	listDeliveries func(f store.DeliveryFilter, list func() (store.Page[store.Delivery], error)) (store.Page[store.Delivery], error)
}

func (s *replayFaults) GetReplay(ctx context.Context, tenant, id string) (store.Replay, error) {
	get := func() (store.Replay, error) { return s.faultyStore.GetReplay(ctx, tenant, id) }
	if s.getReplay != nil {
		return s.getReplay(get)
	}
	return get()
}

func (s *replayFaults) ListDeliveries(ctx context.Context, f store.DeliveryFilter) (store.Page[store.Delivery], error) {
	list := func() (store.Page[store.Delivery], error) { return s.faultyStore.ListDeliveries(ctx, f) }
	if s.listDeliveries != nil {
		return s.listDeliveries(f, list)
	}
	return list()
}

// TestReplayOfASlowStore: who has its turn late, after others that took long, and has
// lost the replay to another process, replays nothing of what that one has replayed.
func TestReplayOfASlowStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	const slowness = 8 * time.Second // below what a list may take
	states := []store.DeliveryState{store.Failed, store.Succeeded}
	deliveries := f.failures(e, "a.b", 50)
	started := []store.Replay{f.startReplay(sender.ReplayFilter{EventType: "a.b", States: states})}
	for _, eventType := range []string{"b.a", "c.a"} { // newer ones are taken first
		deliveries = append(deliveries, f.failures(e, eventType, 1)...)
		started = append(started, f.startReplay(sender.ReplayFilter{EventType: eventType, States: states}))
	}
	slow, quick := &replayFaults{faultyStore: f.store}, f.cfg.Store
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	var lists atomic.Int32
	slow.listDeliveries = func(filter store.DeliveryFilter, list func() (store.Page[store.Delivery], error)) (store.Page[store.Delivery], error) {
		if len(filter.States) == 2 {
			begin()
			select {
			case <-time.After(slowness):
			case <-f.ctx.Done():
			}
			defer lists.Add(1)
		}
		return list()
	}
	f.cfg.Store = slow
	f.work()
	f.wait(begun)
	f.cfg.Store = quick
	f.work()
	for _, s := range started {
		f.finished(s)
	}
	f.eventually(func() bool { return lists.Load() >= 3 })
	f.wantReplayed(deliveries)
	if n := len(r.Requests()); n != len(deliveries) {
		t.Errorf("%d requests, want %d", n, len(deliveries))
	}
}
