package sender_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// stored returns the endpoint as it is in the Store.
func (f *fixture) stored(e store.Endpoint) store.Endpoint {
	f.t.Helper()
	e, err := f.store.Store.GetEndpoint(f.ctx, e.Tenant, e.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

// failingSince lets the endpoint have begun to fail so long ago: time is what the
// Store says.
func (f *fixture) failingSince(e store.Endpoint, ago time.Duration) {
	f.t.Helper()
	e = f.stored(e)
	e.FailingSince = time.Now().Add(-ago).UTC().Truncate(time.Microsecond)
	e.PausedUntil = time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
	if err := f.store.Store.PutEndpoint(f.ctx, e); err != nil {
		f.t.Fatal(err)
	}
}

// sendAll sends n events and works until all of their deliveries have ended and
// everything that follows from them is done.
func (f *fixture) sendAll(n, workers int) []store.Delivery {
	f.t.Helper()
	deliveries := make([]store.Delivery, n)
	for i := range deliveries {
		deliveries[i] = f.send()
	}
	stops := make([]func(), workers)
	for i := range stops {
		stops[i] = f.work()
	}
	for i, d := range deliveries {
		deliveries[i] = f.ended(d)
	}
	for _, stop := range stops {
		stop()
	}
	return deliveries
}

func (f *fixture) wantTold(failing, recovered, disabled int) {
	f.t.Helper()
	got := [3]int{
		len(told(f.told, &f.told.failing)), len(told(f.told, &f.told.recovered)), len(told(f.told, &f.told.disabled)),
	}
	if want := [3]int{failing, recovered, disabled}; got != want {
		f.t.Errorf("hooks were told of failing, recovered and disabled endpoints %v times, want %v", got, want)
	}
}

// atOnce is how many attempts to an endpoint a worker makes at once from the start.
const atOnce = 4

// together answers when n requests have come: all of their attempts have loaded the
// same endpoint, and end at once.
func together(n int, answer sendertest.Answer) sendertest.Answer {
	var came atomic.Int32
	all := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request, gone <-chan struct{}) {
		if came.Add(1) == int32(n) {
			close(all)
		}
		select {
		case <-all:
			answer(w, r, gone)
		case <-gone:
		}
	}
}

// TestEndpointFailsAndRecovers: once each, however many workers see it.
func TestEndpointFailsAndRecovers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile = sender.Profile{Retry: retry.Schedule{0}, Timeout: 30 * time.Second}
	r, e := f.receiver(together(atOnce, sendertest.Status(500)))
	f.sendAll(atOnce, 2)
	f.wantTold(1, 0, 0)
	got, failing := f.stored(e), told(f.told, &f.told.failing)[0]
	first := f.until(failing.Delivery, func(store.Delivery) bool { return true })
	if !got.FailingSince.Equal(first.EndedAt) || first.State != store.Failed || failing.Endpoint.Version != got.Version {
		t.Errorf("failing since %s, the first delivery ended at %s: %s", got.FailingSince, first.EndedAt, first.State)
	}
	if !got.UpdatedAt.Equal(e.UpdatedAt) || got.Version != e.Version+1 {
		t.Errorf("updated at %s, version %d; want %s and one more than %d", got.UpdatedAt, got.Version, e.UpdatedAt, e.Version)
	}

	r.Script(together(atOnce, sendertest.Status(200)))
	f.sendAll(atOnce, 2)
	f.wantTold(1, 1, 0)
	recovered := told(f.told, &f.told.recovered)[0]
	if now := f.stored(e); !now.FailingSince.IsZero() || now.Version != e.Version+2 || !recovered.FailingSince.Equal(got.FailingSince) {
		t.Errorf("after a success: %+v, told %+v", now, recovered)
	}
	// Another outage is another story.
	r.Script(sendertest.Status(500))
	f.sendAll(1, 1)
	f.wantTold(2, 1, 0)
}

// TestHealthyEndpointIsNotWritten, nor one whose attempts fail and are retried.
func TestHealthyEndpointIsNotWritten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver(sendertest.Status(500), sendertest.Status(200))
	f.sendAll(3, 1)
	f.wantTold(0, 0, 0)
	if got := f.stored(e); got.Version != e.Version {
		t.Errorf("the endpoint was written: %+v", got)
	}
}

// TestPingsAndHealth: one that succeeds shows that the endpoint answers, also one
// that is disabled; one that fails is no delivery.
func TestPingsAndHealth(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver(sendertest.Status(500))
	ping := func() {
		t.Helper()
		if _, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant}); err != nil {
			t.Fatal(err)
		}
	}
	ping()
	f.wantTold(0, 0, 0)
	f.failingSince(e, time.Hour)
	stored := f.stored(e)
	stored.Disabled, stored.DisabledAt = true, time.Now().UTC()
	if err := f.store.PutEndpoint(f.ctx, stored); err != nil {
		t.Fatal(err)
	}
	r.Script()
	ping()
	f.wantTold(0, 1, 0)
	if got := f.stored(e); !got.FailingSince.IsZero() || !got.Disabled {
		t.Errorf("after a ping: %+v, want it well and disabled", got)
	}
	r.Script(sendertest.Status(410))
	ping()
	f.wantTold(0, 1, 0) // it is disabled
}

// TestAutoDisable needs the time and the number of deliveries, both.
func TestAutoDisable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after    time.Duration // Config.DisableAfter
		ago      time.Duration
		sent     int // before the one that is told
		disabled bool
	}{
		"time and number":          {0, 121 * time.Hour, 2, true},
		"number, before the time":  {0, 119 * time.Hour, 9, false},
		"time, one delivery short": {0, 121 * time.Hour, 1, false},
		"another time":             {time.Hour, 61 * time.Minute, 2, true},
		"never":                    {-1, 1000 * time.Hour, 9, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.cfg.DisableAfter, f.cfg.DisableAfterDeliveries = test.after, 3
			_, e := f.receiver(sendertest.Status(500))
			f.failingSince(e, 30*time.Second)
			f.sendAll(test.sent, 1)
			f.wantTold(0, 0, 0)
			f.failingSince(e, test.ago)
			since := f.stored(e).FailingSince.Format(time.RFC3339)
			f.sendAll(1, 1)
			got := f.stored(e)
			if got.Disabled != test.disabled {
				t.Fatalf("disabled: %v, want %v", got.Disabled, test.disabled)
			}
			if !test.disabled {
				f.wantTold(0, 0, 0)
				return
			}
			f.wantTold(0, 0, 1)
			if got.DisabledAt.IsZero() || !got.UpdatedAt.Equal(got.DisabledAt) || !strings.Contains(got.DisabledReason, since) {
				t.Errorf("endpoint = %+v", got)
			}
		})
	}
}

// TestAutoDisableCountsWhatFailedSince: not pings, not deliveries that had failed
// before, nor those of other endpoints; but one that was created before.
func TestAutoDisableCountsWhatFailedSince(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.DisableAfterDeliveries = 3
	_, e := f.receiver(sendertest.Status(500))
	// exhausted is a delivery that was exhausted so long ago.
	exhausted := func(id string, endpoint string, trigger store.Trigger, created, ended time.Duration) {
		t.Helper()
		at := func(ago time.Duration) time.Time { return time.Now().Add(-ago).UTC().Truncate(time.Microsecond) }
		d := store.Delivery{
			ID: "dlv_" + id, Tenant: tenant, EventID: "evt_" + id, EndpointID: endpoint, EventType: "a.b",
			State: store.Failed, Round: 1, Attempts: 1, Trigger: trigger, CreatedAt: at(created), UpdatedAt: at(ended), EndedAt: at(ended),
		}
		event := store.Event{ID: d.EventID, Tenant: tenant, Type: "a.b", Payload: []byte("{}"), CreatedAt: d.CreatedAt}
		if err := f.store.CreateEvent(f.ctx, event, []store.Delivery{d}); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	for _, id := range []string{"1", "2", "3"} {
		exhausted("before"+id, e.ID, store.TriggerSchedule, 9*day, 7*day)
		exhausted("ping"+id, e.ID, store.TriggerTest, day, day)
		exhausted("other"+id, "ep_other", store.TriggerSchedule, day, day)
	}
	exhausted("on-its-way", e.ID, store.TriggerManual, 8*day, 5*day)
	f.failingSince(e, 6*day)
	f.sendAll(1, 1)
	f.wantTold(0, 0, 0)
	f.sendAll(1, 1)
	f.wantTold(0, 0, 1)
}

// TestAutoDisableIsToldOnce by several workers.
func TestAutoDisableIsToldOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile = sender.Profile{Retry: retry.Schedule{0}, Timeout: 30 * time.Second}
	f.cfg.DisableAfterDeliveries = 2
	_, e := f.receiver(together(atOnce, sendertest.Status(500)))
	f.failingSince(e, 121*time.Hour)
	f.sendAll(atOnce, 2)
	f.wantTold(0, 0, 1)
	if got := f.stored(e); !got.Disabled {
		t.Errorf("endpoint = %+v", got)
	}
}

// TestEnabledAgain: events flow, what was canceled can be replayed, and the first
// failure that follows does not disable it again.
func TestEnabledAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0, 0}
	f.cfg.DisableAfterDeliveries = 1
	r, e := f.receiver(sendertest.Status(500))
	waiting := f.send() // becomes due while the endpoint is disabled
	f.failingSince(e, 121*time.Hour)
	off := f.stored(e)
	off.Disabled, off.DisabledAt, off.DisabledReason = true, time.Now().UTC(), "every attempt has failed"
	if err := f.store.Store.PutEndpoint(f.ctx, off); err != nil {
		t.Fatal(err)
	}
	stop := f.work()
	if d := f.ended(waiting); d.State != store.Canceled || d.LastErrorClass != store.ErrorEndpoint {
		t.Fatalf("while disabled: %+v", d)
	}
	f.eventually(func() bool { return len(told(f.told, &f.told.canceled)) == 1 })
	stop()

	on := f.stored(e)
	on.Disabled = false
	on = f.endpoint(on)
	if !on.FailingSince.IsZero() || !on.PausedUntil.IsZero() || on.DisabledReason != "" || !on.DisabledAt.IsZero() {
		t.Errorf("enabled: %+v", on)
	}
	f.sendAll(1, 1)
	f.wantTold(1, 0, 0)
	if f.stored(e).Disabled {
		t.Fatal("it was disabled again by the next failure")
	}
	r.Script()
	if d := f.sendAll(1, 1)[0]; d.State != store.Succeeded {
		t.Errorf("a new event: %+v", d)
	}
	f.work()
	result, err := f.sender().Replay(f.ctx, sender.ReplayFilter{Tenant: tenant, States: []store.DeliveryState{store.Canceled}})
	if err != nil || result.Replayed != 1 {
		t.Fatalf("Replay = %+v, %v", result, err)
	}
	if d := f.until(waiting, func(d store.Delivery) bool { return d.State == store.Succeeded }); d.Round != 2 {
		t.Errorf("replayed: %+v", d)
	}
}

// TestPutEndpointKeepsHealth: it is the workers', and of the URL.
func TestPutEndpointKeepsHealth(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	f.failingSince(e, time.Hour)
	since := f.stored(e).FailingSince

	e.Version, e.Description = 2, "as the host knows it"
	e = f.endpoint(e)
	if got := f.stored(e); !got.FailingSince.Equal(since) || got.PausedUntil.IsZero() || got.Description != e.Description {
		t.Errorf("after a change of the description: %+v", got)
	}
	e.URL += "/new"
	e = f.endpoint(e)
	if got := f.stored(e); !got.FailingSince.IsZero() || !got.PausedUntil.IsZero() {
		t.Errorf("after a change of the URL: %+v", got)
	}
	invented := f.endpoint(store.Endpoint{URL: e.URL, FailingSince: since, PausedUntil: since})
	if !invented.FailingSince.IsZero() || !invented.PausedUntil.IsZero() {
		t.Errorf("new: %+v", invented)
	}
}

// TestFailureOfAnotherURL says nothing about the endpoint as it is now.
func TestFailureOfAnotherURL(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"exhausted": 500, "gone": 410} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.cfg.Profile.Retry = retry.Schedule{0}
			_, e := f.receiver(sendertest.Status(status))
			f.store.override(func(s *faultyStore) {
				s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
					fresh := e
					fresh.URL += "/new"
					if _, err := sender.PutEndpoint(ctx, f.cfg, fresh); err != nil {
						t.Error(err)
					}
					return s.Store.UpdateDelivery(ctx, d, a)
				}
			})
			f.sendAll(1, 1)
			f.wantTold(0, 0, 0)
			if got := f.stored(e); !got.FailingSince.IsZero() || got.Disabled {
				t.Errorf("endpoint = %+v", got)
			}
		})
	}
}

// TestWhatOthersHaveSeenMeanwhile counts: the endpoint is as it is in the Store, and
// not as it was when the attempt began.
func TestWhatOthersHaveSeenMeanwhile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status    int
		meanwhile time.Duration // since when the endpoint fails by then; zero: it is well
	}{
		"a success before the first failure": {200, -time.Minute},
		"a failure before a success":         {500, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.cfg.Profile.Retry = retry.Schedule{0}
			f.cfg.DisableAfterDeliveries = 1
			_, e := f.receiver(sendertest.Status(test.status))
			f.failingSince(e, 121*time.Hour)
			var want time.Time
			f.store.override(func(s *faultyStore) {
				s.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
					fresh := f.stored(e)
					fresh.FailingSince = time.Time{}
					if test.meanwhile != 0 {
						fresh.FailingSince = a.EndedAt.Add(-test.meanwhile)
					}
					want = fresh.FailingSince
					if err := s.Store.PutEndpoint(ctx, fresh); err != nil {
						t.Error(err)
					}
					return s.Store.UpdateDelivery(ctx, d, a)
				}
			})
			f.sendAll(1, 1)
			f.wantTold(0, 0, 0)
			if got := f.stored(e); !got.FailingSince.Equal(want) || got.Disabled {
				t.Errorf("endpoint = %+v", got)
			}
		})
	}
}

// TestHealthMeetsOtherChanges: a change that comes between is kept, one that comes
// each time is given up, and so is a Store that fails; the next delivery does it.
func TestHealthMeetsOtherChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0}
	_, e := f.receiver(sendertest.Status(500))
	var puts atomic.Int32
	put := func(fail func(ctx context.Context, try int32) error) {
		puts.Store(0)
		f.store.override(func(s *faultyStore) {
			s.putEndpoint = func(ctx context.Context, e store.Endpoint) error {
				if err := fail(ctx, puts.Add(1)); err != nil {
					return err
				}
				return s.Store.PutEndpoint(ctx, e)
			}
		})
	}

	put(func(context.Context, int32) error { return store.ErrConflict })
	f.sendAll(1, 1)
	if n := puts.Load(); n < 2 || n > 20 {
		t.Errorf("%d tries while it changes each time", n)
	}
	put(func(context.Context, int32) error { return errInjected })
	f.sendAll(1, 1)
	if n := puts.Load(); n != 1 {
		t.Errorf("%d tries with a store that fails, want 1", n)
	}
	f.wantTold(0, 0, 0)
	put(func(ctx context.Context, try int32) error {
		if try > 1 {
			return nil
		}
		other := f.stored(e)
		other.Description = "changed meanwhile"
		return f.store.Store.PutEndpoint(ctx, other)
	})
	f.sendAll(1, 1)
	f.wantTold(1, 0, 0)
	if got := f.stored(e); got.Description != "changed meanwhile" || got.FailingSince.IsZero() {
		t.Errorf("endpoint = %+v", got)
	}
}
