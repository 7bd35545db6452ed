package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeDatabase makes calls for a batcher, and keeps which were made together.
type fakeDatabase struct {
	batcher[string]

	mu      sync.Mutex
	made    []string      // a batch is joined by "+"
	hold    chan struct{} // calls that begin with "slow" wait for it
	ended   int           // slow calls whose context ended
	lostAll error         // the result of every batch
	// timedOut returns the error of what is made together, or of a call alone.
	timedOut func(name string) error
}

func newFakeDatabase() *fakeDatabase {
	f := &fakeDatabase{hold: make(chan struct{})}
	f.alone = func(ctx context.Context, c *string) error {
		errs, err := f.together(ctx, []*string{c})
		return errors.Join(append(errs, err)...)
	}
	f.together, f.stalls = f.makeAll, time.Second
	return f
}

var errBad = errors.New("a bad call")

func (f *fakeDatabase) makeAll(ctx context.Context, calls []*string) ([]error, error) {
	names := make([]string, len(calls))
	for i, c := range calls {
		names[i] = *c
	}
	name := strings.Join(names, "+")
	f.mu.Lock()
	f.made = append(f.made, name)
	f.mu.Unlock()
	if strings.Contains(name, "slow") {
		select {
		case <-f.hold:
		case <-ctx.Done():
			f.mu.Lock()
			f.ended++
			f.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	if f.timedOut != nil {
		if err := f.timedOut(name); err != nil {
			return nil, err
		}
	}
	switch {
	case f.lostAll != nil && len(calls) > 1:
		return nil, f.lostAll
	case strings.Contains(name, "bad"):
		return nil, errBad
	}
	errs := make([]error, len(calls))
	for i, n := range names {
		if strings.HasPrefix(n, "refused") {
			errs[i] = fmt.Errorf("%s is refused", n)
		}
	}
	return errs, nil
}

// call makes a call of a name, whose identity is its last word, and returns its
// result when there is one.
func (f *fakeDatabase) call(ctx context.Context, name string) chan error {
	result := make(chan error, 1)
	id := name[strings.LastIndex(name, " ")+1:]
	go func() {
		result <- f.do(ctx, identity{"acme", id}, &name, func() int { return len(name) })
	}()
	synctest.Wait()
	return result
}

func (f *fakeDatabase) want(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.made, want) {
		t.Errorf("made %q, want %q", f.made, want)
	}
	f.made = nil
}

func wantResult(t *testing.T, result chan error, want string) {
	t.Helper()
	got := ""
	if err := <-result; err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBatcherGathersWhileOneIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeDatabase()
		wantResult(t, f.call(t.Context(), "alone"), "")
		slow := f.call(t.Context(), "slow")
		a, b, c := f.call(t.Context(), "a"), f.call(t.Context(), "refused b"), f.call(t.Context(), "c")
		again := f.call(t.Context(), "again a") // what another call is about
		f.want(t, "alone", "slow")
		close(f.hold)
		for result, want := range map[chan error]string{slow: "", a: "", b: "refused b is refused", c: "", again: ""} {
			wantResult(t, result, want)
		}
		f.want(t, "a+refused b+c", "again a")
	})
}

func TestBatcherBoundsItsBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeDatabase()
		results := []chan error{f.call(t.Context(), "slow")}
		for i := range maxBatchRows + 10 {
			results = append(results, f.call(t.Context(), fmt.Sprint(i)))
		}
		close(f.hold)
		for _, r := range results {
			wantResult(t, r, "")
		}
		if n := strings.Count(f.made[1], "+") + 1; len(f.made) != 3 || n != maxBatchRows {
			t.Errorf("%d batches, the second of %d, want 3 with at most %d", len(f.made), n, maxBatchRows)
		}
		// What cannot be shared is made at once.
		for _, size := range []int{-1, maxBatchRow + 1} {
			f.hold = make(chan struct{})
			slow := f.call(t.Context(), "slow")
			name := "large"
			err := f.do(t.Context(), identity{}, &name, func() int { return size })
			if err != nil {
				t.Error(err)
			}
			close(f.hold)
			wantResult(t, slow, "")
		}
	})
}

// The size of a batch is bounded by bytes, too; one call is always taken.
func TestBatcherBoundsBytes(t *testing.T) {
	t.Parallel()
	b := &batcher[string]{running: 1}
	for i := range 2 * maxBatchBytes / maxBatchRow {
		id := identity{"acme", fmt.Sprint(i)}
		b.waiting = append(b.waiting, &waiter[string]{id: id, size: maxBatchRow, ctx: t.Context()})
	}
	_, calls := b.take()
	if n := len(calls); n != maxBatchBytes/maxBatchRow || len(b.waiting) != n {
		t.Errorf("took %d calls and left %d, want half", n, len(b.waiting))
	}
	calls[0].batch.cancel()
}

// One bad call fails alone, and a database that is gone is not asked again for
// each half.
func TestBatcherHalves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeDatabase()
		slow := f.call(t.Context(), "slow")
		results := map[chan error]string{}
		for _, name := range []string{"a", "b", "bad", "c", "d"} {
			want := ""
			if name == "bad" {
				want = errBad.Error()
			}
			results[f.call(t.Context(), name)] = want
		}
		close(f.hold)
		wantResult(t, slow, "")
		for result, want := range results {
			wantResult(t, result, want)
		}
		f.want(t, "slow", "a+b+bad+c+d", "a+b", "bad+c+d", "bad", "c+d")

		f.hold, f.lostAll = make(chan struct{}), &codedError{"08006"}
		slow = f.call(t.Context(), "slow")
		a, b := f.call(t.Context(), "a"), f.call(t.Context(), "b")
		close(f.hold)
		wantResult(t, slow, "")
		wantResult(t, a, f.lostAll.Error())
		wantResult(t, b, f.lostAll.Error())
		f.want(t, "slow", "a+b")
	})
}

// A timeout of the database's is looked for in one row, and not in all of them
// one after the other.
func TestBatcherBoundsTimeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for locked, want := range map[string]int{"one": 1, "all": maxBatchRows} {
			f := newFakeDatabase()
			timeout := &codedError{"57014"}
			f.timedOut = func(name string) error {
				if !strings.Contains(name, "slow") && (locked == "all" || slices.Contains(strings.Split(name, "+"), "77")) {
					return timeout
				}
				return nil
			}
			slow := f.call(t.Context(), "slow")
			var results []chan error
			for i := range maxBatchRows {
				results = append(results, f.call(t.Context(), fmt.Sprint(i)))
			}
			close(f.hold)
			wantResult(t, slow, "")
			failed := 0
			for _, r := range results {
				if err := <-r; errors.Is(err, timeout) {
					failed++
				} else if err != nil {
					t.Error(err)
				}
			}
			if failed != want {
				t.Errorf("with %s locked %d failed, want %d", locked, failed, want)
			}
			if n := len(f.made) - 1; locked == "all" && n != maxTimeouts {
				t.Errorf("with %s locked the database was asked %d times, want %d", locked, n, maxTimeouts)
			}
		}
	})
}

func TestBatcherLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeDatabase()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantResult(t, f.call(ctx, "late"), "context canceled")
		f.want(t)

		// Before its batch: it is not made.
		slow := f.call(t.Context(), "slow 1")
		ctx, cancel = context.WithCancel(t.Context())
		waiting, other := f.call(ctx, "waiting"), f.call(t.Context(), "other slow 2")
		cancel()
		wantResult(t, waiting, "context canceled")
		f.hold <- struct{}{}
		wantResult(t, slow, "")
		synctest.Wait()
		f.want(t, "slow 1", "other slow 2")

		// In its batch: the others go on, until the last one leaves.
		ctx, cancel = context.WithCancel(t.Context())
		ctx2, cancel2 := context.WithCancel(t.Context())
		a, b := f.call(ctx, "a slow 3"), f.call(ctx2, "b slow 4")
		f.hold <- struct{}{}
		wantResult(t, other, "")
		synctest.Wait()
		cancel()
		wantResult(t, a, "context canceled")
		synctest.Wait()
		if f.ended != 0 {
			t.Error("the batch ended with its first caller")
		}
		cancel2()
		wantResult(t, b, "context canceled")
		synctest.Wait()
		if f.ended != 1 {
			t.Error("the batch did not end with its last caller")
		}
		wantResult(t, f.call(t.Context(), "after"), "")
	})
}

// What takes long keeps nobody waiting: others start, in batches of their own,
// and a bounded number.
func TestBatcherStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeDatabase()
		var stuck []chan error
		for i := range maxBatches + 2 {
			stuck = append(stuck, f.call(t.Context(), fmt.Sprintf("slow %d", i)))
			<-time.After(2 * f.stalls)
			if i == 0 {
				wantResult(t, f.call(t.Context(), "quick"), "")
			}
		}
		f.mu.Lock()
		if n := len(f.made); n != maxBatches+1 {
			t.Errorf("%d were made, want %d and the quick one: %q", n, maxBatches, f.made)
		}
		f.mu.Unlock()
		close(f.hold)
		for _, r := range stuck {
			wantResult(t, r, "")
		}
		synctest.Wait()
		if f.running != 0 || f.stalled != 0 || len(f.waiting) != 0 {
			t.Errorf("in the end %d are under way, %d stalled, %d wait", f.running, f.stalled, len(f.waiting))
		}
	})
}

// codedError is an error as PostgreSQL's drivers have them.
type codedError struct{ code string }

func (e *codedError) Error() string    { return "SQLSTATE " + e.code }
func (e *codedError) SQLState() string { return e.code }
