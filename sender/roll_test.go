package sender

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// rolledStore keeps what it is asked to sum up, and has so many attempts to.
type rolledStore struct {
	store.Store
	left   int
	err    error
	before []time.Time
	at     []time.Time
}

func (s *rolledStore) RollStats(_ context.Context, before time.Time, limit int) (int, error) {
	s.before, s.at = append(s.before, before), append(s.at, time.Now())
	if s.err != nil {
		return 0, s.err
	}
	time.Sleep(time.Second) //nolint:forbidigo // a slow database, in the bubble's time
	n := min(limit, s.left)
	s.left -= n
	return n, nil
}

// runRoller runs it for so long, and returns its log.
func runRoller(t *testing.T, s store.Store, d time.Duration) string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	var log bytes.Buffer
	e, err := newEngine(Config{Store: s, Redis: client, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	roller{e}.run(ctx)
	return log.String()
}

func TestRollerWorksInBatchesWithRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &rolledStore{Store: memstore.New(), left: 3*rollBatch + 1}
		began := time.Now()
		if log := runRoller(t, s, rollInterval/2); log != "" {
			t.Errorf("it logged %s", log)
		}
		if len(s.at) != 4 || s.left != 0 {
			t.Fatalf("%d batches left %d attempts, want 4 and none", len(s.at), s.left)
		}
		for _, before := range s.before {
			if age := began.Sub(before); age.Round(time.Second) != rollAge {
				t.Errorf("sums up what started %s ago, want %s", age, rollAge)
			}
		}
		if gap := s.at[1].Sub(s.at[0]); gap != (1+rollRest)*time.Second {
			t.Errorf("the second batch began %s after the first, which took 1s", gap)
		}
	})
}

func TestRollerGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &rolledStore{Store: memstore.New(), err: errors.New("injected failure")}
		log := runRoller(t, s, 3*rollInterval)
		if n := len(s.at); n < 3 || n > 5 || strings.Count(log, "level=WARN") != n || !strings.Contains(log, "injected failure") {
			t.Errorf("%d tries in three intervals, which logged\n%s", n, log)
		}
		for i := range s.before[1:] {
			if later := s.before[i+1].Sub(s.before[i]); later < rollInterval/2 {
				t.Errorf("a try sums up to %s after the one before it", later)
			}
		}
	})
}

// TestNothingIsRolledWhereThereIsNoPlace: a Store that keeps no sums is read as it is.
func TestNothingIsRolledWhereThereIsNoPlace(t *testing.T) {
	t.Parallel()
	runRoller(t, memstore.New(), time.Hour) // returns at once
}

// signaledStore says that it was asked.
type signaledStore struct {
	store.Store
	asked chan time.Time
}

func (s signaledStore) RollStats(ctx context.Context, before time.Time, _ int) (int, error) {
	select {
	case s.asked <- before:
	case <-ctx.Done():
	}
	<-ctx.Done() // as long as a database that hangs
	return 0, ctx.Err()
}

// TestWorkersRoll: soon after the start, and nothing of it is left when they end.
func TestWorkersRoll(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	s := signaledStore{memstore.New(), make(chan time.Time)}
	b.cfg.Store = s
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	go func() { done <- RunWorkers(ctx, b.cfg) }()
	select {
	case before := <-s.asked:
		if age := time.Since(before); age < rollAge || age > rollAge+time.Minute {
			t.Errorf("sums up what started %s ago, want %s", age, rollAge)
		}
	case <-b.ctx.Done():
		t.Error("nothing was summed up")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
