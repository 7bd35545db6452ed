package sender

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// sweepBench is a sweeper with pending deliveries and nobody who works.
type sweepBench struct {
	*sweeper
	t     *testing.T
	ctx   context.Context
	redis *testenv.RedisServer
	store *countingStore
}

// countingStore counts the deliveries that a sweep reads.
type countingStore struct {
	store.Store
	read atomic.Int64
	err  error
}

func (s *countingStore) ListDue(ctx context.Context, f store.DueFilter) (store.Page[store.Delivery], error) {
	if s.err != nil {
		return store.Page[store.Delivery]{}, s.err
	}
	page, err := s.Store.ListDue(ctx, f)
	s.read.Add(int64(len(page.Items)))
	return page, err
}

func newSweepBench(t *testing.T) *sweepBench {
	t.Helper()
	server := testenv.Redis(t)
	counting := &countingStore{Store: memstore.New()}
	e, err := newEngine(Config{Store: counting, Redis: server.Client(), Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return &sweepBench{newSweeper(e), t, ctx, server, counting}
}

// pending stores n deliveries that were due so long ago, and returns them.
func (b *sweepBench) pending(n int, overdue time.Duration) []store.Delivery {
	b.t.Helper()
	var all []store.Delivery
	for i := range n {
		event := store.Event{ID: newID("evt_"), Tenant: "t", Type: "a.b", Payload: []byte("{}"), CreatedAt: now()}
		d := newDelivery(event, fmt.Sprintf("ep_%d", i%10))
		d.NextAttemptAt = now().Add(-overdue)
		if err := b.store.CreateEvent(b.ctx, event, []store.Delivery{d}); err != nil {
			b.t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// swept sweeps, and checks how many deliveries got a task and how many were
// read.
func (b *sweepBench) swept(added, read int) {
	b.t.Helper()
	b.store.read.Store(0)
	got, err := b.sweep(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if n := int(b.store.read.Load()); got != added || n != read {
		b.t.Errorf("sweep gave %d deliveries a task and read %d, want %d and %d", got, n, added, read)
	}
}

func TestSweepGivesLostDeliveriesATask(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	b.pending(1200, time.Minute)
	b.pending(3, time.Second) // not overdue for long enough
	b.pending(4, -time.Hour)  // not due
	b.swept(1200, 1200)
	b.swept(0, 1200)
}

// TestSweepReadsLittleOfABacklog: its cost grows with what is lost, not with what
// is queued.
func TestSweepReadsLittleOfABacklog(t *testing.T) {
	t.Parallel()
	const most = sweepIdlePages * sweepPage
	b := newSweepBench(t)
	b.pending(3*most, time.Minute)
	b.swept(3*most, 3*most)
	for range 4 {
		b.swept(0, most)
	}
	b.redis.FlushAll() // and now all is lost, with the sweep in the middle
	b.swept(3*most, 4*most)
}

// TestSweepGoesOnWhereItStopped: Redis failed in the middle.
func TestSweepGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	b.pending(1100, time.Minute)
	b.store.err = errors.New("injected failure")
	if _, err := b.sweep(b.ctx); !errors.Is(err, b.store.err) {
		t.Errorf("sweep = %v, want the store's error", err)
	}
	b.store.err = nil
	b.redis.Stop()
	if _, err := b.sweep(b.ctx); err == nil {
		t.Error("a sweep without Redis reports no error")
	}
	b.redis.Start()
	b.swept(1100, 1100)
}

// TestSweepFindsWhatWasLostInABacklog: one delivery among many has no task.
func TestSweepFindsWhatWasLostInABacklog(t *testing.T) {
	t.Parallel()
	const round = 3
	b := newSweepBench(t)
	b.pending(round*sweepIdlePages*sweepPage-1, time.Minute)
	if _, err := b.sweep(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.pending(1, 90*time.Second) // committed late
	found := 0
	for range round {
		n, err := b.sweep(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		found += n
	}
	if found != 1 {
		t.Errorf("one round gave %d deliveries a task, want 1", found)
	}
}

// TestSweepGoesRoundAGrowingBacklog: a delivery that was committed late, behind
// what was looked at, is found, though more becomes overdue than a sweep reads.
func TestSweepGoesRoundAGrowingBacklog(t *testing.T) {
	t.Parallel()
	const most = sweepIdlePages * sweepPage
	b := newSweepBench(t)
	b.cfg.SweepInterval = time.Millisecond // what is due is overdue
	grow := func(n int) {
		if result := b.enqueueAll(b.ctx, b.pending(n, 0)); result.added != n || result.err != nil {
			t.Fatalf("enqueueAll = %d added, %v; want %d", result.added, result.err, n)
		}
	}
	grow(2 * most)
	b.swept(0, most)
	b.pending(1, 90*time.Second)
	for range 3 {
		grow(most + 100)
		n, err := b.sweep(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return
		}
	}
	t.Error("it is not found as long as the backlog grows")
}

// TestSweepersTogether: several processes restore the same deliveries, and each
// gets one task.
func TestSweepersTogether(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	b.pending(3000, time.Minute)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := newSweeper(b.engine).sweep(b.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for i := range b.cfg.Shards {
		total += b.redis.Client().LLen(b.ctx, fmt.Sprintf("asynq:{outhook:%d}:pending", i)).Val()
	}
	if total != 3000 {
		t.Errorf("%d tasks, want 3000", total)
	}
}

// TestSweepReplacesStrandedTasks: asynq can lose sight of a task whose id stays
// taken. Tasks that may still come are left alone.
func TestSweepReplacesStrandedTasks(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	stranded := b.pending(3, time.Minute)
	if result := b.enqueueAll(b.ctx, stranded); result.added != 3 || result.err != nil {
		t.Fatalf("enqueueAll = %+v", result)
	}
	b.swept(0, 3) // they wait for a worker
	client := b.redis.Client()
	for i := range b.cfg.Shards { // as an eviction does
		client.Del(b.ctx, fmt.Sprintf("asynq:{outhook:%d}:pending", i))
	}
	b.swept(3, 3)
	b.swept(0, 3)
}

func TestEnqueueAllReportsWhatIsLeft(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	all := b.pending(40, time.Minute)
	b.redis.Stop()
	result := b.enqueueAll(b.ctx, all)
	if result.added != 0 || len(result.failed) != 40 || result.err == nil {
		t.Errorf("enqueueAll = %d added, %d failed, %v; want 0, 40 and an error", result.added, len(result.failed), result.err)
	}
	b.redis.Start()
}
