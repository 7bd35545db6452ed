package sender_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

func TestResend(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver(sendertest.Status(500))
	f.work()
	s := f.sender()
	d := f.ended(f.send())
	if d.State != store.Failed {
		t.Fatalf("delivery is %s", d.State)
	}
	r.Script(sendertest.Status(500), sendertest.Status(200))
	again, err := s.Resend(f.ctx, tenant, d.ID)
	if err != nil || again.State != store.Pending || again.Round != 2 || again.Attempts != 0 || again.Trigger != store.TriggerManual {
		t.Fatalf("Resend = %+v, %v", again, err)
	}
	d = f.ended(again)
	attempts := f.attempts(d)
	if d.State != store.Succeeded || d.Attempts != 2 || len(attempts) != 5 {
		t.Errorf("delivery is %s after %d attempts, %d in all; want succeeded, 2, 5", d.State, d.Attempts, len(attempts))
	}
	if last := attempts[4]; last.Round != 2 || last.Number != 2 || last.Trigger != store.TriggerManual {
		t.Errorf("the last attempt is %+v", last)
	}
	ids := map[string]bool{}
	for _, req := range r.Requests() {
		ids[req.Header.Get("webhook-id")] = true
	}
	if len(ids) != 1 {
		t.Errorf("receivers saw the ids %v, want one", ids)
	}
	if _, err := s.Resend(f.ctx, "ws_2", d.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Resend by another tenant = %v", err)
	}
	if _, err := s.Resend(f.ctx, "", d.ID); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("Resend without a tenant = %v", err)
	}
}

// TestResendOfAPendingDeliveryIsNow: the customer has mended the endpoint and
// does not want to wait for the schedule.
func TestResendOfAPendingDeliveryIsNow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0, time.Hour}
	f.receiver(sendertest.Status(500), sendertest.Status(200))
	f.work()
	d := f.until(f.send(), func(d store.Delivery) bool { return d.Attempts == 1 })
	d, err := f.sender().Resend(f.ctx, tenant, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d = f.ended(d); d.State != store.Succeeded || d.Round != 2 {
		t.Errorf("delivery is %s in round %d", d.State, d.Round)
	}
}

// TestResendDuringAnAttempt: the attempt under way is recorded in its own
// round, and the new round is made all the same.
func TestResendDuringAnAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	resume := make(chan struct{})
	r, _ := f.receiver(func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		<-resume
		w.WriteHeader(http.StatusInternalServerError)
	}, sendertest.Status(200))
	f.work()
	d := f.send()
	if _, err := r.Wait(f.ctx, 1); err != nil {
		t.Fatal(err)
	}
	d, err := f.sender().Resend(f.ctx, tenant, d.ID)
	close(resume)
	if err != nil {
		t.Fatal(err)
	}
	d = f.ended(d)
	f.eventually(func() bool { return len(f.attempts(d)) == 2 })
	attempts := f.attempts(d)
	if d.State != store.Succeeded || d.Round != 2 || d.Attempts != 1 {
		t.Errorf("delivery is %s in round %d after %d attempts", d.State, d.Round, d.Attempts)
	}
	if attempts[0].Round != 1 || attempts[0].Status != 500 || attempts[1].Round != 2 || !attempts[1].Succeeded {
		t.Errorf("attempts: %+v", attempts)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0}
	r, e := f.receiver(sendertest.Status(500))
	_, other := f.receiver(sendertest.Status(500))
	f.work()
	var failed []store.Delivery
	began := time.Now()
	s := f.sender()
	for range 5 {
		receipt, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range receipt.Deliveries {
			failed = append(failed, f.ended(d))
		}
	}
	r.Script(sendertest.Status(200))
	if err := f.store.DeleteEndpoint(f.ctx, tenant, other.ID); err != nil {
		t.Fatal(err)
	}
	for name, filter := range map[string]sender.ReplayFilter{
		"other type":     {Tenant: tenant, EventType: "b.a"},
		"other endpoint": {Tenant: tenant, EndpointID: "ep_none"},
		"other tenant":   {Tenant: "ws_2"},
		"too early":      {Tenant: tenant, Until: began.Add(-time.Minute)},
		"too late":       {Tenant: tenant, Since: time.Now().Add(time.Minute)},
		"succeeded":      {Tenant: tenant, States: []store.DeliveryState{store.Succeeded}},
	} {
		if got, err := s.Replay(f.ctx, filter); err != nil || got != (sender.ReplayResult{}) {
			t.Errorf("%s: Replay = %+v, %v; want nothing", name, got, err)
		}
	}
	got, err := s.Replay(f.ctx, sender.ReplayFilter{Tenant: tenant, Since: began.Add(-time.Second), EventType: "a.b"})
	if want := (sender.ReplayResult{Replayed: 5, Skipped: 5}); err != nil || got != want {
		t.Fatalf("Replay = %+v, %v; want %+v", got, err, want)
	}
	for _, d := range failed {
		want := store.Failed // its endpoint is deleted
		if d.EndpointID == e.ID {
			want = store.Succeeded
		}
		if d = f.ended(d); d.State != want {
			t.Errorf("delivery to %s is %s", d.EndpointID, d.State)
		}
	}
	for field, filter := range map[string]sender.ReplayFilter{
		"Tenant":    {},
		"EventType": {Tenant: tenant, EventType: "a.*"},
		"States[1]": {Tenant: tenant, States: []store.DeliveryState{store.Failed, "bogus"}},
		"Until":     {Tenant: tenant, Since: began, Until: began},
	} {
		_, err := s.Replay(f.ctx, filter)
		if !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), "ReplayFilter."+field) {
			t.Errorf("Replay(%+v) = %v, want a fault of %s", filter, err, field)
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	e.Disabled = true
	e = f.endpoint(e)
	a, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant})
	if err != nil || !a.Succeeded || a.Trigger != store.TriggerTest || a.Status != 200 {
		t.Fatalf("Ping = %+v, %v", a, err)
	}
	req := r.Requests()[0]
	if req.VerifyErr != nil || !strings.Contains(string(req.Body), `"type":"webhook.test"`) {
		t.Errorf("the request's body is %s, verify %v", req.Body, req.VerifyErr)
	}
	d, err := f.store.GetDelivery(f.ctx, tenant, a.DeliveryID)
	if err != nil || d.State != store.Succeeded || len(f.attempts(d)) != 1 {
		t.Errorf("recorded: %+v, %v", d, err)
	}

	r.Script(sendertest.Status(500))
	a, err = sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant, Type: "jam.created", Payload: []byte("{}")})
	if err != nil || a.Succeeded || a.ErrorClass != store.ErrorStatus || !a.NextAttemptAt.IsZero() {
		t.Fatalf("Ping = %+v, %v", a, err)
	}
	if d, err = f.store.GetDelivery(f.ctx, tenant, a.DeliveryID); err != nil || d.State != store.Failed || d.EventType != "jam.created" {
		t.Errorf("recorded: %+v, %v; want failed, never retried", d, err)
	}
	// A test is made once, and alarms nobody.
	if _, err := f.sender().Resend(f.ctx, tenant, d.ID); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("Resend of a test = %v", err)
	}
	if got, err := f.sender().Replay(f.ctx, sender.ReplayFilter{Tenant: tenant}); err != nil || got != (sender.ReplayResult{}) {
		t.Errorf("Replay of a test = %+v, %v; want nothing", got, err)
	}
	if told := told(f.told, &f.told.exhausted); len(told) != 0 {
		t.Errorf("DeliveryExhausted was told of a test")
	}
	r.Script(sendertest.Hang())
	impatient, cancel := context.WithTimeout(f.ctx, 100*time.Millisecond)
	defer cancel()
	a, err = sender.Ping(impatient, f.cfg, e.ID, sender.Event{Tenant: tenant})
	if err != nil || a.Succeeded || a.ErrorClass != store.ErrorTimeout {
		t.Fatalf("Ping without patience = %+v, %v", a, err)
	}
	if d, err = f.store.GetDelivery(f.ctx, tenant, a.DeliveryID); err != nil || d.State != store.Failed {
		t.Errorf("recorded: %+v, %v; want failed", d, err)
	}

	if _, err := sender.Ping(f.ctx, f.cfg, "ep_none", sender.Event{Tenant: tenant}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Ping of nothing = %v", err)
	}
	if _, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{}); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("Ping without a tenant = %v", err)
	}
	if _, err := sender.Ping(f.ctx, sender.Config{}, e.ID, sender.Event{Tenant: tenant}); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("Ping without a Config = %v", err)
	}
}
