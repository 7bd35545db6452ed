package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// A bulk replay of 10,000 failures goes on when every process that delivers has
// stopped midway, or was killed.
func TestReplayAfterARestart(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stopped", "killed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			const failures = 10_000
			d := databases[0]
			source := d.source(t)
			s := mustNew(t, d.open(t, source), d.dialect, sqlstore.Options{})
			mustMigrate(t, s)
			server := testenv.RealRedis(t)
			cfg := workerConfig(s, server.Client())
			receiver := newArrivals(t, func(*http.Request) {})
			e, err := sender.PutEndpoint(t.Context(), cfg, store.Endpoint{Tenant: "acme", URL: receiver.URL})
			if err != nil {
				t.Fatal(err)
			}
			putFailures(t, s, e, failures)

			began := time.Now()
			r, err := sender.StartReplay(t.Context(), cfg, sender.ReplayFilter{Tenant: "acme"})
			if err != nil || r.Total != failures {
				t.Fatalf("StartReplay = %+v, %v", r, err)
			}
			started := time.Since(began)
			var end func()
			if how == "killed" {
				victim := startChild(t, "worker", source, server.Addr())
				end = func() { victim.kill() }
			} else {
				end = runWorkers(t, cfg)
			}
			began = time.Now()
			waitReplay(t, s, r, func(r store.Replay) bool { return r.Replayed >= failures/4 })
			end()
			midway := waitReplay(t, s, r, func(store.Replay) bool { return true })
			took := time.Since(began)
			if midway.State != store.ReplayRunning {
				t.Fatalf("it was %s before it could be stopped: %+v", midway.State, midway)
			}
			began = time.Now()
			runWorkers(t, cfg)
			waitReplay(t, s, r, func(r store.Replay) bool { return r.Replayed > midway.Replayed })
			resumed := time.Since(began)
			done := waitReplay(t, s, r, func(r store.Replay) bool { return r.State != store.ReplayRunning })
			if done.State != store.ReplayFinished || done.Replayed != failures || done.Skipped != 0 {
				t.Errorf("it has ended as %+v", done)
			}
			if how == "stopped" && resumed > 5*time.Second {
				t.Errorf("a process that starts goes on with it after %s, though the one before has let go", resumed)
			}
			testenv.Reportf(t, "a replay of %d was started in %s, %s at %d after %s, went on %s and finished %s later", failures,
				started.Round(time.Millisecond), how, midway.Replayed, took.Round(10*time.Millisecond), resumed.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))
			checkReplayed(t, s, receiver, how, failures)
		})
	}
}

// putFailures writes n deliveries that have failed.
func putFailures(t *testing.T, s store.Store, e store.Endpoint, n int) {
	t.Helper()
	numbers := make(chan int)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for i := range numbers {
				at := time.Now().Add(-time.Hour).Add(time.Duration(i) * time.Millisecond)
				event := store.Event{ID: fmt.Sprintf("evt_%d", i), Tenant: e.Tenant, Type: "order.paid", Payload: []byte(`{}`), CreatedAt: at}
				err := s.CreateEvent(t.Context(), event, []store.Delivery{{
					ID: fmt.Sprintf("dlv_%d", i), Tenant: e.Tenant, EventID: event.ID, EndpointID: e.ID, EventType: event.Type,
					State: store.Failed, Round: 1, Attempts: 10, CreatedAt: at, UpdatedAt: at, EndedAt: at,
				}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	writers.Wait()
}

// waitReplay waits until the replay is as wanted.
func waitReplay(t *testing.T, s *sqlstore.Store, r store.Replay, wanted func(store.Replay) bool) store.Replay {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		got, err := s.GetReplay(ctx, r.Tenant, r.ID)
		if err != nil {
			t.Fatalf("%v; it was last %+v", err, r)
		}
		if wanted(got) {
			return got
		}
		r = got
		<-time.After(10 * time.Millisecond)
	}
}

// checkReplayed wants each delivery to have succeeded in its second round, and its
// event to have arrived once. Only what a killed process had in hand comes twice.
func checkReplayed(t *testing.T, s store.Store, receiver *arrivals, how string, n int) {
	t.Helper()
	twice := 0
	for i := range n {
		d, err := s.GetDelivery(t.Context(), "acme", fmt.Sprintf("dlv_%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if d = waitEnded(t, s, d); d.State != store.Succeeded || d.Round != 2 {
			t.Fatalf("%s is %s in round %d", d.ID, d.State, d.Round)
		}
		switch arrived := len(receiver.of(d.EventID)); {
		case arrived == 2 && how == "killed":
			twice++
		case arrived != 1:
			t.Fatalf("%s arrived %d times", d.EventID, arrived)
		}
	}
	testenv.Reportf(t, "of %d that were replayed, %s midway, %d arrived twice", n, how, twice)
	if twice > 200 {
		t.Errorf("%d arrived twice: more than a process has in hand", twice)
	}
}
