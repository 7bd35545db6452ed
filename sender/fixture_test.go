package sender_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

const tenant = "ws_1"

// patience bounds what a test waits for. It is only ever used up by a failure.
const patience = 60 * time.Second

// fixture is a Config on a Redis of its own, with a Store that can be made to
// fail and a Hook that keeps what it is told.
type fixture struct {
	t     *testing.T
	ctx   context.Context
	cfg   sender.Config
	redis *testenv.RedisServer
	store *faultyStore
	told  *recorder
}

// newFixture's profile tries three times without waiting.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	f := &fixture{
		t: t, ctx: ctx,
		redis: testenv.Redis(t),
		store: &faultyStore{Store: memstore.New()},
		told:  &recorder{},
	}
	f.cfg = sender.Config{
		Store:            f.store,
		Redis:            f.redis.Client(),
		Profile:          sender.Profile{Retry: retry.Schedule{0, 0, 0}, Timeout: 2 * time.Second},
		Shards:           1,
		SweepInterval:    time.Second,
		ShutdownTimeout:  5 * time.Second,
		UnsafeAllowLocal: true,
		Logger:           slog.New(slog.NewTextHandler(testLog{t}, nil)),
		Hooks:            []sender.Hook{f.told},
	}
	return f
}

// testLog writes to the test's log.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(p[:len(p)-1]))
	return len(p), nil
}

// sender returns a Sender of the fixture's Config.
func (f *fixture) sender() sender.Sender {
	f.t.Helper()
	s, err := sender.New(f.cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// work runs workers until the test ends, or the returned function is called,
// which fails the test if RunWorkers returns an error.
func (f *fixture) work() (stop func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sender.RunWorkers(ctx, f.cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("RunWorkers: %v", err)
		}
	})
	f.t.Cleanup(stop)
	return stop
}

// receiver starts a Receiver that answers as scripted, and an endpoint for it.
func (f *fixture) receiver(answers ...sendertest.Answer) (*sendertest.Receiver, store.Endpoint) {
	f.t.Helper()
	r := sendertest.NewReceiver(f.t, signing.StandardWebhooks())
	r.Script(answers...)
	e := f.endpoint(store.Endpoint{URL: r.URL()})
	r.SetSecrets(e.Secrets[0].Value)
	return r, e
}

// endpoint stores an endpoint of the tenant.
func (f *fixture) endpoint(e store.Endpoint) store.Endpoint {
	f.t.Helper()
	if e.Tenant == "" {
		e.Tenant = tenant
	}
	e, err := sender.PutEndpoint(f.ctx, f.cfg, e)
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

// send sends an event and returns its first delivery.
func (f *fixture) send() store.Delivery {
	f.t.Helper()
	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "review.completed", Payload: []byte(`{"n":1}`)})
	if err != nil {
		f.t.Fatal(err)
	}
	if len(receipt.Deliveries) == 0 {
		f.t.Fatal("no endpoint subscribes")
	}
	return receipt.Deliveries[0]
}

// ended waits until the delivery has ended.
func (f *fixture) ended(d store.Delivery) store.Delivery {
	f.t.Helper()
	return f.until(d, func(d store.Delivery) bool { return d.State != store.Pending })
}

// until waits until the delivery is as wanted.
func (f *fixture) until(d store.Delivery, wanted func(store.Delivery) bool) store.Delivery {
	f.t.Helper()
	var got store.Delivery
	f.eventually(func() bool {
		var err error
		// The store under the faults: a test that makes it fail still sees.
		got, err = f.store.Store.GetDelivery(f.ctx, d.Tenant, d.ID)
		return err == nil && wanted(got)
	})
	return got
}

// eventually waits until ok.
func (f *fixture) eventually(ok func() bool) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			f.t.Fatal("waited in vain")
		}
	}
}

// attempts returns the delivery's attempts, oldest first.
func (f *fixture) attempts(d store.Delivery) []store.Attempt {
	f.t.Helper()
	page, err := f.store.Store.ListAttempts(f.ctx, store.AttemptFilter{Tenant: d.Tenant, DeliveryID: d.ID})
	if err != nil {
		f.t.Fatal(err)
	}
	oldest := make([]store.Attempt, 0, len(page.Items))
	for i := range page.Items {
		oldest = append(oldest, page.Items[len(page.Items)-1-i])
	}
	return oldest
}

var errInjected = errors.New("injected failure")

// faultyStore is a Store whose methods a test can override.
type faultyStore struct {
	store.Store
	mu             sync.Mutex
	createEvent    func(ctx context.Context, e store.Event, d []store.Delivery) error
	updateDelivery func(ctx context.Context, d store.Delivery, a *store.Attempt) error
	loadJob        func(ctx context.Context, tenant, id string) (store.Job, error)
	putEndpoint    func(ctx context.Context, e store.Endpoint) error
	checkTenant    func(tenant string) error
	putReplay      func(ctx context.Context, r store.Replay) error
}

// override changes the store while it is in use.
func (s *faultyStore) override(change func(s *faultyStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func get[T any](s *faultyStore, field *T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *field
}

func (s *faultyStore) CreateEvent(ctx context.Context, e store.Event, d []store.Delivery) error {
	if f := get(s, &s.createEvent); f != nil {
		return f(ctx, e, d)
	}
	return s.Store.CreateEvent(ctx, e, d)
}

func (s *faultyStore) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	if f := get(s, &s.updateDelivery); f != nil {
		return f(ctx, d, a)
	}
	return s.Store.UpdateDelivery(ctx, d, a)
}

func (s *faultyStore) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	if f := get(s, &s.putEndpoint); f != nil {
		return f(ctx, e)
	}
	return s.Store.PutEndpoint(ctx, e)
}

func (s *faultyStore) LoadJob(ctx context.Context, tenant, id string) (store.Job, error) {
	if f := get(s, &s.loadJob); f != nil {
		return f(ctx, tenant, id)
	}
	return store.LoadJob(ctx, s.Store, tenant, id)
}

func (s *faultyStore) replays() store.ReplayStore {
	replays, _ := store.As[store.ReplayStore](s.Store)
	return replays
}

func (s *faultyStore) PutReplay(ctx context.Context, r store.Replay) error {
	if f := get(s, &s.putReplay); f != nil {
		return f(ctx, r)
	}
	return s.replays().PutReplay(ctx, r)
}

func (s *faultyStore) GetReplay(ctx context.Context, tenant, id string) (store.Replay, error) {
	return s.replays().GetReplay(ctx, tenant, id)
}

func (s *faultyStore) ListReplays(ctx context.Context, f store.ReplayFilter) (store.Page[store.Replay], error) {
	return s.replays().ListReplays(ctx, f)
}

func (s *faultyStore) CheckTenant(_ context.Context, tenant string) error {
	if f := get(s, &s.checkTenant); f != nil {
		return f(tenant)
	}
	return nil
}

// recorder is a Hook that keeps what it is told.
type recorder struct {
	mu        sync.Mutex
	accepted  []sender.EventAccepted
	finished  []sender.AttemptFinished
	exhausted []sender.DeliveryExhausted
	canceled  []sender.DeliveryCanceled
	failing   []sender.EndpointFailing
	recovered []sender.EndpointRecovered
	disabled  []sender.EndpointDisabled
	failed    []sender.EnqueueFailed
}

func (r *recorder) EventAccepted(_ context.Context, e sender.EventAccepted) { keep(r, &r.accepted, e) }

func (r *recorder) AttemptFinished(_ context.Context, e sender.AttemptFinished) {
	keep(r, &r.finished, e)
}

func (r *recorder) DeliveryExhausted(_ context.Context, e sender.DeliveryExhausted) {
	keep(r, &r.exhausted, e)
}

func (r *recorder) DeliveryCanceled(_ context.Context, e sender.DeliveryCanceled) {
	keep(r, &r.canceled, e)
}

func (r *recorder) EndpointFailing(_ context.Context, e sender.EndpointFailing) {
	keep(r, &r.failing, e)
}

func (r *recorder) EndpointRecovered(_ context.Context, e sender.EndpointRecovered) {
	keep(r, &r.recovered, e)
}

func (r *recorder) EndpointDisabled(_ context.Context, e sender.EndpointDisabled) {
	keep(r, &r.disabled, e)
}

func (r *recorder) EnqueueFailed(_ context.Context, e sender.EnqueueFailed) { keep(r, &r.failed, e) }

func keep[T any](r *recorder, list *[]T, e T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*list = append(*list, e)
}

// told returns what the recorder was told so far.
func told[T any](r *recorder, list *[]T) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T(nil), *list...)
}

// roundTripper is a transport in a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
