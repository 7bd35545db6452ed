package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
)

// reporter is the part of *testing.T that a case needs. The suite's own tests
// run it against stores that are broken on purpose, and record what it says.
type reporter interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Skip(args ...any)
}

// probe is what a case holds: the Store under test, and a way to fail.
type probe struct {
	ctx   context.Context
	store store.Store
	rule  string

	mu    sync.Mutex
	out   reporter
	muted bool
	skip  string
}

// exec runs the case in a goroutine of its own, so that a Store that hangs
// fails by the name of the case instead of ending the whole test binary.
func (c testCase) exec(out reporter, s store.Store, patience time.Duration) {
	out.Helper()
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	p := &probe{ctx: ctx, store: s, rule: c.rule, out: out}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.reportPanic()
		c.run(p)
	}()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		p.Errorf("the case still runs after %s; is the Store deadlocked?\n%s", patience, stacks())
		p.mute()
		return
	}
	if p.skip != "" {
		out.Skip(p.skip)
	}
}

func (p *probe) reportPanic() {
	if v := recover(); v != nil {
		p.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

// mute drops what the case says from now on: its test has ended.
func (p *probe) mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
}

func stacks() string {
	buf := make([]byte, 1<<16)
	return string(buf[:runtime.Stack(buf, true)])
}

// Errorf reports a failure together with the rule that was broken.
func (p *probe) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.muted {
		return
	}
	p.out.Helper()
	p.out.Errorf("%s\nrule: %s", fmt.Sprintf(format, args...), p.rule)
}

// Fatalf reports a failure and ends the case. Only the case's own goroutine
// may call it.
func (p *probe) Fatalf(format string, args ...any) {
	p.out.Helper()
	p.Errorf(format, args...)
	runtime.Goexit()
}

// skipf ends the case: the Store does not claim the ability it is about.
func (p *probe) skipf(format string, args ...any) {
	p.skip = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// must ends the case if a call failed that had no reason to.
func (p *probe) must(call string, err error) {
	p.out.Helper()
	if err != nil {
		p.Fatalf("%s: unexpected error: %v", call, err)
	}
}

// wants checks that a call failed with an error that wraps target.
func (p *probe) wants(call string, err, target error) {
	p.out.Helper()
	if !errors.Is(err, target) {
		p.Errorf("%s: got error %v, want one that wraps %q", call, err, target)
	}
}

// same compares two values field by field; see diff.
func same[T any](p *probe, call string, got, want T) {
	p.out.Helper()
	if differences := diff(got, want); len(differences) > 0 {
		p.Errorf("%s:\n\t%s", call, strings.Join(differences, "\n\t"))
	}
}
