package sender_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// failures stores n deliveries to the endpoint that have failed, a millisecond
// apart, the last one an hour ago.
func (f *fixture) failures(e store.Endpoint, eventType string, n int) []store.Delivery {
	f.t.Helper()
	deliveries := make([]store.Delivery, n)
	last := time.Now().Add(-time.Hour)
	for i := range n {
		at := last.Add(time.Duration(i-n) * time.Millisecond)
		event := store.Event{
			ID: strings.ReplaceAll(fmt.Sprintf("evt_%s_%s_%d", eventType, e.ID, i), ".", "_"), Tenant: e.Tenant, Type: eventType, Payload: []byte("{}"), CreatedAt: at,
		}
		deliveries[i] = store.Delivery{
			ID: strings.Replace(event.ID, "evt_", "dlv_", 1), Tenant: e.Tenant, EventID: event.ID, EndpointID: e.ID, EventType: eventType,
			State: store.Failed, Round: 1, Attempts: 3, CreatedAt: at, UpdatedAt: at, EndedAt: at, Version: 1,
		}
		if err := f.store.Store.CreateEvent(f.ctx, event, deliveries[i:i+1]); err != nil {
			f.t.Fatal(err)
		}
	}
	return deliveries
}

func (f *fixture) startReplay(filter sender.ReplayFilter) store.Replay {
	f.t.Helper()
	if filter.Tenant == "" {
		filter.Tenant = tenant
	}
	r, err := sender.StartReplay(f.ctx, f.cfg, filter)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) replay(r store.Replay) store.Replay {
	f.t.Helper()
	r, err := f.store.GetReplay(f.ctx, r.Tenant, r.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// finished waits until the replay has finished, and checks that it only comes on.
func (f *fixture) finished(r store.Replay) store.Replay {
	f.t.Helper()
	f.eventually(func() bool {
		was := r
		r = f.replay(r)
		if r.Total != was.Total || r.Replayed < was.Replayed || r.Skipped < was.Skipped || r.Replayed+r.Skipped > r.Total {
			f.t.Fatalf("the replay went from %+v to %+v", was, r)
		}
		return r.State == store.ReplayFinished
	})
	return r
}

// wantReplayed waits until each delivery has succeeded in its second round.
func (f *fixture) wantReplayed(deliveries []store.Delivery) {
	f.t.Helper()
	for _, d := range deliveries {
		if got := f.ended(d); got.State != store.Succeeded || got.Round != 2 || got.Attempts != 1 || got.Trigger != store.TriggerManual {
			f.t.Fatalf("delivery %s is %s in round %d after %d attempts, by %s", d.ID, got.State, got.Round, got.Attempts, got.Trigger)
		}
	}
}

func TestStartReplay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	_, disabled := f.receiver()
	_, deleted := f.receiver()
	replayed := f.failures(e, "a.b", 230)
	left := append(f.failures(disabled, "a.b", 60), f.failures(deleted, "a.b", 30)...)
	disabled.Disabled = true
	f.endpoint(disabled)
	if err := f.store.DeleteEndpoint(f.ctx, tenant, deleted.ID); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	started := f.startReplay(sender.ReplayFilter{Since: began.Add(-24 * time.Hour), EventType: "a.b"})
	if started.State != store.ReplayRunning || started.Total != 320 || started.Replayed+started.Skipped != 0 ||
		started.Until.Before(began.Add(-time.Millisecond)) || started.Until.After(time.Now()) || !strings.HasPrefix(started.ID, "rpl_") {
		t.Errorf("StartReplay = %+v", started)
	}
	if got := f.replay(started); got.Version != started.Version || got.Total != started.Total {
		t.Errorf("stored: %+v, want %+v", got, started)
	}
	other := f.startReplay(sender.ReplayFilter{EventType: "b.a", Until: began.Add(time.Hour)})
	if other.Until.After(time.Now()) {
		t.Errorf("Until is %s, after now", other.Until)
	}
	f.work()
	if got := f.finished(started); got.Replayed != 230 || got.Skipped != 90 || got.EndedAt.IsZero() {
		t.Errorf("the replay has finished as %+v", got)
	}
	if got := f.finished(other); got.Total != 0 || got.Replayed+got.Skipped != 0 {
		t.Errorf("the replay of nothing has finished as %+v", got)
	}
	f.wantReplayed(replayed)
	for _, d := range left {
		if got := f.ended(d); got.State != store.Failed || got.Round != 1 {
			t.Fatalf("delivery %s, whose endpoint gets nothing, is %s in round %d", d.ID, got.State, got.Round)
		}
	}
	if n := len(r.Requests()); n != 230 {
		t.Errorf("%d requests, want 230", n)
	}
}

func TestStartReplayRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := sender.StartReplay(f.ctx, f.cfg, sender.ReplayFilter{}); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("StartReplay without a tenant = %v", err)
	}
	if _, err := sender.CancelReplay(f.ctx, f.cfg, tenant, "rpl_none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("CancelReplay of none = %v", err)
	}
	var first store.Replay
	for i := range 10 {
		if r := f.startReplay(sender.ReplayFilter{}); i == 0 {
			first = r
		}
	}
	_, err := sender.StartReplay(f.ctx, f.cfg, sender.ReplayFilter{Tenant: tenant})
	if !errors.Is(err, sender.ErrTooManyReplays) || !strings.Contains(err.Error(), "cancel one") {
		t.Errorf("the eleventh StartReplay = %v", err)
	}
	f.startReplay(sender.ReplayFilter{Tenant: "ws_2"})
	if _, err := sender.CancelReplay(f.ctx, f.cfg, "ws_2", first.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("CancelReplay by another tenant = %v", err)
	}
	canceled, err := sender.CancelReplay(f.ctx, f.cfg, tenant, first.ID)
	if err != nil || canceled.State != store.ReplayCanceled || canceled.EndedAt.IsZero() {
		t.Fatalf("CancelReplay = %+v, %v", canceled, err)
	}
	again, err := sender.CancelReplay(f.ctx, f.cfg, tenant, first.ID)
	if err != nil || again.Version != canceled.Version || !again.EndedAt.Equal(canceled.EndedAt) {
		t.Errorf("CancelReplay, again = %+v, %v; want %+v", again, err, canceled)
	}
	f.startReplay(sender.ReplayFilter{})

	f.cfg.Store = struct{ store.Store }{f.store}
	if _, err := sender.StartReplay(f.ctx, f.cfg, sender.ReplayFilter{Tenant: tenant}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("StartReplay with a Store that keeps none = %v", err)
	}
}

func (f *fixture) wait(done <-chan struct{}) {
	f.t.Helper()
	select {
	case <-done:
	case <-f.ctx.Done():
		f.t.Fatal("waited in vain")
	}
}

// restarts calls before, with their number, before each delivery that is made
// pending again.
func (f *fixture) restarts(before func(n int32) error) {
	var n atomic.Int32
	f.store.override(func(s *faultyStore) {
		s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			if a == nil && d.State == store.Pending {
				if err := before(n.Add(1)); err != nil {
					return err
				}
			}
			return f.store.Store.UpdateDelivery(ctx, d, a)
		}
	})
}

// holdAt holds up the restart of that number until resume is called.
func (f *fixture) holdAt(number int32) (reached <-chan struct{}, resume func()) {
	at, held := make(chan struct{}), make(chan struct{})
	f.restarts(func(n int32) error {
		if n == number {
			close(at)
			<-held
		}
		return nil
	})
	return at, sync.OnceFunc(func() { close(held) })
}

func TestCancelReplayMidway(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 500)
	reached, resume := f.holdAt(150)
	defer resume()
	started := f.startReplay(sender.ReplayFilter{})
	f.work()
	f.wait(reached)
	canceled, err := sender.CancelReplay(f.ctx, f.cfg, tenant, started.ID)
	resume()
	if err != nil || canceled.State != store.ReplayCanceled || canceled.Replayed != 100 {
		t.Fatalf("CancelReplay = %+v, %v", canceled, err)
	}
	f.eventually(func() bool { return f.replay(started).Replayed == 200 }) // the page in hand
	f.wantReplayed(deliveries[300:])
	if d := f.ended(deliveries[0]); d.Round != 1 {
		t.Errorf("after the end delivery %s is in round %d", d.ID, d.Round)
	}
	if got := f.replay(started); got.State != store.ReplayCanceled || !got.EndedAt.Equal(canceled.EndedAt) {
		t.Errorf("it ends as %+v", got)
	}
}

// TestReplayTakeOver: its owner has died in the middle of the second page.
func TestReplayTakeOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 350)
	r := f.startReplay(sender.ReplayFilter{})
	page, err := f.store.ListDeliveries(f.ctx, store.DeliveryFilter{Tenant: tenant, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deliveries[220:] {
		d.State, d.Round, d.Attempts, d.Trigger, d.NextAttemptAt = store.Pending, 2, 0, store.TriggerManual, time.Now()
		if err := f.store.UpdateDelivery(f.ctx, d, nil); err != nil {
			t.Fatal(err)
		}
	}
	r.Cursor, r.Replayed, r.UpdatedAt = page.Next, 100, time.Now()
	if err := f.store.PutReplay(f.ctx, r); err != nil {
		t.Fatal(err)
	}
	r.Version++
	f.work()
	f.wantReplayed(deliveries[220:]) // the sweeper's work
	if got := f.replay(r); got.Version != r.Version {
		t.Errorf("a replay that somebody works on was taken: %+v", got)
	}
	if got := f.finished(r); got.Replayed != 350 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

func TestReplaysOfTwoProcesses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	var started []store.Replay
	var deliveries []store.Delivery
	for i := range 4 {
		eventType := fmt.Sprintf("a.b%d", i)
		deliveries = append(deliveries, f.failures(e, eventType, 250)...)
		started = append(started, f.startReplay(sender.ReplayFilter{EventType: eventType}))
	}
	f.work()
	f.work()
	for _, s := range started {
		if got := f.finished(s); got.Replayed != 250 || got.Skipped != 0 {
			t.Errorf("it has finished as %+v", got)
		}
	}
	f.wantReplayed(deliveries)
	if n := len(r.Requests()); n != len(deliveries) {
		t.Errorf("%d requests, want %d", n, len(deliveries))
	}
}

func TestReplayWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 250)
	started := f.startReplay(sender.ReplayFilter{})
	f.restarts(func(n int32) error {
		if n == 50 || n == 130 {
			return errInjected
		}
		return nil
	})
	var mu sync.Mutex
	puts := 0
	f.store.override(func(s *faultyStore) {
		s.putReplay = func(ctx context.Context, r store.Replay) error {
			mu.Lock()
			defer mu.Unlock()
			puts++
			switch puts {
			case 1, 3:
				return errInjected
			case 5: // it is written, and the answer is lost
				return errors.Join(errInjected, f.store.replays().PutReplay(ctx, r))
			default:
				return f.store.replays().PutReplay(ctx, r)
			}
		}
	})
	f.work()
	if got := f.finished(started); got.Replayed != 250 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}

// stopWhile stops workers that are held up in the middle of something, and lets them go
// on.
func (f *fixture) stopWhile(stop, resume func()) {
	f.t.Helper()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	resume()
	f.wait(stopped)
}

// TestReplayStops: what is in hand is finished and written when the process stops,
// and the next one goes on at once.
func TestReplayStops(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	deliveries := f.failures(e, "a.b", 300)
	started := f.startReplay(sender.ReplayFilter{})
	reached, resume := f.holdAt(150)
	defer resume()
	stop := f.work()
	f.wait(reached)
	f.stopWhile(stop, resume)
	got := f.replay(started)
	left, err := store.CountDeliveries(f.ctx, f.store, store.DeliveryFilter{Tenant: tenant, EventType: "a.b", States: started.States}, 999)
	if err != nil || got.Replayed < 200 || got.Replayed != 300-left {
		t.Errorf("stopped at %+v with %d left, %v", got, left, err)
	}
	again := time.Now()
	f.work()
	if got := f.finished(got); got.Replayed != 300 || got.Skipped != 0 || time.Since(again) > 10*time.Second {
		t.Errorf("it has finished after %s as %+v", time.Since(again), got)
	}
	f.wantReplayed(deliveries)
	if n := len(r.Requests()); n != 300 {
		t.Errorf("%d requests, want 300", n)
	}
}

// TestReplayThatWasLetGoCountsNothingOfOthers: what somebody else replays before the
// next process goes on is not its own.
func TestReplayThatWasLetGoCountsNothingOfOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 300)
	started := f.startReplay(sender.ReplayFilter{})
	reached, resume := f.holdAt(50)
	defer resume()
	stop := f.work()
	f.wait(reached)
	f.stopWhile(stop, resume)
	for _, d := range deliveries[:5] { // the last of the list
		d.State, d.Round, d.Attempts, d.Trigger, d.NextAttemptAt = store.Pending, 2, 0, store.TriggerManual, time.Now()
		if err := f.store.UpdateDelivery(f.ctx, d, nil); err != nil {
			t.Fatal(err)
		}
	}
	f.work()
	if got := f.finished(started); got.Replayed != 295 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v, and 295 were its own", got)
	}
	f.wantReplayed(deliveries)
}

// TestReplayStopsWithProgressUnwritten: a process that stops writes it before it lets
// go, and one whose Store is down stops nevertheless.
func TestReplayStopsWithProgressUnwritten(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{true, false} {
		f := newFixture(t)
		_, e := f.receiver()
		f.failures(e, "a.b", 150)
		started := f.startReplay(sender.ReplayFilter{})
		failed := make(chan struct{})
		fail := sync.OnceFunc(func() { close(failed) })
		var failures atomic.Int32
		f.store.override(func(s *faultyStore) {
			s.putReplay = func(ctx context.Context, r store.Replay) error {
				if r.Replayed > 0 && (failures.Add(1) == 1 || !back) {
					fail()
					return errInjected
				}
				return f.store.replays().PutReplay(ctx, r)
			}
		})
		stop := f.work()
		f.wait(failed)
		stop()
		got := f.replay(started)
		if released := got.UpdatedAt.Equal(got.CreatedAt); released != back || released != (got.Replayed == 100) {
			t.Errorf("the Store is back: %v, and the process has stopped at %+v", back, got)
		}
	}
}

// holdAnswers has r answer nothing until release is called.
func holdAnswers(r *sendertest.Receiver) (release func()) {
	held := make(chan struct{})
	r.Script(func(http.ResponseWriter, *http.Request, <-chan struct{}) { <-held })
	return sync.OnceFunc(func() { close(held) })
}

// TestReplayLeavesRoom: half of Config.MaxPending stays Send's.
func TestReplayLeavesRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	release := holdAnswers(r)
	defer release()
	f.cfg.MaxPending = 20
	deliveries := f.failures(e, "a.b", 50)
	var most atomic.Int32
	f.restarts(func(int32) error {
		n, err := store.CountDeliveries(f.ctx, f.store.Store,
			store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}, 99)
		most.Store(max(most.Load(), int32(n+1)))
		return err
	})
	started := f.startReplay(sender.ReplayFilter{})
	f.work()
	f.eventually(func() bool { return f.replay(started).Replayed == 10 })
	f.send() // there is room
	release()
	f.finished(started)
	f.wantReplayed(deliveries)
	if n := most.Load(); n > 11 {
		t.Errorf("%d were pending at once, want at most 11", n)
	}
}

// TestReplayWaitsForEndpoints: one that has enough to do gets no more, and keeps
// no other replay waiting.
func TestReplayWaitsForEndpoints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 30 * time.Second
	slow, e := f.receiver()
	release := holdAnswers(slow)
	defer release()
	_, other := f.receiver()
	hangs := f.failures(e, "slow.hangs", 1)[0]
	hangs.State, hangs.NextAttemptAt, hangs.EndedAt = store.Pending, hangs.CreatedAt, time.Time{}
	if err := f.store.UpdateDelivery(f.ctx, hangs, nil); err != nil {
		t.Fatal(err)
	}
	waiting, going := f.failures(e, "slow", 10), f.failures(other, "fast", 10)
	first := f.startReplay(sender.ReplayFilter{EndpointID: e.ID})
	second := f.startReplay(sender.ReplayFilter{EndpointID: other.ID})
	f.work()
	f.finished(second)
	f.wantReplayed(going)
	if got := f.replay(first); got.Replayed != 0 {
		t.Errorf("what goes to the endpoint that hangs has come to %+v", got)
	}
	release()
	if got := f.finished(first); got.Replayed != 10 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(waiting)
}
