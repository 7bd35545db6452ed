package sender_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// attemptHook hands each attempt to a channel, so that an Example can wait.
type attemptHook chan sender.AttemptFinished

func (h attemptHook) AttemptFinished(_ context.Context, e sender.AttemptFinished) { h <- e }

// demo is what the Examples share: an environment that needs nothing
// installed, workers, and an endpoint whose receiver answers as scripted.
type demo struct {
	cfg      sender.Config
	endpoint store.Endpoint
	receiver *sendertest.Receiver
	attempts attemptHook
	stop     func()
}

func startDemo(answers ...sendertest.Answer) demo { return startDemoWith(nil, answers...) }

func startDemoWith(hooks []sender.Hook, answers ...sendertest.Answer) demo {
	env, err := senderdev.Start()
	if err != nil {
		panic(err)
	}
	d := demo{cfg: env.Config, attempts: make(attemptHook, 100)}
	d.cfg.Profile.Retry = retry.Schedule{0, time.Second}
	d.cfg.Hooks = slices.Concat(hooks, []sender.Hook{d.attempts})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sender.RunWorkers(ctx, d.cfg) }()
	d.receiver = sendertest.StartReceiver(nil)
	d.receiver.Script(answers...)
	d.endpoint, err = sender.PutEndpoint(ctx, d.cfg, store.Endpoint{Tenant: "ws_1", URL: d.receiver.URL()})
	if err != nil {
		panic(err)
	}
	d.stop = func() {
		cancel()
		<-done
		d.receiver.Close()
		_ = env.Close()
	}
	return d
}

// show prints the next attempt.
func (d demo) show() sender.AttemptFinished {
	e := <-d.attempts
	fmt.Printf("round %d, attempt %d (%s): %d, delivery %s\n",
		e.Attempt.Round, e.Attempt.Number, e.Attempt.Trigger, e.Attempt.Status, e.Delivery.State)
	return e
}

// Send an event: every subscribed endpoint gets it, and failed attempts are
// made again on the profile's schedule.
func ExampleSender_send() {
	d := startDemo(sendertest.Status(500), sendertest.Status(200))
	defer d.stop()
	ctx := context.Background()

	s, err := sender.New(d.cfg)
	if err != nil {
		panic(err)
	}
	receipt, err := s.Send(ctx, sender.Event{
		ID:      "order-17-paid", // sent twice, delivered once
		Tenant:  "ws_1",
		Type:    "order.paid",
		Payload: []byte(`{"order":17}`),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(receipt.EventID, "goes to", len(receipt.Deliveries), "endpoint")

	d.show()
	d.show()
	// Output:
	// order-17-paid goes to 1 endpoint
	// round 1, attempt 1 (schedule): 500, delivery pending
	// round 1, attempt 2 (schedule): 200, delivery succeeded
}

// Resend a delivery that has failed: a new round of the whole schedule, with
// the same webhook-id.
func ExampleSender_resend() {
	d := startDemo(sendertest.Status(500), sendertest.Status(500), sendertest.Status(200))
	defer d.stop()
	ctx := context.Background()
	s, err := sender.New(d.cfg)
	if err != nil {
		panic(err)
	}
	receipt, err := s.Send(ctx, sender.Event{Tenant: "ws_1", Type: "order.paid", Payload: []byte(`{}`)})
	if err != nil {
		panic(err)
	}
	d.show()
	d.show()

	if _, err := s.Resend(ctx, "ws_1", receipt.Deliveries[0].ID); err != nil {
		panic(err)
	}
	d.show()
	// Output:
	// round 1, attempt 1 (schedule): 500, delivery pending
	// round 1, attempt 2 (schedule): 500, delivery failed
	// round 2, attempt 1 (manual): 200, delivery succeeded
}

// Replay all that failed in the last hour, once the customer has mended the
// endpoint.
func ExampleSender_replay() {
	d := startDemo(sendertest.Status(500), sendertest.Status(500), sendertest.Status(200))
	defer d.stop()
	ctx := context.Background()
	s, err := sender.New(d.cfg)
	if err != nil {
		panic(err)
	}
	if _, err := s.Send(ctx, sender.Event{Tenant: "ws_1", Type: "order.paid", Payload: []byte(`{}`)}); err != nil {
		panic(err)
	}
	d.show()
	d.show()

	result, err := s.Replay(ctx, sender.ReplayFilter{
		Tenant:     "ws_1",
		EndpointID: d.endpoint.ID,
		Since:      time.Now().Add(-time.Hour),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Replayed, "replayed")
	d.show()
	// Output:
	// round 1, attempt 1 (schedule): 500, delivery pending
	// round 1, attempt 2 (schedule): 500, delivery failed
	// 1 replayed
	// round 2, attempt 1 (manual): 200, delivery succeeded
}

// Recover all failures of the last day: the button of a webhook page. It returns at
// once, and the workers carry it out.
func ExampleStartReplay() {
	d := startDemo(sendertest.Status(500), sendertest.Status(500), sendertest.Status(200))
	defer d.stop()
	ctx := context.Background()
	s, err := sender.New(d.cfg)
	if err != nil {
		panic(err)
	}
	if _, err := s.Send(ctx, sender.Event{Tenant: "ws_1", Type: "order.paid", Payload: []byte(`{}`)}); err != nil {
		panic(err)
	}
	d.show()
	d.show()

	started, err := sender.StartReplay(ctx, d.cfg, sender.ReplayFilter{Tenant: "ws_1", Since: time.Now().Add(-24 * time.Hour)})
	if err != nil {
		panic(err)
	}
	fmt.Println(started.State, "for", started.Total)
	d.show()

	// The page shows how far it has come.
	replays, _ := store.As[store.ReplayStore](d.cfg.Store)
	for started.State == store.ReplayRunning {
		<-time.After(50 * time.Millisecond)
		if started, err = replays.GetReplay(ctx, "ws_1", started.ID); err != nil {
			panic(err)
		}
	}
	fmt.Println(started.State, "after", started.Replayed)
	// Output:
	// round 1, attempt 1 (schedule): 500, delivery pending
	// round 1, attempt 2 (schedule): 500, delivery failed
	// running for 1
	// round 2, attempt 1 (manual): 200, delivery succeeded
	// finished after 1
}

// Ping is the Test button of a webhook page.
func ExamplePing() {
	d := startDemo(sendertest.Body(404, "no such hook"))
	defer d.stop()

	attempt, err := sender.Ping(context.Background(), d.cfg, d.endpoint.ID, sender.Event{Tenant: "ws_1"})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%v: %s: %s\n", attempt.Succeeded, attempt.Error, attempt.ResponseBody)
	// Output:
	// false: answered 404 Not Found: no such hook
}

// Events are what a portal shows to customers, and what the Test button sends.
func ExampleConfig_events() {
	d := startDemo(sendertest.Status(200))
	defer d.stop()
	cfg := d.cfg // or your own Store and Redis
	cfg.Events = []sender.EventType{
		{
			Name:        "order.paid",
			Group:       "Orders",
			Description: "A customer has paid an order.",
			Example:     json.RawMessage(`{"order":17}`),
			Schema:      json.RawMessage(`{"type":"object","properties":{"order":{"type":"integer"}},"required":["order"]}`),
		},
		{Name: "order.canceled", Group: "Orders", Description: "An order was canceled before it was paid."},
	}
	cfg.RefuseUnknownEvents = true

	ctx := context.Background()
	if _, err := sender.Ping(ctx, cfg, d.endpoint.ID, sender.Event{Tenant: "ws_1", Type: "order.paid"}); err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", d.receiver.Requests()[0].Body)

	s, err := sender.New(cfg)
	if err != nil {
		panic(err)
	}
	_, err = s.Send(ctx, sender.Event{Tenant: "ws_1", Type: "order.payed", Payload: []byte(`{"order":17}`)})
	fmt.Println(err)
	// Output:
	// {"order":17}
	// Event.Type is "order.payed", must be a type in Config.Events (Config.RefuseUnknownEvents)
}

// PutEndpoint checks an endpoint and reports all of its faults at once.
func ExamplePutEndpoint() {
	d := startDemo()
	defer d.stop()
	cfg := d.cfg
	cfg.UnsafeAllowLocal = false // as in production

	endpoint, err := sender.PutEndpoint(context.Background(), cfg, store.Endpoint{
		Tenant:     "ws_1",
		URL:        "https://hooks.example.com/outhook",
		EventTypes: []string{"order.*", "review.completed"},
	})
	fmt.Println(endpoint.Secrets, err)

	_, err = sender.PutEndpoint(context.Background(), cfg, store.Endpoint{
		Tenant:  "ws_1",
		URL:     "http://10.0.0.1/",
		Headers: http.Header{"Host": {"example.com"}},
	})
	fmt.Println(errors.Is(err, sender.ErrInvalid))
	fmt.Println(err)
	// Output:
	// [[redacted]] <nil>
	// true
	// Endpoint.URL has the scheme "http", must be an https URL (Config.UnsafeAllowHTTP permits http)
	// Endpoint.URL names this machine or a private network, must be public (Config.UnsafeAllowHosts and UnsafeAllowCIDRs permit others)
	// Endpoint.Headers[Host] is reserved, must be a header that neither HTTP nor the profile sets
}

// RotateSecret: for a day, requests are signed with the new secret and the old
// one, so that a receiver that knows either accepts them.
func ExampleRotateSecret() {
	d := startDemo()
	defer d.stop()
	ctx := context.Background()
	old := d.endpoint.Secrets[0].Value

	endpoint, err := sender.RotateSecret(ctx, d.cfg, "ws_1", d.endpoint.ID, 24*time.Hour)
	if err != nil {
		panic(err)
	}
	if _, err := sender.Ping(ctx, d.cfg, endpoint.ID, sender.Event{Tenant: "ws_1"}); err != nil {
		panic(err)
	}

	request := d.receiver.Requests()[0]
	for _, secret := range []string{old, endpoint.Secrets[0].Value} {
		fmt.Println(signing.Verify(signing.StandardWebhooks(), request.Header, request.Body, []string{secret}, signing.VerifyOptions{}))
	}
	// Output:
	// <nil>
	// <nil>
}

// RunWorkers blocks until its context is done, and then lets the attempts
// under way finish.
func ExampleRunWorkers() {
	env, err := senderdev.Start()
	if err != nil {
		panic(err)
	}
	defer env.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	fmt.Println(sender.RunWorkers(ctx, env.Config))
	// Output:
	// <nil>
}

// What a product's webhook page shows comes from the Store.
func Example_deliveryLog() {
	d := startDemo(sendertest.Status(500), sendertest.Body(503, "try later"))
	defer d.stop()
	ctx, cfg := context.Background(), d.cfg
	s, err := sender.New(cfg)
	if err != nil {
		panic(err)
	}
	if _, err := s.Send(ctx, sender.Event{Tenant: "ws_1", Type: "order.paid", Payload: []byte(`{}`)}); err != nil {
		panic(err)
	}
	d.show()
	d.show()

	failed := store.DeliveryFilter{Tenant: "ws_1", States: []store.DeliveryState{store.Failed}, Limit: 20}
	page, err := cfg.Store.ListDeliveries(ctx, failed) // newest first; page.Next continues it
	if err != nil {
		panic(err)
	}
	for _, d := range page.Items {
		fmt.Println(d.EventType, d.State, d.LastError)
		attempts := store.AttemptFilter{Tenant: "ws_1", DeliveryID: d.ID}
		for a, err := range store.AllAttempts(ctx, cfg.Store, attempts) {
			fmt.Printf("  attempt %d: %d %s %v\n", a.Number, a.Status, a.ResponseBody, err)
		}
	}

	// Output:
	// round 1, attempt 1 (schedule): 500, delivery pending
	// round 1, attempt 2 (schedule): 503, delivery failed
	// order.paid failed answered 503 Service Unavailable
	//   attempt 2: 503 try later <nil>
	//   attempt 1: 500  <nil>
}

// One process serves two products: each endpoint names the profile of its own.
func ExampleConfig_profiles() {
	env, err := senderdev.Start()
	if err != nil {
		panic(err)
	}
	defer env.Close()

	cfg := env.Config // or your own Store and Redis
	// readme:begin profiles
	cfg.Profiles = map[string]sender.Profile{
		"jam": {Signing: signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix)), Retry: retry.Jam()},
		"jasper": {
			Signing:  signing.SHA256("X-Jasper-Signature"),
			Retry:    retry.Jasper(),
			Timeout:  30 * time.Second, // instead of 15
			IDHeader: "X-Jasper-Event-ID",
		},
	}
	// readme:end profiles
	_, err = sender.New(cfg)
	fmt.Println(err)
	// Output:
	// <nil>
}

// alerts is a Hook: it implements those of the interfaces that it wants.
type alerts struct{}

func (alerts) EndpointDisabled(_ context.Context, e sender.EndpointDisabled) {
	fmt.Println("tell the customer:", e.Endpoint.DisabledReason)
}

func (alerts) DeliveryExhausted(_ context.Context, e sender.DeliveryExhausted) {
	fmt.Println("gave up:", e.Delivery.EventType, e.Delivery.LastError)
}

// A Hook is told what happens.
func ExampleHook() {
	hooks := []sender.Hook{alerts{}} // Config.Hooks
	d := startDemoWith(hooks, sendertest.Status(500))
	defer d.stop()

	s, err := sender.New(d.cfg)
	if err != nil {
		panic(err)
	}
	if _, err := s.Send(context.Background(), sender.Event{Tenant: "ws_1", Type: "order.paid", Payload: []byte(`{}`)}); err != nil {
		panic(err)
	}
	<-d.attempts
	<-d.attempts
	// Output:
	// gave up: order.paid answered 500 Internal Server Error
}
