package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// The whole way, on each database: what was accepted arrives, though the first
// hundred answers are failures, and every attempt is in the tables.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		const events, failures = 500, 100
		s, _ := d.fresh(t)
		cfg := sender.Config{
			Store: s, Redis: testenv.Redis(t).Client(), UnsafeAllowLocal: true,
			// Long enough for one delivery to get a good part of the failures.
			Profile: sender.Profile{Retry: retry.Schedule(slices.Repeat([]time.Duration{10 * time.Millisecond}, 20))},
		}
		receiver := sendertest.NewReceiver(t, signing.StandardWebhooks())
		answers := slices.Repeat([]sendertest.Answer{sendertest.Status(http.StatusInternalServerError)}, failures)
		receiver.Script(append(answers, sendertest.Status(http.StatusOK))...)
		endpoint, err := sender.PutEndpoint(t.Context(), cfg, store.Endpoint{Tenant: "acme", URL: receiver.URL()})
		if err != nil {
			t.Fatal(err)
		}
		receiver.SetSecrets(endpoint.Secrets[0].Value)

		stop := runWorkers(t, cfg)
		sendAll(t, cfg, events)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		requests, err := receiver.Wait(ctx, events+failures)
		if err != nil {
			t.Fatal(err)
		}
		stop() // the last attempts are recorded by then
		for _, r := range requests {
			if r.VerifyErr != nil {
				t.Fatalf("a request that is not genuine: %v", r.VerifyErr)
			}
		}
		checkRecords(t, s, events, failures)
	})
}

func checkRecords(t *testing.T, s store.Store, events, failures int) {
	t.Helper()
	delivered := 0
	for d, err := range store.AllDeliveries(t.Context(), s, store.DeliveryFilter{Tenant: "acme"}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.State != store.Succeeded {
			t.Errorf("delivery %s is %s after %d attempts: %s", d.ID, d.State, d.Attempts, d.LastError)
		}
		delivered++
	}
	outcomes := map[bool]int{}
	for a, err := range store.AllAttempts(t.Context(), s, store.AttemptFilter{Tenant: "acme"}) {
		if err != nil {
			t.Fatal(err)
		}
		outcomes[a.Succeeded]++
	}
	if delivered != events || outcomes[true] != events || outcomes[false] != failures {
		t.Errorf("%d deliveries with %d attempts that succeeded and %d that failed, want %d, %d and %d",
			delivered, outcomes[true], outcomes[false], events, events, failures)
	}
}

// runWorkers returns a function that stops them and waits for their end, which
// is called when the test is over at the latest.
func runWorkers(t *testing.T, cfg sender.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = sender.RunWorkers(ctx, cfg)
	}()
	stop = func() {
		cancel()
		<-ended
		if err != nil {
			t.Errorf("RunWorkers: %v", err)
		}
	}
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return stop
}

func sendAll(t *testing.T, cfg sender.Config, events int) {
	t.Helper()
	s, err := sender.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		event := sender.Event{
			ID: fmt.Sprintf("order-%d", i), Tenant: "acme", Type: "order.paid", Payload: fmt.Appendf(nil, `{"order":%d}`, i),
		}
		if _, err := s.Send(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
}
