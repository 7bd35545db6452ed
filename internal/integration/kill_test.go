package integration_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// recovery bounds how long after the death of a worker another one attempts what
// it had in hand.
const recovery = 15 * time.Second

// workerConfig allows attempts that take longer than the recovery.
func workerConfig(s store.Store, client redis.UniversalClient) sender.Config {
	return sender.Config{
		Store: s, Redis: client, UnsafeAllowLocal: true,
		Profile: sender.Profile{Timeout: 40 * time.Second},
	}
}

// arrivals is a receiver that notes when each event arrived.
type arrivals struct {
	*httptest.Server
	mu sync.Mutex
	at map[string][]time.Time
}

// newArrivals hands each request to hold after it was noted.
func newArrivals(t *testing.T, hold func(r *http.Request)) *arrivals {
	t.Helper()
	a := &arrivals{at: map[string][]time.Time{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		id := r.Header.Get("webhook-id")
		a.at[id] = append(a.at[id], time.Now())
		a.mu.Unlock()
		hold(r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *arrivals) of(id string) []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time(nil), a.at[id]...)
}

// wait waits until the event has arrived so often.
func (a *arrivals) wait(t *testing.T, id string, times int) []time.Time {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		if at := a.of(id); len(at) >= times {
			return at
		}
		select {
		case <-deadline:
			t.Fatalf("%s arrived %d times, want %d", id, len(a.of(id)), times)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A worker is killed during an attempt. Another one makes it again within 15 s,
// and nobody overtakes an attempt of its own that takes longer than that.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	const long = 20 * time.Second
	d := databases[0]
	source := d.source(t)
	s := mustNew(t, d.open(t, source), d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	server := testenv.RealRedis(t)
	cfg := workerConfig(s, server.Client())
	release := make(chan struct{})
	receiver := newArrivals(t, func(r *http.Request) {
		switch r.Header.Get("webhook-id") {
		case "killed":
			select { // only the first one hangs
			case <-release:
			case <-r.Context().Done():
			}
		case "long":
			select {
			case <-time.After(long):
			case <-r.Context().Done():
			}
		}
	})
	if _, err := sender.PutEndpoint(t.Context(), cfg, store.Endpoint{Tenant: "acme", URL: receiver.URL}); err != nil {
		t.Fatal(err)
	}
	snd, err := sender.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	send := func(id string) store.Delivery {
		receipt, err := snd.Send(t.Context(), sender.Event{ID: id, Tenant: "acme", Type: "a.b", Payload: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Deliveries[0]
	}

	victim := startChild(t, "worker", source, server.Addr())
	killed := send("killed")
	receiver.wait(t, "killed", 1)
	runWorkers(t, cfg)
	victim.kill()
	died := time.Now()
	close(release)
	slow := send("long")

	again := receiver.wait(t, "killed", 2)[1].Sub(died)
	testenv.Reportf(t, "a worker was killed: its delivery was attempted again after %s", again.Round(10*time.Millisecond))
	if again > recovery {
		t.Errorf("attempted again %s after the kill, want at most %s", again, recovery)
	}
	for _, delivery := range []store.Delivery{killed, slow} {
		if got := waitEnded(t, s, delivery); got.State != store.Succeeded || got.Attempts != 1 {
			t.Errorf("delivery of %s: %s after %d attempts, want success at the first that was recorded", got.EventID, got.State, got.Attempts)
		}
	}
	if n := len(receiver.of("long")); n != 1 {
		t.Errorf("the attempt of a live worker that takes %s was overtaken: %d requests", long, n)
	}
}

func waitEnded(t *testing.T, s store.Store, d store.Delivery) store.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		got, err := s.GetDelivery(ctx, d.Tenant, d.ID)
		if err != nil {
			t.Fatalf("delivery of %s: %v; it was last %s", d.EventID, err, d.State)
		}
		if got.State != store.Pending {
			return got
		}
		d = got
		<-time.After(20 * time.Millisecond)
	}
}

// A single process with SQLite and the embedded Redis is killed while it sends
// and delivers, several times. All that it had accepted arrives.
func TestKilledSingleProcess(t *testing.T) {
	t.Parallel()
	d := databases[2] // SQLite
	source := d.source(t)
	s := mustNew(t, d.open(t, source), d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	receiver := newArrivals(t, func(*http.Request) {})
	env, err := senderdev.StartWith(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := sender.PutEndpoint(t.Context(), env.Config, store.Endpoint{Tenant: "acme", URL: receiver.URL}); err != nil {
		t.Fatal(err)
	}
	var accepted []string
	for _, prefix := range []string{"first", "second", "third"} {
		c := startChild(t, "embedded", source, prefix)
		accepted = append(append(accepted, c.lines(200)...), c.kill()...)
	}
	runWorkers(t, env.Config)
	for _, id := range accepted {
		receiver.wait(t, id, 1)
	}
	twice := 0
	for _, id := range accepted {
		twice += len(receiver.of(id)) - 1
	}
	testenv.Reportf(t, "a single process was killed 3 times: accepted %d, arrived all, %d of them twice", len(accepted), twice)
}
