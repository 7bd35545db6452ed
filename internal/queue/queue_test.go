package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/goleak"

	"github.com/outhook/outhook/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// bench is a Queue on a Redis of its own.
type bench struct {
	*Queue
	ctx   context.Context
	redis *testenv.RedisServer
}

func newBench(t *testing.T, shards int) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	server := testenv.Redis(t)
	logger := slog.New(slog.DiscardHandler)
	return &bench{New(Options{Redis: server.Client(), Name: "q", Shards: shards, Logger: logger}), ctx, server}
}

// pending returns the number of wake-ups that are ready and not taken.
func (b *bench) pending() int {
	total := 0
	for i := range b.opts.Shards {
		total += int(b.redis.Client().LLen(b.ctx, b.key(i, "pending")).Val())
	}
	return total
}

// run runs the handler until the test ends or the returned function is called.
func (b *bench) run(t *testing.T, handle Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, RunOptions{Handlers: 8, ShutdownTimeout: time.Second}, handle) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (b *bench) enqueue(t *testing.T, ref Ref, at time.Time) {
	t.Helper()
	if added, err := b.Enqueue(b.ctx, ref, at); err != nil || !added {
		t.Fatalf("Enqueue = %v, %v", added, err)
	}
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

func TestEnqueueTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	b := newBench(t, 4)
	ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	for i, test := range []struct {
		ref  Ref
		at   time.Time
		want bool
	}{
		{ref, time.Now(), true},
		{ref, time.Now(), false},
		{ref, time.Now().Add(time.Hour), false},
		{Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_2", Round: 1}, time.Now(), true},
		{Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 2}, time.Now().Add(time.Hour), true},
	} {
		if added, err := b.Enqueue(b.ctx, test.ref, test.at); err != nil || added != test.want {
			t.Errorf("enqueue %d = %v, %v; want %v", i, added, err, test.want)
		}
	}
	if n := b.pending(); n != 2 {
		t.Errorf("%d wake-ups are ready, want 2", n)
	}
}

// TestEndpointsSpreadOverQueues: asynq's own tools find the wake-ups.
func TestEndpointsSpreadOverQueues(t *testing.T) {
	t.Parallel()
	b := newBench(t, 4)
	for i := range 50 {
		ref := Ref{Tenant: "t", Endpoint: fmt.Sprintf("ep_%d", i), Delivery: fmt.Sprintf("dlv_%d", i), Round: 1}
		if _, err := b.Enqueue(b.ctx, ref, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	inspector := asynq.NewInspectorFromRedisClient(b.redis.Client())
	total := 0
	for i := range 4 {
		info, err := inspector.GetQueueInfo(b.name(i))
		if err != nil {
			t.Fatal(err)
		}
		if info.Pending == 0 {
			t.Errorf("queue %s got none of 50 endpoints' tasks", b.name(i))
		}
		total += info.Pending
	}
	if total != 50 {
		t.Errorf("asynq counts %d wake-ups, want 50", total)
	}
}

func TestTaskHoldsIDsAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	b.enqueue(t, Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 3}, time.Now())
	inspector := asynq.NewInspectorFromRedisClient(b.redis.Client())
	info, err := inspector.GetTaskInfo("q:0", "dlv_1.3")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(info.Payload); got != `{"t":"t","e":"ep_1","d":"dlv_1","r":3}` {
		t.Errorf("payload = %s", got)
	}
	if info.MaxRetry < 1_000_000 || info.Timeout < time.Minute || info.Retention != 0 {
		t.Errorf("task = %+v", info)
	}
}

func TestHandlerGetsTasksInTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	took := make(chan Ref, 10)
	b.run(t, func(_ context.Context, ref Ref) error {
		took <- ref
		return nil
	})
	at := time.Now().Add(2 * time.Second)
	later := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_2", Round: 1}
	b.enqueue(t, later, at)
	now := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	b.enqueue(t, now, time.Now())
	if got := receive(t, took); got != now {
		t.Errorf("got %+v first", got)
	}
	if got, early := receive(t, took), time.Until(at); got != later || early > MaxEarly || early < 0 {
		t.Errorf("got %+v %s early; want it at most %s early and not late", got, early, MaxEarly)
	}
}

func TestAgainComesAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	at := make(chan time.Time, 3)
	waits := []time.Duration{0, 2 * time.Second}
	calls := 0 // one handler at a time
	b.run(t, func(context.Context, Ref) error {
		at <- time.Now()
		calls++
		if calls <= len(waits) {
			return fmt.Errorf("wrapped: %w", &Again{Wait: waits[calls-1], Err: errors.New("why"), Failed: true})
		}
		return nil
	})
	b.enqueue(t, Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}, time.Now())
	last := receive(t, at)
	for _, wait := range waits {
		next := receive(t, at)
		if gap := next.Sub(last); gap < wait-MaxEarly || gap > wait+time.Second {
			t.Errorf("came again after %s, want about %s", gap, wait)
		}
		last = next
	}
	client := b.redis.Client()
	for client.Exists(b.ctx, "asynq:{q:0}:t:dlv_1.1").Val() != 0 {
		if b.ctx.Err() != nil {
			t.Fatal("the task that is done with is still there")
		}
	}
}

func TestOtherErrorsComeAgainSoon(t *testing.T) {
	t.Parallel()
	if got := retryDelay(0, &Again{Wait: math.MinInt64}, nil); got != 0 {
		t.Errorf("retryDelay of a time long past = %s, want 0", got)
	}
	if got := retryDelay(7, asynq.ErrLeaseExpired, nil); got != time.Second {
		t.Errorf("retryDelay = %s, want 1s", got)
	}
	if isFailure(asynq.ErrLeaseExpired) || isFailure(&Again{}) || !isFailure(&Again{Failed: true}) {
		t.Error("a failure is what a handler calls one")
	}
	err := fmt.Errorf("x: %w", &Again{Wait: time.Second, Err: errStopped})
	if !errors.Is(err, errStopped) || !strings.Contains(err.Error(), "again in 1s") {
		t.Errorf("Again reads %q", err)
	}
}

func TestForeignTaskIsDropped(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	took := make(chan Ref, 1)
	b.run(t, func(_ context.Context, ref Ref) error {
		took <- ref
		return nil
	})
	if _, err := b.client.Enqueue(asynq.NewTask("other", []byte("\x00")), asynq.Queue("q:0"), asynq.TaskID("x")); err != nil {
		t.Fatal(err)
	}
	want := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	b.enqueue(t, want, time.Now())
	if got := receive(t, took); got != want {
		t.Errorf("the handler got %+v", got)
	}
}

// TestRunEndsItsHandlers: one that ignores the stop has its context canceled
// after the ShutdownTimeout, and Run waits for it.
func TestRunEndsItsHandlers(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	began, ended := make(chan struct{}), make(chan struct{})
	stop := b.run(t, func(ctx context.Context, _ Ref) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	b.enqueue(t, Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}, time.Now())
	receive(t, began)
	stop()
	select {
	case <-ended:
	default:
		t.Error("Run returned before its handler had")
	}
	if n := b.pending(); n != 1 {
		t.Errorf("%d wake-ups are ready, want the task back", n)
	}
}

func TestRedisDown(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	b.redis.Stop()
	if _, err := b.Enqueue(b.ctx, Ref{Endpoint: "ep_1", Delivery: "dlv_1"}, time.Now()); err == nil || !strings.HasPrefix(err.Error(), "delivery dlv_1: enqueue: ") {
		t.Errorf("Enqueue = %v", err)
	}
	if _, err := b.Lost(b.ctx, []Ref{{Endpoint: "ep_1", Delivery: "dlv_1"}}); err == nil || !strings.HasPrefix(err.Error(), "queue q:0: look for tasks: ") {
		t.Errorf("Lost = %v", err)
	}
	b.redis.Start()
}

func TestGateLetsNobodyInOnceClosed(t *testing.T) {
	t.Parallel()
	var g gate
	if !g.enter() {
		t.Fatal("an open gate lets nobody in")
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		g.closeAndWait()
	}()
	g.leave()
	receive(t, closed)
	if g.enter() {
		t.Error("a closed gate lets somebody in")
	}
}

func TestLoggerNeverExits(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	l := newLogger(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Debug("a")
	l.Info("b")
	l.Warn("c")
	l.Error("d")
	l.Fatal("e ", 1)
	for _, want := range []string{"DEBUG msg=\"Queue: a\"", "DEBUG msg=\"Queue: b\"", "WARN msg=\"Queue: c\"", "ERROR msg=\"Queue: d\"", "ERROR msg=\"Queue: e 1\""} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &buf)
		}
	}
}

// TestLoggerHoldsBackRepetition: while Redis is down asynq says so several times
// a second.
func TestLoggerHoldsBackRepetition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var buf bytes.Buffer
		l := newLogger(slog.New(slog.NewTextHandler(&buf, nil)))
		for i := range 1000 {
			l.Error("Failed to forward scheduled tasks: try ", i)
			l.Warn("another message")
		}
		<-time.After(logInterval)
		l.Error("Failed to forward scheduled tasks: again")
		lines := strings.Count(buf.String(), "\n")
		if lines != 3 || !strings.Contains(buf.String(), "again\" held_back=999") {
			t.Errorf("%d lines:\n%s", lines, &buf)
		}
		for i := range 1000 { // what is remembered is bounded
			l.Error(i, " bottles")
		}
		if len(l.seen) > logSeen {
			t.Errorf("%d messages are remembered", len(l.seen))
		}
	})
}
