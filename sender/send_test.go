package sender_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

func TestSendGoesToSubscribedEndpoints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	url := "http://127.0.0.1:1"
	want := []string{
		f.endpoint(store.Endpoint{URL: url}).ID,
		f.endpoint(store.Endpoint{URL: url, EventTypes: []string{"*"}}).ID,
		f.endpoint(store.Endpoint{URL: url, EventTypes: []string{"review.*"}}).ID,
		f.endpoint(store.Endpoint{URL: url, EventTypes: []string{"team.x", "review.completed"}}).ID,
	}
	f.endpoint(store.Endpoint{URL: url, EventTypes: []string{"review"}})
	f.endpoint(store.Endpoint{URL: url, EventTypes: []string{"review.completed.*"}})
	f.endpoint(store.Endpoint{URL: url, Disabled: true})
	f.endpoint(store.Endpoint{URL: url, Tenant: "ws_2"})

	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "review.completed", Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range receipt.Deliveries {
		got = append(got, d.EndpointID)
		stored, err := f.store.GetDelivery(f.ctx, tenant, d.ID)
		if err != nil || stored != d {
			t.Errorf("stored delivery = %+v, %v; want the receipt's %+v", stored, err, d)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("deliveries go to %v, want %v", got, want)
	}
}

func TestSendWithoutSubscribersIsAccepted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: "nobody", Type: "a.b", Payload: []byte("{}")})
	if err != nil || receipt.EventID == "" || len(receipt.Deliveries) != 0 {
		t.Fatalf("Send = %+v, %v", receipt, err)
	}
	if _, err := f.store.GetEvent(f.ctx, "nobody", receipt.EventID); err != nil {
		t.Errorf("the event was not stored: %v", err)
	}
}

func TestSendIsIdempotentByID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	s := f.sender()
	event := sender.Event{ID: "order-17", Tenant: tenant, Type: "order.paid", Payload: []byte("{}")}
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		receipts []sender.Receipt
	)
	for range 20 {
		wg.Go(func() {
			receipt, err := s.Send(f.ctx, event)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			receipts = append(receipts, receipt)
		})
	}
	wg.Wait()
	originals := 0
	for _, receipt := range receipts {
		if !receipt.Duplicate {
			originals++
		}
		if len(receipt.Deliveries) != 1 || receipt.Deliveries[0].ID != receipts[0].Deliveries[0].ID {
			t.Errorf("receipt %+v names other deliveries than %+v", receipt, receipts[0])
		}
	}
	if originals != 1 {
		t.Errorf("%d calls were the first, want 1", originals)
	}
	f.work()
	f.ended(receipts[0].Deliveries[0])
	if n := len(r.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	event.Tenant = "ws_2"
	if receipt, err := s.Send(f.ctx, event); err != nil || receipt.Duplicate {
		t.Errorf("the same ID in another tenant: %+v, %v; want no duplicate", receipt, err)
	}
}

func TestSendRefusesAnIDForAnotherEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.sender()
	event := sender.Event{ID: "order-17", Tenant: tenant, Type: "order.paid", Payload: []byte("{}")}
	if _, err := s.Send(f.ctx, event); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*sender.Event){
		func(e *sender.Event) { e.Type = "order.shipped" },
		func(e *sender.Event) { e.Payload = []byte("{} ") },
	} {
		other := event
		change(&other)
		if _, err := s.Send(f.ctx, other); !errors.Is(err, sender.ErrEventIDReused) {
			t.Errorf("Send(%+v) = %v, want ErrEventIDReused", other, err)
		}
	}
}

func TestSendRefusesBadEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.MaxPayload = 10
	f.store.checkTenant = func(tenant string) error {
		if tenant == "stranger" {
			return store.ErrNotFound
		}
		return nil
	}
	f.store.createEvent = func(context.Context, store.Event, []store.Delivery) error {
		t.Error("something was written")
		return nil
	}
	good := sender.Event{ID: "e1", Tenant: tenant, Type: "a.b", Payload: []byte("{}")}
	tests := map[string]struct {
		change func(*sender.Event)
		want   string
	}{
		"dot in id":          {func(e *sender.Event) { e.ID = "a.b" }, `Event.ID is "a.b", must be 1 to 128`},
		"space in id":        {func(e *sender.Event) { e.ID = "a b" }, "Event.ID"},
		"newline in id":      {func(e *sender.Event) { e.ID = "a\nb" }, "Event.ID"},
		"long id":            {func(e *sender.Event) { e.ID = strings.Repeat("x", 129) }, "Event.ID"},
		"unicode id":         {func(e *sender.Event) { e.ID = "é" }, "Event.ID"},
		"no tenant":          {func(e *sender.Event) { e.Tenant = "" }, "Event.Tenant"},
		"all tenants":        {func(e *sender.Event) { e.Tenant = "*" }, "Event.Tenant"},
		"long tenant":        {func(e *sender.Event) { e.Tenant = strings.Repeat("x", 257) }, "1 to 256"},
		"unknown tenant":     {func(e *sender.Event) { e.Tenant = "stranger" }, `Event.Tenant is "stranger", must be a tenant that the Store knows: not found`},
		"no type":            {func(e *sender.Event) { e.Type = "" }, "Event.Type"},
		"pattern as type":    {func(e *sender.Event) { e.Type = "a.*" }, "Event.Type"},
		"empty word":         {func(e *sender.Event) { e.Type = "a..b" }, "Event.Type"},
		"long type":          {func(e *sender.Event) { e.Type = strings.Repeat("x", 129) }, "Event.Type"},
		"no payload":         {func(e *sender.Event) { e.Payload = nil }, "Event.Payload is 0 bytes, must be 1 to 10 bytes"},
		"oversize payload":   {func(e *sender.Event) { e.Payload = make([]byte, 11) }, "Event.Payload is 11 bytes, must be 1 to 10 bytes"},
		"content type":       {func(e *sender.Event) { e.ContentType = "a\r\nX: y" }, "Event.ContentType"},
		"two faults at once": {func(e *sender.Event) { e.ID, e.Type = ".", "" }, "Event.Type"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := good
			test.change(&event)
			_, err := f.sender().Send(f.ctx, event)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error = %v, want one with %q", err, test.want)
			}
			if name == "unknown tenant" {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%v does not wrap store.ErrNotFound", err)
				}
			}
			var field *sender.FieldError
			if !errors.Is(err, sender.ErrInvalid) || !errors.As(err, &field) {
				t.Errorf("%v is no FieldError", err)
			}
		})
	}
}

// TestTenantThatCannotBeChecked: the Store is down, which is nobody's fault.
func TestTenantThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.checkTenant = func(string) error { return errInjected }
	_, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
	if !errors.Is(err, errInjected) || errors.Is(err, sender.ErrInvalid) {
		t.Errorf("Send = %v, want the store's error", err)
	}
	_, err = sender.PutEndpoint(f.ctx, f.cfg, store.Endpoint{Tenant: tenant, URL: "http://127.0.0.1:1"})
	if !errors.Is(err, errInjected) || errors.Is(err, sender.ErrInvalid) {
		t.Errorf("PutEndpoint = %v, want the store's error", err)
	}
}

func TestPayloadArrivesByteForByte(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	f.work()
	payload := []byte("{ \"b\":1,\n\t\"a\": 1.0e3 }\x00\xff\xfe")
	receipt, err := f.sender().Send(f.ctx, sender.Event{
		Tenant: tenant, Type: "a.b", Payload: payload, ContentType: "application/octet-stream",
	})
	if err != nil {
		t.Fatal(err)
	}
	requests, err := r.Wait(f.ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := requests[0]
	if !bytes.Equal(got.Body, payload) || got.Method != "POST" || got.VerifyErr != nil {
		t.Errorf("got %s %q, verify %v", got.Method, got.Body, got.VerifyErr)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "User-Agent": "Outhook/" + sender.Version,
		"Webhook-Id": receipt.EventID, "Content-Length": fmt.Sprint(len(payload)),
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestSendWithoutStoreAcceptsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	f.work()
	f.store.override(func(s *faultyStore) {
		s.createEvent = func(context.Context, store.Event, []store.Delivery) error { return errInjected }
	})
	_, err := f.sender().Send(f.ctx, sender.Event{ID: "e1", Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
	if !errors.Is(err, errInjected) || !strings.HasPrefix(err.Error(), "event e1: ") {
		t.Fatalf("Send = %v", err)
	}
	if _, err := f.store.GetEvent(f.ctx, tenant, "e1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GetEvent = %v, want not found", err)
	}
	// The next event is the first that arrives.
	f.store.override(func(s *faultyStore) { s.createEvent = nil })
	d := f.send()
	f.ended(d)
	if requests := r.Requests(); len(requests) != 1 || requests[0].Header.Get("webhook-id") != d.EventID {
		t.Errorf("%d requests came, want that of %s alone", len(requests), d.EventID)
	}
}

func TestSendWithoutRedisIsAcceptedAndDeliveredLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	f.redis.Stop()
	var sent []store.Delivery
	for range 3 {
		began := time.Now()
		sent = append(sent, f.send())
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Send took %s", took)
		}
	}
	// Send may have left the client behind, which tries for some seconds.
	f.eventually(func() bool { return len(told(f.told, &f.told.failed)) == 3 })
	for _, failed := range told(f.told, &f.told.failed) {
		if failed.Err == nil || !slices.ContainsFunc(sent, func(d store.Delivery) bool { return d.ID == failed.Delivery.ID }) {
			t.Errorf("EnqueueFailed was told of %+v", failed)
		}
	}
	f.redis.Start()
	f.work()
	for _, d := range sent {
		if d = f.ended(d); d.State != store.Succeeded || d.Attempts != 1 {
			t.Errorf("delivery is %s after %d attempts", d.State, d.Attempts)
		}
	}
	if n := len(r.Requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestSendDoesNotWaitForAHungRedis(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.redis = testenv.RealRedis(t)
	f.cfg.Redis = f.redis.Client()
	r, _ := f.receiver()
	s := f.sender()
	send := func() store.Delivery {
		receipt, err := s.Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Deliveries[0]
	}
	f.redis.Freeze()
	began := time.Now()
	first := send()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the first Send took %s, want about 2 s", took)
	}
	began = time.Now()
	second := send()
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("the second Send took %s, want next to nothing", took)
	}
	f.redis.Thaw()
	f.work()
	f.ended(first)
	f.ended(second)
	if n := len(r.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestDuplicateSendWakesWhatWasNeverEnqueued: the host's process died between
// the Store's write and the enqueue, and sends again.
func TestDuplicateSendWakesWhatWasNeverEnqueued(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.SweepInterval = time.Hour
	f.receiver()
	s := f.sender()
	event := sender.Event{ID: "e1", Tenant: tenant, Type: "a.b", Payload: []byte("{}")}
	if _, err := s.Send(f.ctx, event); err != nil {
		t.Fatal(err)
	}
	f.redis.FlushAll()
	f.work()
	receipt, err := s.Send(f.ctx, event)
	if err != nil || !receipt.Duplicate {
		t.Fatalf("Send = %+v, %v", receipt, err)
	}
	if d := f.ended(receipt.Deliveries[0]); d.State != store.Succeeded {
		t.Errorf("delivery is %s", d.State)
	}
}

func TestHooksAreTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, good := f.receiver()
	_, bad := f.receiver(sendertest.Status(500))
	f.work()
	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range receipt.Deliveries {
		f.ended(d)
	}
	f.eventually(func() bool { return len(told(f.told, &f.told.exhausted)) == 1 })
	if got := told(f.told, &f.told.accepted); len(got) != 1 || got[0].Event.ID != receipt.EventID || len(got[0].Deliveries) != 2 {
		t.Errorf("EventAccepted was told %+v", got)
	}
	count := map[string]int{}
	for _, e := range told(f.told, &f.told.finished) {
		count[e.Attempt.EndpointID]++
		if e.Delivery.Attempts != e.Attempt.Number || e.Delivery.ID != e.Attempt.DeliveryID {
			t.Errorf("AttemptFinished was told of attempt %+v with delivery %+v", e.Attempt, e.Delivery)
		}
	}
	if count[good.ID] != 1 || count[bad.ID] != 3 {
		t.Errorf("AttemptFinished was told of %v attempts, want 1 and 3", count)
	}
	if got := told(f.told, &f.told.exhausted)[0].Delivery; got.EndpointID != bad.ID || got.State != store.Failed {
		t.Errorf("DeliveryExhausted was told of %+v", got)
	}
}
