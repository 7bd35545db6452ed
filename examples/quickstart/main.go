// Quickstart sends webhooks of two products to their customers, in one process
// with nothing installed: Redis, the Store and the customers' servers are all
// inside it. From the root of the repository:
//
//	go run ./examples/quickstart
//
// It takes no flags and about 12 seconds: one of the customers fails twice, and
// is tried again after 1 s and 10 s. The customers verify the signatures with
// code that is not Outhook's. The exit code is 1 if a signature does not verify
// or a delivery has not succeeded within 15 seconds.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/outhook/outhook/examples/internal/customer"
	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	// A Config with a Redis and a Store inside the process. In production these
	// are the host's own; all that follows is the same.
	env, err := senderdev.Start()
	if err != nil {
		return err
	}
	defer env.Close()
	cfg := env.Config

	// A profile is what a product's webhook page promises.
	cfg.Profiles = map[string]sender.Profile{
		"jam": {
			Signing: signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix)),
			Retry:   retry.Jam(),
			Timeout: 15 * time.Second,
		},
		"jasper": {
			Signing:  signing.SHA256("X-Jasper-Signature"),
			Retry:    retry.Jasper(),
			Timeout:  30 * time.Second,
			IDHeader: "X-Jasper-Event-Id",
		},
	}

	// A hook is told what happens: here, of every attempt.
	attempts := make(attemptLog, 100)
	cfg.Hooks = []sender.Hook{attempts}

	// The customers' servers, and an endpoint for each. PutEndpoint makes the
	// endpoint's secret, which the customer copies into the server.
	for _, c := range []struct {
		server   *customer.Server
		endpoint store.Endpoint
	}{
		{customer.Start(customer.VerifyJam, 0), store.Endpoint{ID: "ep_acme", Tenant: "team_acme", Profile: "jam"}},
		{customer.Start(customer.VerifyJasper, 0), store.Endpoint{ID: "ep_steady", Tenant: "org_globex", Profile: "jasper"}},
		{customer.Start(customer.VerifyJasper, 2), store.Endpoint{
			ID: "ep_flaky", Tenant: "org_globex", Profile: "jasper", EventTypes: []string{"review.*"},
		}},
	} {
		defer c.server.Close()
		c.endpoint.URL = c.server.URL
		endpoint, err := sender.PutEndpoint(ctx, cfg, c.endpoint)
		if err != nil {
			return err
		}
		c.server.SetSecret(endpoint.Secrets[0].Value)
	}

	// Workers deliver until their context is done. In production they run in
	// as many processes as it takes.
	workersCtx, stopWorkers := context.WithCancel(ctx)
	workers := make(chan error, 1)
	go func() { workers <- sender.RunWorkers(workersCtx, cfg) }()

	// The products have something to tell. When Send returns, it is in the
	// Store, and will be delivered or end as a recorded failure.
	pending, err := sendEvents(ctx, cfg)
	if err == nil {
		err = follow(ctx, attempts, pending)
	}
	stopWorkers()
	return errors.Join(err, <-workers)
}

// sendEvents sends an event of each product and one more, and returns the
// number of deliveries they make.
func sendEvents(ctx context.Context, cfg sender.Config) (int, error) {
	s, err := sender.New(cfg)
	if err != nil {
		return 0, err
	}
	globex := jasper.Organization{ID: "org_globex", Name: "Globex"}
	created, err1 := jam.NewEvent("team_acme", jam.ExampleCreated())
	completed, err2 := jasper.NewEvent(globex, time.Now(), jasper.ExampleReviewCompleted())
	low, err3 := jasper.NewEvent(globex, time.Now(), jasper.CreditsLow{Balance: 20, Threshold: 25})
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	deliveries := 0
	for _, event := range []sender.Event{created, completed, low} {
		receipt, err := s.Send(ctx, event)
		if err != nil {
			return 0, err
		}
		deliveries += len(receipt.Deliveries)
	}
	return deliveries, nil
}

// attemptLog is a hook that passes the attempts on.
type attemptLog chan sender.AttemptFinished

// AttemptFinished implements sender.HookAttemptFinished.
func (l attemptLog) AttemptFinished(_ context.Context, e sender.AttemptFinished) { l <- e }

// follow prints the attempts as they come, until all deliveries succeeded.
func follow(ctx context.Context, attempts attemptLog, deliveries int) error {
	const row = "%-10s  %-19s  %-9s  %-7v  %-6v  %-8s  %-7v  %s\n"
	fmt.Printf(row, "TENANT", "EVENT", "ENDPOINT", "ATTEMPT", "STATUS", "VERIFIED", "LATE", "NEXT")
	made, succeeded := 0, 0
	for ; succeeded < deliveries; made++ {
		var e sender.AttemptFinished
		select {
		case e = <-attempts:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d deliveries succeeded in time", succeeded, deliveries)
		}
		a, verified, next := e.Attempt, "no", "-"
		if string(a.ResponseBody) == customer.Verified {
			verified = "yes"
		}
		if !a.NextAttemptAt.IsZero() {
			next = fmt.Sprintf("in %s", a.NextAttemptAt.Sub(a.EndedAt))
		}
		late := a.StartedAt.Sub(a.ScheduledAt).Round(100 * time.Microsecond)
		fmt.Printf(row, a.Tenant, a.EventType, a.EndpointID, a.Number, a.Status, verified, late, next)
		switch {
		case verified == "no":
			return fmt.Errorf("a request was not verified: %s: %s", a.Error, a.ResponseBody)
		case e.Delivery.State == store.Succeeded:
			succeeded++
		}
	}
	fmt.Printf("\nAll %d deliveries succeeded, in %d attempts. Every signature verified.\n", deliveries, made)
	return nil
}
