package sqlstore

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxBatchRows and maxBatchBytes bound what is sent at once. What is read
	// at once is bounded by rows alone: its size is not known before.
	maxBatchRows  = 256
	maxBatchBytes = 2 << 20
	// maxBatchRow is the largest call that shares a batch: what is larger
	// gains nothing, and would make the others wait.
	maxBatchRow = 64 << 10
	// stalls is when a batch no longer keeps the next from starting. A row of it
	// may be locked by somebody else's long transaction, or the disk may be
	// slow: a database with several writers flushes for all of them at once.
	stalls = 5 * time.Millisecond
	// stallsAlone is that of a database with one writer, where the next would
	// only wait in another place.
	stallsAlone = 100 * time.Millisecond
	// maxBatches bounds those under way, when they stall.
	maxBatches = 8
	// maxTimeouts bounds how often the database's own timeout ends parts of one
	// batch. To find the one row that is locked among 256 takes nine. If more
	// than that is locked, to try each half would take hours.
	maxTimeouts = 10
)

// identity is what a call is about, within its table.
type identity struct{ tenant, id string }

// batcher makes calls together that come while another is under way: one
// statement, or one transaction, costs a database little more for a hundred
// rows than for one. Nobody waits for company: a call that finds nothing under
// way is made at once, alone.
//
// It has no goroutine while nothing is under way, and so needs no end.
type batcher[T any] struct {
	// alone makes one call.
	alone func(ctx context.Context, c *T) error
	// together makes several, of which no two have the same identity. It
	// returns the result of each, none of them if all succeeded; or an error,
	// and then none was made.
	together func(ctx context.Context, calls []*T) ([]error, error)
	// stalls is how long what is under way keeps others from starting.
	stalls time.Duration

	mu      sync.Mutex
	waiting []*waiter[T]
	running int // batches, and calls that are made alone
	stalled int // those of them that keep nobody from starting
}

// waiter is a call that is made by a batch's goroutine. Its caller may have
// left before that.
type waiter[T any] struct {
	call *T
	id   identity
	size int
	ctx  context.Context

	batch *batch // nil while it waits for one
	err   error
	done  chan struct{}
}

// batch is what is known of several calls under way.
type batch struct {
	cancel  context.CancelFunc
	callers int // that have not left
}

// do makes the call, and returns when it has been made or ctx is done. Before
// the call waits for others prepare makes it independent of the caller's
// memory, and returns its size; with a negative size it is made alone.
func (b *batcher[T]) do(ctx context.Context, id identity, c *T, prepare func() int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.begin(nil) {
		defer b.watch()()
		return b.alone(ctx, c)
	}
	size := prepare()
	if size < 0 || size > maxBatchRow {
		return b.alone(ctx, c)
	}
	w := &waiter[T]{call: c, id: id, size: size, ctx: ctx, done: make(chan struct{})}
	if b.begin(w) {
		defer b.watch()()
		return b.alone(ctx, c)
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		b.leave(w)
		return ctx.Err()
	}
}

// begin reports whether a call may be made now. If not, w waits.
func (b *batcher[T]) begin(w *waiter[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == b.stalled && b.running < maxBatches {
		b.running++
		return true
	}
	if w != nil {
		b.waiting = append(b.waiting, w)
	}
	return false
}

// leave is called by a caller who waits no longer. A batch is canceled when the
// last of its callers leaves.
func (b *batcher[T]) leave(w *waiter[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.batch == nil {
		b.waiting = slices.DeleteFunc(b.waiting, func(other *waiter[T]) bool { return other == w })
		return
	}
	w.batch.callers--
	if w.batch.callers == 0 {
		w.batch.cancel()
	}
}

// watch lets others start if what is under way takes long. It returns what is
// to be called when that has ended.
func (b *batcher[T]) watch() (end func()) {
	stop := b.watchStall()
	return func() {
		stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.waiting) == 0 || b.running-b.stalled > 1 {
			b.running--
			return
		}
		go b.work()
	}
}

// watchStall counts what is under way as stalled once it has taken long.
func (b *batcher[T]) watchStall() (stop func()) {
	ended, stalled := false, false
	timer := time.AfterFunc(b.stalls, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if ended {
			return
		}
		stalled = true
		b.stalled++
		if len(b.waiting) > 0 && b.running < maxBatches {
			b.running++
			go b.work()
		}
	})
	return func() {
		timer.Stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		ended = true
		if stalled {
			b.stalled--
		}
	}
}

// work makes batches of those who wait, until nobody does.
func (b *batcher[T]) work() {
	for {
		runtime.Gosched()
		ctx, calls := b.take()
		if len(calls) == 0 {
			return
		}
		stop := b.watchStall()
		b.make(ctx, calls, new(timeouts))
		calls[0].batch.cancel() // it has ended
		for _, w := range calls {
			close(w.done)
		}
		stop()
	}
}

// take chooses the next batch. If it is empty the worker is no longer counted.
func (b *batcher[T]) take() (context.Context, []*waiter[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 || b.running-b.stalled > 1 {
		b.running--
		return nil, nil
	}
	var calls, rest []*waiter[T]
	size := 0
	taken := make(map[identity]bool, len(b.waiting))
	for i, w := range b.waiting {
		if len(calls) == maxBatchRows || len(calls) > 0 && size+w.size > maxBatchBytes {
			rest = append(rest, b.waiting[i:]...)
			break
		}
		if taken[w.id] {
			rest = append(rest, w)
			continue
		}
		taken[w.id] = true
		calls = append(calls, w)
		size += w.size
	}
	b.waiting = rest
	// Who takes rows in one order gets into no deadlock.
	slices.SortFunc(calls, func(x, y *waiter[T]) int {
		return cmp.Or(strings.Compare(x.id.tenant, y.id.tenant), strings.Compare(x.id.id, y.id.id))
	})
	// What the drivers find in a context, such as a trace, is the first one's.
	ctx, cancel := context.WithCancel(context.WithoutCancel(calls[0].ctx))
	under := &batch{cancel: cancel, callers: len(calls)}
	for _, w := range calls {
		w.batch = under
	}
	return ctx, calls
}

// timeouts are those of one batch.
type timeouts struct {
	number int
	last   error
}

func (t *timeouts) note(err error) {
	if faultOf(err) == timedOut {
		t.number++
		t.last = err
	}
}

// make makes calls together. If that fails for a reason that may lie in one of
// them it tries each half, so that only that one fails.
func (b *batcher[T]) make(ctx context.Context, calls []*waiter[T], t *timeouts) {
	if t.number >= maxTimeouts {
		for _, w := range calls {
			w.err = t.last
		}
		return
	}
	if len(calls) == 1 {
		calls[0].err = b.alone(ctx, calls[0].call)
		t.note(calls[0].err)
		return
	}
	list := make([]*T, len(calls))
	for i, w := range calls {
		list[i] = w.call
	}
	errs, err := b.together(ctx, list)
	t.note(err)
	if kind := faultOf(err); err != nil && ctx.Err() == nil && (kind == noFault || kind == timedOut) {
		half := len(calls) / 2
		b.make(ctx, calls[:half], t)
		b.make(ctx, calls[half:], t)
		return
	}
	for i, w := range calls {
		switch {
		case err != nil:
			w.err = err
		case errs != nil:
			w.err = errs[i]
		}
	}
}
