package sender

import (
	"context"
	"errors"
	"fmt"
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
	read int
	err  error
}

func (s *countingStore) ListDue(ctx context.Context, f store.DueFilter) (store.Page[store.Delivery], error) {
	if s.err != nil {
		return store.Page[store.Delivery]{}, s.err
	}
	page, err := s.Store.ListDue(ctx, f)
	s.read += len(page.Items)
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

// fill enqueues n deliveries that the store does not have: a long queue.
func (b *sweepBench) fill(n int) {
	b.t.Helper()
	var all []store.Delivery
	for range n {
		all = append(all, store.Delivery{ID: newID("dlv_"), Round: 1, NextAttemptAt: now()})
	}
	if result := b.enqueueAll(b.ctx, all); result.err != nil {
		b.t.Fatal(result.err)
	}
}

// swept sweeps, and checks how many deliveries got a task and how many were
// read.
func (b *sweepBench) swept(added, read int) {
	b.t.Helper()
	b.store.read = 0
	got, err := b.sweep(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if got != added || b.store.read != read {
		b.t.Errorf("sweep gave %d deliveries a task and read %d, want %d and %d", got, b.store.read, added, read)
	}
}

// sweptBy sweeps several times, and checks how many deliveries got a task in all.
func (b *sweepBench) sweptBy(sweeps, added int) {
	b.t.Helper()
	total := 0
	for range sweeps {
		n, err := b.sweep(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		total += n
	}
	if total != added {
		b.t.Errorf("%d sweeps gave %d deliveries a task, want %d", sweeps, total, added)
	}
}

func TestSweepGivesLostDeliveriesATask(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	b.pending(1200, time.Minute)
	b.pending(3, time.Second) // not overdue for long enough
	b.pending(4, -time.Hour)  // not due
	b.swept(1200, 1200)
	if n, err := b.queue.Backlog(b.ctx); err != nil || n != 1200 {
		t.Errorf("Backlog = %d, %v; want 1200", n, err)
	}
}

// TestSweepDoesNotReadABacklogTwice: its cost grows with what is lost, not
// with what is queued.
func TestSweepDoesNotReadABacklogTwice(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	b.pending(2200, time.Minute)
	b.swept(2200, 2200)
	b.swept(0, 500+200) // a page on the way round; the last page may have grown
	b.pending(100, 30*time.Second)
	b.swept(100, 500+300)
	b.redis.FlushAll() // and now all is lost
	b.swept(2300, 2300)
	b.redis.FlushAll() // and again, with the queues long before the sweep comes
	for range 3 {
		b.fill(500)
	}
	b.sweptBy(2, 2300) // the way round may begin in the middle
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

// TestSweepFindsWhatWasLostInABacklog: a delivery behind the cursor loses its
// task while the queues stay long.
func TestSweepFindsWhatWasLostInABacklog(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	b.pending(2200, time.Minute)
	b.swept(2200, 2200)
	b.pending(1, 2*time.Minute) // committed late
	b.sweptBy(6, 1)             // the way round is five pages
}

// TestSweepReplacesStrandedTasks: asynq can lose sight of a task whose id stays
// taken. Tasks that may still come are left alone.
func TestSweepReplacesStrandedTasks(t *testing.T) {
	t.Parallel()
	b := newSweepBench(t)
	stranded := b.pending(3, 2*strandedAfter)
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
