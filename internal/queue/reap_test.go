package queue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/internal/testenv"
)

// take takes a wake-up as asynq does for a process that then dies: no beat
// follows. It ends beat ago.
func (b *bench) take(t *testing.T, ref Ref, ago time.Duration) {
	t.Helper()
	client, id := b.redis.Client(), taskID(ref)
	if err := client.LRem(b.ctx, b.key(0, "pending"), 1, id).Err(); err != nil {
		t.Fatal(err)
	}
	client.LPush(b.ctx, b.key(0, "active"), id)
	client.HSet(b.ctx, b.key(0, "t:"+id), "state", "active")
	b.beat(id, time.Now().Add(-ago))
}

func (b *bench) beat(id string, at time.Time) {
	b.redis.Client().ZAdd(b.ctx, b.key(0, "lease"), redis.Z{Score: float64(at.Add(asynqLease).Unix()), Member: id})
}

// TestReap: what is given back, and when, by readings at made-up times.
func TestReap(t *testing.T) {
	t.Parallel()
	ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	id := taskID(ref)
	tests := map[string]struct {
		readings []time.Duration // from the first
		fault    func(b *bench, reading int)
		given    int // reading by which the wake-up was given back; 0 if never
	}{
		"a dead owner":         {seconds(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), nil, 8},
		"not yet long enough":  {seconds(0, 1, 2, 3, 4, 5, 6, 7), nil, 0},
		"a gap in the watch":   {seconds(0, 1, 2, 3, 7, 8, 9, 10, 11, 12), nil, 0},
		"and after a full one": {seconds(0, 4, 5, 6, 7, 8, 9, 10, 11, 12), nil, 9},
		"an owner that beats, though its clock is slow": {seconds(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), func(b *bench, reading int) {
			if reading%5 == 0 {
				b.beat(id, time.Now().Add(-2*time.Minute+time.Duration(reading)*time.Second))
			}
		}, 0},
		"done meanwhile": {seconds(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), func(b *bench, reading int) {
			if reading == 7 {
				b.redis.Client().ZRem(b.ctx, b.key(0, "lease"), id)
			}
		}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 1)
			b.enqueue(t, ref, time.Now())
			b.take(t, ref, 5*time.Second)
			r := &reaper{Queue: b.Queue}
			begin, given := time.Now(), 0
			for i, at := range test.readings {
				if test.fault != nil {
					test.fault(b, i)
				}
				n, err := r.reap(b.ctx, begin.Add(at))
				if err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					given = i
				}
			}
			if given != test.given {
				t.Errorf("given back by reading %d, want %d", given, test.given)
			}
			if n := b.pending(); (n == 1) != (test.given > 0) {
				t.Errorf("%d wake-ups are ready", n)
			}
		})
	}
}

func seconds(at ...int) []time.Duration {
	var all []time.Duration
	for _, s := range at {
		all = append(all, time.Duration(s)*time.Second)
	}
	return all
}

// TestReapers: several processes reap the wake-ups of one that died, one of which
// lost its task, while another process lives. Each comes once, in order.
func TestReapers(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	for i := range 20 {
		ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: fmt.Sprintf("dlv_%d", i), Round: 1}
		b.enqueue(t, ref, time.Now())
		b.take(t, ref, 10*time.Second)
	}
	b.redis.Client().Del(b.ctx, b.key(0, "t:dlv_7.1"))
	given := 0
	reapers := []*reaper{{Queue: b.Queue}, {Queue: b.Queue}, {Queue: b.Queue}}
	begin := time.Now()
	for i := range 10 {
		b.beat("dlv_3.1", begin.Add(time.Duration(i/5)*5*time.Second))
		for _, r := range reapers {
			n, err := r.reap(b.ctx, begin.Add(time.Duration(i)*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			given += n
		}
	}
	client := b.redis.Client()
	pending := client.LRange(b.ctx, b.key(0, "pending"), 0, -1).Val()
	slices.Sort(pending)
	if given != 18 || len(pending) != 18 || len(slices.Compact(pending)) != 18 {
		t.Errorf("%d given back, %d in the queue, want 18: %v", given, len(pending), pending)
	}
	if active := client.LRange(b.ctx, b.key(0, "active"), 0, -1).Val(); !slices.Equal(active, []string{"dlv_3.1"}) {
		t.Errorf("active are %v, want the one that beats", active)
	}
	if state := client.HGet(b.ctx, b.key(0, "t:dlv_0.1"), "state").Val(); state != "pending" {
		t.Errorf("the state of one that was given back is %q", state)
	}
}

// TestReapWithoutRedis: what was watched before is worth nothing after.
func TestReapWithoutRedis(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	b.enqueue(t, ref, time.Now())
	b.take(t, ref, 10*time.Second)
	r := &reaper{Queue: b.Queue}
	begin := time.Now()
	if _, err := r.reap(b.ctx, begin); err != nil || len(r.watched) != 1 {
		t.Fatalf("reap: %v, watches %v", err, r.watched)
	}
	b.redis.Stop()
	if _, err := r.reap(b.ctx, begin.Add(time.Second)); err == nil || r.watched != nil {
		t.Errorf("without Redis: %v, watches %v", err, r.watched)
	}
	b.redis.Start()
}

// TestRunGivesBackWhatADeadWorkerHad in real time: within 15 s it is with another,
// and a handler that takes as long keeps what it has.
func TestRunGivesBackWhatADeadWorkerHad(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	b.opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	slow, orphan := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_slow", Round: 1}, Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	type call struct {
		ref Ref
		at  time.Time
	}
	calls, resume := make(chan call, 10), make(chan struct{})
	stop := b.run(t, func(ctx context.Context, ref Ref) error {
		calls <- call{ref, time.Now()}
		if ref == slow {
			<-resume
		}
		return nil
	})
	b.enqueue(t, slow, time.Now())
	if got := receive(t, calls); got.ref != slow {
		t.Fatalf("the handler got %v", got.ref)
	}
	b.enqueue(t, orphan, time.Now().Add(time.Hour)) // where no handler looks
	b.redis.Client().ZRem(b.ctx, b.key(0, "scheduled"), taskID(orphan))
	died := time.Now()
	b.take(t, orphan, 0)
	got := receive(t, calls)
	if wait := got.at.Sub(died); got.ref != orphan || wait > 15*time.Second || wait < deadAfter {
		t.Errorf("%v came after %s, want the dead worker's within 15s", got.ref, wait)
	}
	close(resume)
	stop()
	if len(calls) != 0 {
		t.Errorf("%v came twice", (<-calls).ref)
	}
}

// TestReapWhatHasNoTask: asynq takes a wake-up whose task was evicted, leaves the
// task's state behind, and knows of no owner. The id must become free.
func TestReapWhatHasNoTask(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	b.enqueue(t, ref, time.Now())
	client := b.redis.Client()
	client.Del(b.ctx, b.key(0, "t:"+taskID(ref)))
	stop := b.run(t, func(context.Context, Ref) error { return nil })
	for client.ZCard(b.ctx, b.key(0, "lease")).Val() == 0 {
		if b.ctx.Err() != nil {
			t.Fatal("asynq does not take it")
		}
	}
	stop()
	b.beat(taskID(ref), time.Now().Add(-10*time.Second))
	r, begin := &reaper{Queue: b.Queue}, time.Now()
	for _, at := range seconds(0, 1, 2, 3, 4, 5, 6, 7, 8) {
		if n, err := r.reap(b.ctx, begin.Add(at)); n != 0 || err != nil {
			t.Errorf("reap = %d, %v; there is nothing to give back", n, err)
		}
	}
	if lost, err := b.Lost(b.ctx, []Ref{ref}); err != nil || len(lost) != 1 {
		t.Errorf("Lost = %v, %v; want it lost", lost, err)
	}
	b.enqueue(t, ref, time.Now())
}

// TestReapWhereNobodyCanBeat: Redis answers, but takes no writes for a while, a
// beat among them.
func TestReapWhereNobodyCanBeat(t *testing.T) {
	t.Parallel()
	testenv.RealRedis(t) // skips without one: miniredis takes every write
	b := newBench(t, 1)
	ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	b.enqueue(t, ref, time.Now())
	b.take(t, ref, 5*time.Second)
	client := b.redis.Client()
	r, begin := &reaper{Queue: b.Queue}, time.Now()
	for _, fault := range []struct{ setting, on, off string }{
		{"maxmemory", "1", "0"},
		{"min-replicas-to-write", "1", "0"},
	} {
		client.ConfigSet(b.ctx, fault.setting, fault.on)
		for range 7 {
			begin = begin.Add(time.Second)
			if _, err := r.reap(b.ctx, begin); err == nil || len(r.watched) != 0 {
				t.Errorf("%s: reap = %v, watches %v; want an error and nothing", fault.setting, err, r.watched)
			}
		}
		client.ConfigSet(b.ctx, fault.setting, fault.off)
		for range 4 { // its owner beats within 5 s
			begin = begin.Add(time.Second)
			if n, err := r.reap(b.ctx, begin); n != 0 || err != nil {
				t.Errorf("%s is over: reap = %d, %v; too soon", fault.setting, n, err)
			}
		}
	}
}

// slowly answers each pipeline after a delay.
type slowly struct{ delay atomic.Int64 }

func (*slowly) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*slowly) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (s *slowly) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		<-time.After(time.Duration(s.delay.Load()))
		return next(ctx, cmds)
	}
}

// TestReapOfASlowRedis: a beat makes four round trips, and is late when a reading
// is slow.
func TestReapOfASlowRedis(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
	b.enqueue(t, ref, time.Now())
	b.take(t, ref, 5*time.Second)
	client, hook := b.redis.Client(), &slowly{}
	client.AddHook(hook)
	b.opts.Redis = client
	r, begin := &reaper{Queue: b.Queue}, time.Now()
	for i, delay := range []time.Duration{0, 0, 600 * time.Millisecond, 0} {
		hook.delay.Store(int64(delay))
		if _, err := r.reap(b.ctx, begin.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	since := r.watched[owned{0, taskID(ref)}].since
	if got := since.Sub(begin); got != 2*time.Second {
		t.Errorf("the watch begins at %s, want it anew with the slow reading", got)
	}
}
