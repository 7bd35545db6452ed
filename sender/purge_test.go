package sender

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// purgedStore keeps what it is asked to purge, and has so many events to handle.
type purgedStore struct {
	store.Store
	left  int
	err   error
	calls []store.PurgeFilter
	at    []time.Time
}

func (s *purgedStore) Purge(_ context.Context, f store.PurgeFilter) (int, error) {
	s.calls, s.at = append(s.calls, f), append(s.at, time.Now())
	if s.err != nil {
		return 0, s.err
	}
	time.Sleep(time.Second) //nolint:forbidigo // a slow database, in the bubble's time
	n := min(f.Limit, s.left)
	s.left -= n
	return n, nil
}

func runPurger(t *testing.T, s store.Store, c Config, d time.Duration) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	c.Store, c.Redis, c.Logger = s, client, slog.New(slog.NewTextHandler(t.Output(), nil))
	e, err := newEngine(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	purger{e}.run(ctx)
}

func TestPurgerWorksInBatchesWithRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &purgedStore{Store: memstore.New(), left: 3*purgeBatch + 1}
		began := time.Now()
		runPurger(t, s, Config{Retention: 48 * time.Hour, BodyRetention: 24 * time.Hour}, time.Minute)
		if len(s.calls) != 4 || s.left != 0 {
			t.Fatalf("%d batches left %d events, want 4 and none", len(s.calls), s.left)
		}
		f := s.calls[0]
		if age, bodies := began.Sub(f.Before), began.Sub(f.BodiesBefore); age.Round(time.Second) != 48*time.Hour || bodies.Round(time.Second) != 24*time.Hour {
			t.Errorf("removes what is older than %s and empties what is older than %s", age, bodies)
		}
		if gap := s.at[1].Sub(s.at[0]); gap != (1+purgeRest)*time.Second {
			t.Errorf("the second batch began %s after the first, which took 1s", gap)
		}
	})
}

func TestPurgerGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &purgedStore{Store: memstore.New(), err: errors.New("injected failure")}
		runPurger(t, s, Config{Retention: time.Hour}, 3*purgeInterval)
		if n := len(s.calls); n < 3 || n > 5 {
			t.Errorf("%d tries in three intervals", n)
		}
		if !s.calls[0].BodiesBefore.IsZero() {
			t.Error("bodies are emptied though nobody asked for it")
		}
	})
}

func TestNothingIsPurgedByDefault(t *testing.T) {
	t.Parallel()
	s := &purgedStore{Store: memstore.New()}
	runPurger(t, s, Config{}, time.Minute) // returns at once
	if len(s.calls) != 0 {
		t.Errorf("Purge was called with %+v", s.calls)
	}
}

// TestWorkersPurge: old events go while workers run, but for what is pending.
func TestWorkersPurge(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	s := memstore.New()
	b.cfg.Store, b.cfg.Retention = s, time.Hour
	old := store.Event{ID: "evt_old", Tenant: "t", Type: "a.b", Payload: []byte("{}"), CreatedAt: now().Add(-2 * time.Hour)}
	pending := old
	pending.ID = "evt_pending"
	d := newDelivery(pending, "ep_1")
	d.NextAttemptAt = now().Add(time.Hour)
	if err := errors.Join(s.CreateEvent(b.ctx, old, nil), s.CreateEvent(b.ctx, pending, []store.Delivery{d})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	go func() { done <- RunWorkers(ctx, b.cfg) }()
	for {
		if _, err := s.GetEvent(b.ctx, "t", old.ID); errors.Is(err, store.ErrNotFound) {
			break
		} else if err != nil {
			t.Error(err)
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := s.GetEvent(b.ctx, "t", pending.ID); err != nil {
		t.Errorf("the event with a pending delivery: %v", err)
	}
}
