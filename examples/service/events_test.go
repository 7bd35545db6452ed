package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
)

// What arrives is what came, byte for byte.
func TestPayloadIsSentAsItCame(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.work(t)
	receiver := sendertest.NewReceiver(t, signing.StandardWebhooks())
	receiver.SetSecrets(addEndpoint(t, f.client, `{"url":"`+receiver.URL()+`"}`).Secret)
	payloads := []string{
		`{ "b" : 1.0,` + "\n\t" + `"a":"<é\u00e9\ud83d\ude00&>", "a":1e400, "":[ ] }`,
		`null`, `false`, `""`, `[1, 2 ]`, `-0.0`,
	}
	for i, payload := range payloads {
		call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", `{"type":"a","payload": `+payload+` }`)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		requests, err := receiver.Wait(ctx, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if got := requests[i]; string(got.Body) != payload || got.VerifyErr != nil {
			t.Errorf("received %q (%v), want %q", got.Body, got.VerifyErr, payload)
		}
	}
}

func TestEventIDs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		addEndpoint(t, f.client, `{"url":"https://example.com","event_types":["order.*"]}`)
		const body = `{"id":"order-17","type":"order.paid","payload":{"n":17}}`
		first := call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", body)
		again := call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", body)
		if first.ID != "order-17" || first.Duplicate || len(first.Deliveries) != 1 {
			t.Errorf("first: %+v", first)
		}
		if again.ID != first.ID || !again.Duplicate || len(again.Deliveries) != 1 || again.Deliveries[0] != first.Deliveries[0] {
			t.Errorf("again: %+v, first: %+v", again, first)
		}
		for _, other := range []string{strings.Replace(body, "17}", "18}", 1), strings.Replace(body, "order.paid", "order.new", 1)} {
			if p := call[problem](t, f.client, http.StatusConflict, "POST", "acme/events", other); p.Type != typeReused {
				t.Errorf("%s: %+v", other, p)
			}
		}
		// Another tenant may use the id, and nobody subscribes to it there.
		elsewhere := call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "globex/events", body)
		if elsewhere.Duplicate || elsewhere.Deliveries == nil || len(elsewhere.Deliveries) != 0 {
			t.Errorf("elsewhere: %+v", elsewhere)
		}
		if f.svc.db.sql != nil && f.count(t, "service_orders") != 2 {
			t.Errorf("%d orders, want 2", f.count(t, "service_orders"))
		}
	})
}

// The event's deliveries are in Redis when the request is answered: nobody waits
// for a sweeper.
func TestEventIsWoken(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		addEndpoint(t, f.client, `{"url":"https://example.com"}`)
		call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", `{"type":"a","payload":1}`)
		keys, err := f.svc.cfg.Redis.Keys(t.Context(), "asynq:*:pending").Result()
		if err != nil || len(keys) != 1 {
			t.Errorf("queues with something pending: %q, %v, want one", keys, err)
		}
	})
}

// Many clients repeat one order at once: one order and one event come of it.
// Others place their own meanwhile, and each succeeds.
func TestOrdersAtOnce(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		f.work(t)
		receiver := sendertest.NewReceiver(t, nil)
		addEndpoint(t, f.client, `{"url":"`+receiver.URL()+`"}`)
		const clients, each = 16, 10
		var mu sync.Mutex
		firsts := 0
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for range each {
					for _, body := range []string{`{"id":"same","type":"a","payload":1}`, `{"type":"a","payload":2}`} {
						got, err := f.try(t.Context(), "POST", "acme/events", "application/json", body)
						if err != nil || got.status != http.StatusAccepted {
							t.Errorf("%s: %d %s %v", body, got.status, got.body, err)
						}
						mu.Lock()
						if strings.Contains(got.body, `"id":"same"`) && strings.Contains(got.body, `"duplicate":false`) {
							firsts++
						}
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		if firsts != 1 {
			t.Errorf("%d of the same were the first, want 1", firsts)
		}
		for _, table := range []string{"service_orders", "outhook_events"} {
			if n := f.count(t, table); n != clients*each+1 {
				t.Errorf("%d rows in %s, want %d", n, table, clients*each+1)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := receiver.Wait(ctx, clients*each+1); err != nil {
			t.Error(err)
		}
	})
}

// An order that cannot be written leaves no event, and an event that cannot be
// written no order.
func TestOrderAndEventAreOne(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		addEndpoint(t, f.client, `{"url":"https://example.com"}`)
		const body = `{"id":"order-17","type":"order.paid","payload":17}`
		for broken, other := range map[string]string{
			"service_orders":     "outhook_events",
			"outhook_deliveries": "service_orders",
		} {
			f.exec(t, "ALTER TABLE "+broken+" RENAME TO away")
			call[problem](t, f.client, http.StatusServiceUnavailable, "POST", "acme/events", body)
			if n := f.count(t, other); n != 0 {
				t.Errorf("without %s: %d rows in %s, want none", broken, n, other)
			}
			f.exec(t, "ALTER TABLE away RENAME TO "+broken)
		}
		if got := call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", body); got.Duplicate {
			t.Errorf("after the failures: %+v", got)
		}
		if orders, events := f.count(t, "service_orders"), f.count(t, "outhook_events"); orders != 1 || events != 1 {
			t.Errorf("%d orders and %d events, want one of each", orders, events)
		}
	})
}

// An endpoint that leads back to the API: each webhook is an event of its own,
// until there have been enough of them.
func TestLoopEnds(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		f.work(t)
		addEndpoint(t, f.client, `{"url":"`+f.base+`/v1/tenants/acme/events"}`)
		const depth = 20
		body := strings.Repeat(`{"type":"a","payload":`, depth) + "1" + strings.Repeat("}", depth)
		call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", body)
		var got list[deliveryAnswer]
		eventually(t, func() bool {
			got = call[list[deliveryAnswer]](t, f.client, http.StatusOK, "GET", "acme/deliveries", "")
			return len(got.Items) > 0 && got.Items[0].LastStatus == http.StatusBadRequest
		}, func() string { return "the loop does not end" })
		if len(got.Items) != 9 {
			t.Errorf("%d webhooks were sent, want 9 with 0 to 8 hops", len(got.Items))
		}
		last := f.do(t, "GET", "acme/deliveries/"+got.Items[0].ID+"/attempts", "")
		if !strings.Contains(last.body, "must be 0 to 8") {
			t.Errorf("the last answer does not say why: %s", last.body)
		}
	})
}
