package sender_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// skewed is the Store as a process sees it whose clock is ahead by an hour: a replay's
// times are older than they were when they were written.
type skewed struct{ *faultyStore }

const skew = time.Hour

func skewReplay(r store.Replay, by time.Duration) store.Replay {
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.Add(by), r.UpdatedAt.Add(by)
	return r
}

func (s skewed) PutReplay(ctx context.Context, r store.Replay) error {
	return s.faultyStore.PutReplay(ctx, skewReplay(r, skew))
}

func (s skewed) GetReplay(ctx context.Context, tenant, id string) (store.Replay, error) {
	r, err := s.faultyStore.GetReplay(ctx, tenant, id)
	return skewReplay(r, -skew), err
}

func (s skewed) ListReplays(ctx context.Context, f store.ReplayFilter) (store.Page[store.Replay], error) {
	page, err := s.faultyStore.ListReplays(ctx, f)
	for i, r := range page.Items {
		page.Items[i] = skewReplay(r, -skew)
	}
	return page, err
}

// TestReplayOfAProcessWhoseClockIsBehind: one whose clock is ahead does not take it.
func TestReplayOfAProcessWhoseClockIsBehind(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	deliveries := f.failures(e, "a.b", 250)
	started := f.startReplay(sender.ReplayFilter{States: []store.DeliveryState{store.Failed, store.Succeeded}})
	reached, resume := f.holdAt(150)
	defer resume()
	f.work()
	f.wait(reached)
	held := f.replay(started)
	var lists atomic.Int32
	f.cfg.Store = &listCounter{skewed{f.store}, &lists}
	f.work()
	f.eventually(func() bool { return lists.Load() >= 3 })
	if got := f.replay(started); got.Version != held.Version {
		t.Errorf("it was taken from a process that works on it: %+v, was %+v", got, held)
	}
	resume()
	if got := f.finished(started); got.Replayed != 250 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
	if n := len(r.Requests()); n != len(deliveries) {
		t.Errorf("%d requests, want %d", n, len(deliveries))
	}
}

// TestReplayOfADeadProcessWhoseClockWasAhead: it is taken over within the hold.
func TestReplayOfADeadProcessWhoseClockWasAhead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 10)
	r := f.startReplay(sender.ReplayFilter{})
	r.UpdatedAt = time.Now().Add(skew)
	if err := f.store.PutReplay(f.ctx, r); err != nil {
		t.Fatal(err)
	}
	f.work()
	if got := f.finished(r); got.Replayed != 10 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// listCounter counts the lists of replays.
type listCounter struct {
	skewed

	lists *atomic.Int32
}

func (s *listCounter) ListReplays(ctx context.Context, f store.ReplayFilter) (store.Page[store.Replay], error) {
	defer s.lists.Add(1)
	return s.skewed.ListReplays(ctx, f)
}
