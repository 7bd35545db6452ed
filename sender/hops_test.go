package sender_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// TestHopsOfAHeader, which a stranger may have written.
func TestHopsOfAHeader(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{
		"": 0, "0": 0, "1": 1, " 7 ": 7, "007": 7, "1000": 1000, "1001": 1000, strings.Repeat("9", 5000): 1000,
		"-1": 0, "+1": 0, "1.5": 0, "0x10": 0, "1e3": 0, "٣": 0, "many": 0, "\x00": 0, "2,5": 5, "2, x": 2, ",": 0,
	} {
		if got := sender.Hops(http.Header{"Outhook-Hops": {value}}); got != want {
			t.Errorf("Hops(%.20q) = %d, want %d", value, got, want)
		}
	}
	if got := sender.Hops(http.Header{"Outhook-Hops": {"x", "3", "2"}}); got != 3 {
		t.Errorf("the largest of several: %d", got)
	}
	if got := sender.Hops(nil); got != 0 {
		t.Errorf("without a header: %d", got)
	}
}

// TestHopsAreSent with each request and recorded, and belong to Outhook alone.
func TestHopsAreSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver(sendertest.Status(500), sendertest.Status(200))
	f.work()
	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}"), Hops: 3})
	if err != nil {
		t.Fatal(err)
	}
	f.ended(receipt.Deliveries[0])
	if _, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"4", "4", "1"} {
		if got := r.Requests()[i].Header.Values("Outhook-Hops"); len(got) != 1 || got[0] != want {
			t.Errorf("request %d: Outhook-Hops %q, want %s", i+1, got, want)
		}
	}
	if got := f.attempts(receipt.Deliveries[0])[0].RequestHeader.Get("Outhook-Hops"); got != "4" {
		t.Errorf("recorded %q, want 4", got)
	}
	e.Headers = http.Header{"outhook-hops": {"0"}}
	if _, err := sender.PutEndpoint(f.ctx, f.cfg, e); !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), "reserved") {
		t.Errorf("PutEndpoint with the header = %v, want that it is reserved", err)
	}
}

func TestSendRefusesALoop(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.MaxHops = 2
	for hops, want := range map[int]error{0: nil, 2: nil, 3: sender.ErrTooManyHops, 1000: sender.ErrTooManyHops, -1: sender.ErrInvalid} {
		event := sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}"), Hops: hops}
		_, err := f.sender().Send(f.ctx, event)
		if !errors.Is(err, want) || (want != nil && !errors.Is(err, sender.ErrInvalid)) {
			t.Errorf("Send with %d hops = %v, want %v", hops, err, want)
		}
		if want != nil && !strings.Contains(err.Error(), "must be 0 to 2 (Config.MaxHops)") {
			t.Errorf("Send with %d hops = %v, want the bound", hops, err)
		}
		if got := sender.ValidateEvent(f.cfg, event); !errors.Is(got, want) {
			t.Errorf("ValidateEvent = %v, want %v", got, want)
		}
	}
	f.cfg.MaxHops = 0
	if _, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}"), Hops: 9}); !errors.Is(err, sender.ErrTooManyHops) {
		t.Errorf("Send with 9 hops by default = %v, want ErrTooManyHops", err)
	}
}

// TestTwoProductsInALoop: each sends an event for each webhook that it gets from
// the other.
func TestTwoProductsInALoop(t *testing.T) {
	t.Parallel()
	left, right := newFixture(t), newFixture(t)
	var received, refused atomic.Int32
	// product answers a webhook as a host does: it sends an event of its own.
	product := func(f *fixture) string {
		f.cfg.MaxHops = 5
		f.cfg.Profile.Retry = retry.Schedule{0}
		s := f.sender()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			received.Add(1)
			body, err := io.ReadAll(r.Body)
			if err == nil {
				_, err = s.Send(context.WithoutCancel(r.Context()), sender.Event{
					Tenant: tenant, Type: "a.b", Payload: body, Hops: sender.Hops(r.Header),
				})
			}
			if errors.Is(err, sender.ErrTooManyHops) {
				refused.Add(1)
				w.WriteHeader(http.StatusBadRequest)
			} else if err != nil {
				t.Error(err)
			}
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	leftURL, rightURL := product(left), product(right)
	left.endpoint(store.Endpoint{URL: rightURL})
	right.endpoint(store.Endpoint{URL: leftURL})
	left.work()
	right.work()
	left.send()
	left.eventually(func() bool { return refused.Load() > 0 })
	// The webhooks with 0 to 5 hops were sent, and the last one caused no event:
	// nothing is pending anywhere.
	for _, f := range []*fixture{left, right} {
		f.eventually(func() bool {
			page, err := f.store.ListDeliveries(f.ctx, store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}})
			return err == nil && len(page.Items) == 0
		})
	}
	if received.Load() != 6 || refused.Load() != 1 {
		t.Errorf("%d webhooks were received and %d events refused, want 6 and 1", received.Load(), refused.Load())
	}
	if got := len(told(right.told, &right.told.exhausted)); got != 1 {
		t.Errorf("%d deliveries failed, want the last one", got)
	}
}
