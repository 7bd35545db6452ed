package sender_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

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
