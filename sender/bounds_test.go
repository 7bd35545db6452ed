package sender_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

func TestMaxEndpoints(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	cfg.MaxEndpoints = 3
	put := func(e store.Endpoint) (store.Endpoint, error) {
		e.URL = "https://example.com/" + e.Description
		return sender.PutEndpoint(t.Context(), cfg, e)
	}
	var last store.Endpoint
	for i := range 3 {
		var err error
		if last, err = put(store.Endpoint{ID: fmt.Sprintf("ep_%d", i), Tenant: tenant}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := put(store.Endpoint{Tenant: tenant})
	if !errors.Is(err, sender.ErrTooManyEndpoints) || !strings.Contains(err.Error(), `tenant "ws_1" has 3 (Config.MaxEndpoints)`) {
		t.Errorf("the fourth: %v", err)
	}
	if _, err := put(store.Endpoint{ID: "ep_0", Tenant: tenant}); !errors.Is(err, store.ErrExists) {
		t.Errorf("one that is there: %v, want ErrExists", err)
	}
	last.Description = "changed"
	if _, err := put(last); err != nil {
		t.Errorf("a change: %v", err)
	}
	if _, err := sender.RotateSecret(t.Context(), cfg, tenant, last.ID, 0); err != nil {
		t.Errorf("a rotation: %v", err)
	}
	if _, err := put(store.Endpoint{Tenant: "ws_2"}); err != nil {
		t.Errorf("another tenant's: %v", err)
	}
	cfg.MaxEndpoints = -1
	if _, err := put(store.Endpoint{Tenant: tenant}); err != nil {
		t.Errorf("without a bound: %v", err)
	}
	cfg.MaxEndpoints = 4
	if err := cfg.Store.DeleteEndpoint(t.Context(), tenant, last.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := put(store.Endpoint{Tenant: tenant}); err != nil {
		t.Errorf("in the place of one that was deleted: %v", err)
	}
}

func TestMaxPending(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.MaxPending = 5
	_, e := f.receiver()
	f.endpoint(store.Endpoint{URL: e.URL, EventTypes: []string{"both.*"}, Secrets: e.Secrets})
	f.endpoint(store.Endpoint{Tenant: "ws_2", URL: e.URL, Secrets: e.Secrets})
	s := f.sender()
	event := func(id, eventType string) sender.Event {
		return sender.Event{ID: id, Tenant: tenant, Type: eventType, Payload: []byte("{}")}
	}
	send := func(e sender.Event) (sender.Receipt, error) { return s.Send(f.ctx, e) }
	for i, eventType := range []string{"both.a", "both.a"} {
		if _, err := send(event(fmt.Sprintf("evt_%d", i), eventType)); err != nil {
			t.Fatal(err)
		}
	}
	full := func(e sender.Event, send func(e sender.Event) (sender.Receipt, error)) {
		t.Helper()
		if _, err := send(e); !errors.Is(err, sender.ErrTooManyPending) || !strings.Contains(err.Error(), "more than 5 (Config.MaxPending)") {
			t.Errorf("Send over the bound = %v, want ErrTooManyPending", err)
		}
		if _, err := f.store.GetEvent(f.ctx, e.Tenant, e.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the event was stored: %v", err)
		}
	}
	full(event("evt_3", "both.a"), send) // 4 and 2
	if _, err := send(event("evt_4", "one")); err != nil {
		t.Errorf("the fifth delivery: %v", err)
	}
	full(event("evt_5", "one"), send)
	full(event("evt_6", "one"), func(e sender.Event) (sender.Receipt, error) { return sender.SendIn(f.ctx, s, f.store, e) })
	s = f.sender() // another process counts
	full(event("evt_7", "one"), send)

	if receipt, err := send(event("evt_4", "one")); err != nil || !receipt.Duplicate || len(receipt.Deliveries) != 1 {
		t.Errorf("a duplicate: %+v, %v", receipt, err)
	}
	if _, err := send(sender.Event{Tenant: "ws_2", Type: "one", Payload: []byte("{}")}); err != nil {
		t.Errorf("another tenant's: %v", err)
	}
	page, err := f.store.ListDeliveries(f.ctx, store.DeliveryFilter{Tenant: tenant})
	if err != nil || len(page.Items) != 5 {
		t.Fatalf("%d deliveries, %v; want 5", len(page.Items), err)
	}
	if _, err := s.Resend(f.ctx, tenant, page.Items[0].ID); err != nil {
		t.Errorf("Resend: %v", err)
	}
	f.work()
	f.eventually(func() bool {
		_, err := send(event("evt_8", "both.a"))
		return err == nil
	})
}

// TestMaxPendingOfNobody: an event that nobody subscribes to adds nothing.
func TestMaxPendingOfNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.MaxPending = 1
	f.endpoint(store.Endpoint{URL: "http://127.0.0.1:9", EventTypes: []string{"review.*"}})
	s := f.sender()
	f.send()
	if _, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")}); err != nil {
		t.Errorf("Send = %v", err)
	}
}

// TestMaxPendingIsGivenBack: what the Store refused is not pending.
func TestMaxPendingIsGivenBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.MaxPending = 1
	f.receiver(sendertest.Status(200))
	s := f.sender()
	f.store.override(func(s *faultyStore) {
		s.createEvent = func(context.Context, store.Event, []store.Delivery) error { return errInjected }
	})
	event := sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")}
	for range 3 {
		if _, err := s.Send(f.ctx, event); !errors.Is(err, errInjected) {
			t.Errorf("Send = %v, want the store's error", err)
		}
	}
	f.store.override(func(s *faultyStore) { s.createEvent = nil })
	if _, err := s.Send(f.ctx, event); err != nil {
		t.Errorf("Send = %v", err)
	}
}
