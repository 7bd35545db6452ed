package sender_test

import (
	"context"
	"errors"
	"slices"
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

// TestReplayWhoseSignOfLifeIsAnsweredByNobody: it was written, and the answer was
// lost. What is replayed next is counted, and not replayed again.
func TestReplayWhoseSignOfLifeIsAnsweredByNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 150)
	f.cfg.MaxPending = 1000
	full := atomic.Bool{}
	full.Store(true)
	faults := &replayFaults{faultyStore: f.store}
	faults.listDeliveries = func(filter store.DeliveryFilter, list func() (store.Page[store.Delivery], error)) (store.Page[store.Delivery], error) {
		if full.Load() && slices.Equal(filter.States, []store.DeliveryState{store.Pending}) {
			return store.Page[store.Delivery]{Items: make([]store.Delivery, 500)}, nil // half of MaxPending
		}
		return list()
	}
	f.cfg.Store = faults
	started := f.startReplay(sender.ReplayFilter{States: []store.DeliveryState{store.Failed, store.Succeeded}})
	f.store.override(func(s *faultyStore) {
		var puts atomic.Int32
		s.putReplay = func(ctx context.Context, r store.Replay) error {
			err := f.store.replays().PutReplay(ctx, r)
			if puts.Add(1) == 2 { // the first takes it
				full.Store(false)
				return errors.Join(errInjected, err)
			}
			return err
		}
	})
	f.work()
	if got := f.finished(started); got.Replayed != 150 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// TestReplayWhoseRestartIsAnsweredByNobody: the delivery is pending again, and is
// counted, and not replayed again when it has ended.
func TestReplayWhoseRestartIsAnsweredByNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 150)
	f.store.override(func(s *faultyStore) {
		var restarts atomic.Int32
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			err := f.store.Store.UpdateDelivery(ctx, d, a)
			if n := restarts.Add(1); a == nil && (n == 30 || n == 110) {
				return errors.Join(errInjected, err)
			}
			return err
		}
	})
	started := f.startReplay(sender.ReplayFilter{States: []store.DeliveryState{store.Failed, store.Succeeded}})
	f.work()
	if got := f.finished(started); got.Replayed != 150 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// TestReplayStopsInDoubt: a process that stops before it knows whether it has replayed a
// delivery does not let go, so that the next one counts.
func TestReplayStopsInDoubt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 150)
	reached, held := make(chan struct{}), make(chan struct{})
	f.store.override(func(s *faultyStore) {
		var restarts atomic.Int32
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			err := f.store.Store.UpdateDelivery(ctx, d, a)
			if a == nil && restarts.Add(1) == 30 {
				close(reached)
				<-held
				return errors.Join(errInjected, err)
			}
			return err
		}
	})
	started := f.startReplay(sender.ReplayFilter{})
	stop := f.work()
	f.wait(reached)
	f.stopWhile(stop, func() { close(held) })
	if got := f.replay(started); got.Replayed != 29 || got.UpdatedAt.Equal(got.CreatedAt) {
		t.Errorf("it was left as %+v", got)
	}
	f.work()
	if got := f.finished(started); got.Replayed != 150 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// TestCancelReplayWhileTheStoreFails: what was replayed by then is counted, though
// the Store cannot say at first why it takes no progress any more.
func TestCancelReplayWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	f.failures(e, "a.b", 300)
	faults := &replayFaults{faultyStore: f.store}
	failing := atomic.Bool{}
	faults.getReplay = func(get func() (store.Replay, error)) (store.Replay, error) {
		if failing.CompareAndSwap(true, false) {
			return store.Replay{}, errInjected
		}
		return get()
	}
	f.cfg.Store = faults
	reached, resume := f.holdAt(150)
	defer resume()
	started := f.startReplay(sender.ReplayFilter{})
	f.work()
	f.wait(reached)
	if _, err := sender.CancelReplay(f.ctx, f.cfg, tenant, started.ID); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	resume()
	f.eventually(func() bool { return f.replay(started).Replayed == 200 })
}

// TestReplayWhileTheStorePanics: over one delivery, over one replay, and over the
// list. The others go on, and what was replayed before is counted.
func TestReplayWhileTheStorePanics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	_, other := f.receiver()
	deliveries := f.failures(e, "a.b", 150)
	going := f.failures(other, "b.a", 10)
	f.failures(other, "c.a", 10)
	faults := &replayFaults{faultyStore: f.store}
	var lists atomic.Int32
	faults.listDeliveries = func(filter store.DeliveryFilter, list func() (store.Page[store.Delivery], error)) (store.Page[store.Delivery], error) {
		if filter.EventType == "c.a" && lists.Add(1) > 1 { // the first counts them
			panic("injected")
		}
		return list()
	}
	f.cfg.Store = faults
	f.restarts(func(n int32) error {
		if n == 60 || n == 130 {
			panic("injected")
		}
		return nil
	})
	first := f.startReplay(sender.ReplayFilter{EndpointID: other.ID, EventType: "b.a"})
	second := f.startReplay(sender.ReplayFilter{EndpointID: e.ID, States: []store.DeliveryState{store.Failed, store.Succeeded}})
	f.startReplay(sender.ReplayFilter{EndpointID: other.ID, EventType: "c.a"})
	f.work()
	if got := f.finished(second); got.Replayed != 150 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	if got := f.finished(first); got.Replayed != 10 {
		t.Errorf("the other has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
	f.wantReplayed(going)
}

// TestReplayThatCannotBeTaken keeps no process from the others.
func TestReplayThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	for _, panics := range []bool{false, true} {
		f := newFixture(t)
		_, e := f.receiver()
		deliveries := f.failures(e, "a.b", 10)
		going := f.startReplay(sender.ReplayFilter{})
		refused := f.startReplay(sender.ReplayFilter{}) // is newer, and looked at before
		f.store.override(func(s *faultyStore) {
			s.putReplay = func(ctx context.Context, r store.Replay) error {
				switch {
				case r.ID != refused.ID:
					return f.store.replays().PutReplay(ctx, r)
				case panics:
					panic("injected")
				default:
					return errInjected
				}
			}
		})
		stop := f.work()
		f.finished(going)
		f.wantReplayed(deliveries)
		stop()
	}
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
