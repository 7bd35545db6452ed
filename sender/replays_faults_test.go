package sender_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// TestReplayOfWhatEndsAtOnce: when a page is listed again after an error, what was
// replayed of it matches again already.
func TestReplayOfWhatEndsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 250)
	started := f.startReplay(sender.ReplayFilter{States: []store.DeliveryState{store.Failed, store.Succeeded}})
	f.restarts(func(n int32) error {
		if n%60 == 0 {
			return errInjected
		}
		return nil
	})
	f.work()
	if got := f.finished(started); got.Replayed != 250 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// TestReplayWhoseProgressIsNotWritten: the Store takes no replay for longer than it
// stays with its process.
func TestReplayWhoseProgressIsNotWritten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 150)
	started := f.startReplay(sender.ReplayFilter{States: []store.DeliveryState{store.Failed, store.Succeeded}})
	var puts atomic.Int32
	var failing atomic.Pointer[time.Time]
	f.store.override(func(s *faultyStore) {
		s.putReplay = func(ctx context.Context, r store.Replay) error {
			if puts.Add(1) > 1 { // the first takes it
				now := time.Now()
				failing.CompareAndSwap(nil, &now)
				if now.Sub(*failing.Load()) < 22*time.Second {
					return errInjected
				}
			}
			return f.store.replays().PutReplay(ctx, r)
		}
	})
	f.work()
	if got := f.finished(started); got.Replayed != 150 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// TestReplaysLeaveRoom: several of a tenant leave half of Config.MaxPending, too.
func TestReplaysLeaveRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	release := holdAnswers(r)
	defer release()
	f.cfg.MaxPending = 600
	pending := store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}
	var started []store.Replay
	for i := range 3 {
		eventType := fmt.Sprintf("a.b%d", i)
		f.failures(e, eventType, 300)
		started = append(started, f.startReplay(sender.ReplayFilter{EventType: eventType}))
	}
	var most atomic.Int32
	f.restarts(func(int32) error {
		n, err := store.CountDeliveries(f.ctx, f.store.Store, pending, 999)
		most.Store(max(most.Load(), int32(n+1)))
		return err
	})
	f.work()
	f.eventually(func() bool { return most.Load() >= 300 })
	release()
	for _, s := range started {
		f.finished(s)
	}
	if n := most.Load(); n > 310 {
		t.Errorf("%d were pending at once, want about 300", n)
	}
}

// TestReplaysThatWait: as many as a process works on wait for days, and others have
// their turn.
func TestReplaysThatWait(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	f.cfg.MaxPending = 2
	deliveries := f.failures(e, "a.b", 3)
	going := f.startReplay(sender.ReplayFilter{})
	for i := range 4 {
		other := f.endpoint(store.Endpoint{Tenant: fmt.Sprintf("ws_full_%d", i), URL: r.URL()})
		waits := f.failures(other, "a.b", 2)[0]
		waits.State, waits.NextAttemptAt, waits.EndedAt = store.Pending, time.Now().Add(time.Hour), time.Time{}
		if err := f.store.UpdateDelivery(f.ctx, waits, nil); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			f.startReplay(sender.ReplayFilter{Tenant: other.Tenant})
		}
	}
	f.work()
	if got := f.finished(going); got.Replayed != 3 {
		t.Errorf("it has finished as %+v", got)
	}
	for _, d := range deliveries {
		if got := f.ended(d); got.Round != 2 {
			t.Errorf("delivery %s is in round %d", d.ID, got.Round)
		}
	}
}
