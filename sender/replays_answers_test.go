package sender_test

import (
	"context"
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
