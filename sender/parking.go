package sender

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/store"
)

const (
	// claimHold is how long a claim lasts that is not renewed, and claimMargin how
	// much earlier its owner stops to rely on it.
	claimHold   = 6 * time.Second
	claimMargin = time.Second
	// lanesTick is how often claims are renewed, and endpoints looked at that are
	// left alone: what changed in one is seen within a second.
	lanesTick = 800 * time.Millisecond
	// findPage and findPages bound how much is looked through at once for what is
	// parked: among it is what other processes have in hand.
	findPage  = 250
	findPages = 8
	// findAge is how long a delivery must be due to be started without a task: who
	// stored it, or parked it, may be about to enqueue it, or to end its task.
	findAge = time.Second
	// claimsAtOnce bounds how many claims are renewed in one call.
	claimsAtOnce = 500
	// leaveTimeout bounds how long a stop waits for Redis.
	leaveTimeout = 2 * time.Second
)

// pump starts what is parked in the lane, as far as there is room. It never
// waits. The lock is held.
func (ls *lanes) pump(l *lane) {
	for !ls.closed && l.parked && !l.queued {
		now := time.Now()
		if now.Before(l.denied) {
			return // the tick asks once more
		}
		if !l.mine(now) {
			ls.find(l) // it claims the endpoint, before a sweeper takes what waits for lost
			return
		}
		if !l.open(now) {
			ls.wakeLater(l, now)
			return
		}
		if l.stale || len(l.places) == 0 && l.more {
			ls.find(l)
		}
		if len(l.places) == 0 {
			return // who finds something, or the tick, goes on
		}
		from := ls.fast
		if l.sick {
			from = ls.probe
		}
		if _, taken := from.take(func() { ls.granted(l, from) }); !taken {
			l.queued = true
			return
		}
		ls.begin(l, from)
	}
}

// granted is called with a slot for the lane, which may have no use for it now.
func (ls *lanes) granted(l *lane, from *slots) {
	ls.mu.Lock()
	l.queued = false
	now := time.Now()
	fits := !l.sick || from == ls.probe
	use := !ls.closed && fits && l.open(now) && len(l.places) > 0 && l.mine(now)
	if use {
		ls.begin(l, from)
	}
	ls.pump(l)
	ls.mu.Unlock()
	if !use {
		from.leave()
	}
}

// begin starts the first of what is parked. The lock is held.
func (ls *lanes) begin(l *lane, from *slots) {
	ref := l.pop()
	p := ls.admit(l)
	p.slots, p.parked = from, true
	l.started++
	ls.going.Go(func() {
		defer ls.finished(l)
		// Code of the host runs in there, and nobody else recovers here.
		ls.guard("Worker", func() { ls.start(ref, p) })
	})
}

// finished takes note that what was started has ended, or has a wake-up again:
// until then only the claim keeps other processes from it.
func (ls *lanes) finished(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.started--
	ls.pump(l)
}

// wakeLater has the lane looked at again when its pause or its turn is over. The
// lock is held.
func (ls *lanes) wakeLater(l *lane, now time.Time) {
	wait := l.notBefore().Sub(now)
	if wait <= 0 {
		return // what is under way looks at it when it ends
	}
	if l.wake == nil {
		l.wake = time.AfterFunc(wait, func() {
			ls.mu.Lock()
			defer ls.mu.Unlock()
			ls.pump(l)
		})
		return
	}
	l.wake.Reset(wait)
}

// find looks into the Store for what is parked. The lock is held.
func (ls *lanes) find(l *lane) {
	if l.finding {
		return
	}
	l.finding = true
	if !l.claimed.IsZero() && !l.mine(time.Now()) { // somebody else may have had the claim
		l.places, l.more = nil, true
	}
	ls.going.Go(func() {
		var (
			f   found
			err error
		)
		ls.guard("Lanes", func() { f, err = ls.look(l) })
		ls.mu.Lock()
		defer ls.mu.Unlock()
		l.finding = false
		if err == nil {
			ls.add(l, f)
		} else if ls.ctx.Err() == nil {
			// The tick tries again.
			ls.log.Warn("Lanes: Could not look for parked deliveries", "endpoint", l.endpoint.ID, "error", err)
		}
	})
}

// found is what was found in the Store.
type found struct {
	claimed time.Time // until when; zero if another process has the claim
	looked  bool
	later   bool // some are not to be started yet
	refs    []queue.Ref
	more    bool
}

// look claims the endpoint, and lists what is due for it and nobody has in hand:
// there is no wake-up for it.
func (ls *lanes) look(l *lane) (f found, err error) {
	ls.finds <- struct{}{}
	defer func() { <-ls.finds }()
	ctx, cancel := context.WithTimeout(ls.ctx, storeTimeout)
	defer cancel()
	now := time.Now()
	held, err := ls.queue.Claim(ctx, ls.owner, []queue.Endpoint{l.endpoint}, claimHold)
	if err != nil || len(held) == 0 {
		return found{}, err
	}
	f.claimed = now.Add(claimHold - claimMargin)
	ls.mu.Lock()
	enough := len(l.places) > 0 && !l.stale
	ls.mu.Unlock()
	if enough {
		return f, nil
	}
	f.looked = true
	filter := store.DueFilter{
		// A wake-up comes early, and may have been parked before its time.
		Before: now.Add(queue.MaxEarly),
		Tenant: l.endpoint.Tenant, EndpointID: l.endpoint.ID, Limit: findPage,
	}
	for range findPages {
		page, err := ls.cfg.Store.ListDue(ctx, filter)
		if err != nil {
			return found{}, err
		}
		free, err := ls.free(ctx, page.Items)
		if err != nil {
			return found{}, err
		}
		for _, d := range free {
			if d.NextAttemptAt.After(now.Add(-findAge)) {
				f.later = true
				break // those behind are due later still
			}
			f.refs = append(f.refs, ref(d))
		}
		f.more = page.Next != ""
		if len(f.refs) > 0 || f.later || !f.more {
			break
		}
		filter.Cursor = page.Next
	}
	return f, nil
}

// free returns those deliveries that have no task, and that nobody here has in
// hand, in their order.
func (ls *lanes) free(ctx context.Context, due []store.Delivery) ([]store.Delivery, error) {
	due = slices.DeleteFunc(due, func(d store.Delivery) bool { return ls.isHeld(d.ID) })
	refs := make([]queue.Ref, len(due))
	for i, d := range due {
		refs[i] = ref(d)
	}
	indexes, err := ls.queue.Lost(ctx, refs)
	if err != nil {
		return nil, err
	}
	free := make([]store.Delivery, len(indexes))
	for i, at := range indexes { // of one endpoint, so of one queue: in order
		free[i] = due[at]
	}
	return free, nil
}

// add takes in what was found, and starts it. The lock is held.
func (ls *lanes) add(l *lane, f found) {
	if f.claimed.IsZero() {
		l.deny()
		return
	}
	l.claimed, l.denied = f.claimed, time.Time{}
	if f.looked {
		// What this process parked a moment ago comes after them.
		l.places = slices.Concat(f.refs, slices.DeleteFunc(l.places, func(ref queue.Ref) bool {
			return slices.Contains(f.refs, ref)
		}))
		l.more, l.stale = f.more && len(f.refs) > 0, false
		l.trim()
		l.parked = len(l.places) > 0 || l.more || f.later || l.started > 0 || time.Since(l.unseen) < 2*findAge
	}
	ls.pump(l)
}

// run renews claims, and takes in what others changed, until ctx is done.
func (ls *lanes) run(ctx context.Context) {
	defer ls.close()
	for rest(ctx, lanesTick) {
		ls.guard("Lanes", func() { ls.tick(ctx) })
	}
}

func (ls *lanes) tick(ctx context.Context) {
	parked, blocked, done := ls.survey()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := ls.queue.Unclaim(ctx, ls.owner, done)
	ls.unclaimed(done)
	if err != nil {
		return // Redis is away: what is under way goes on, nothing more is started
	}
	for some := range slices.Chunk(parked, claimsAtOnce) {
		now := time.Now()
		held, err := ls.queue.Claim(ctx, ls.owner, some, claimHold)
		if err != nil {
			return
		}
		ls.renew(some, held, now.Add(claimHold-claimMargin))
	}
	ls.refreshLater(blocked)
}

// survey returns the endpoints for which something is parked, those of them that
// are left alone, and those for which nothing is parked any more. It forgets the
// lanes of which there is nothing to know.
func (ls *lanes) survey() (parked, blocked, done []queue.Endpoint) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	now := time.Now()
	for e, l := range ls.all {
		if !l.parked && !l.finding && !l.claimed.IsZero() {
			l.claimed, l.finding = time.Time{}, true // nobody claims it meanwhile
			done = append(done, e)
		}
		switch {
		case l.parked:
			parked = append(parked, e)
			if l.mine(now) && !l.open(now) {
				blocked = append(blocked, e)
			}
		case l.forgettable(now):
			if l.wake != nil {
				l.wake.Stop()
			}
			delete(ls.all, e)
		}
	}
	return parked, blocked, done
}

// unclaimed takes note that claims have ended.
func (ls *lanes) unclaimed(done []queue.Endpoint) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, e := range done {
		l := ls.all[e]
		l.finding = false
		ls.pump(l)
	}
}

// renew takes note of which claims this process has.
func (ls *lanes) renew(asked, held []queue.Endpoint, until time.Time) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	has := map[queue.Endpoint]bool{}
	for _, e := range held {
		has[e] = true
	}
	for _, e := range asked {
		l := ls.all[e]
		if !has[e] {
			l.deny()
			continue
		}
		if !l.claimed.IsZero() && !l.mine(time.Now()) {
			l.places = nil // somebody else may have had the claim meanwhile
		}
		l.claimed, l.denied = until, time.Time{}
		// Other processes park, too, and what they parked may go first.
		l.stale = true
		ls.pump(l)
	}
}

// refreshLater has the endpoints refreshed, unless the last are not yet: there may
// be many of them, and claims must not wait for a slow Store.
func (ls *lanes) refreshLater(blocked []queue.Endpoint) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed || ls.refreshing || len(blocked) == 0 {
		return
	}
	ls.refreshing = true
	ls.going.Go(func() {
		ctx, cancel := context.WithTimeout(ls.ctx, storeTimeout)
		defer cancel()
		ls.guard("Lanes", func() { ls.refresh(ctx, blocked) })
		ls.mu.Lock()
		defer ls.mu.Unlock()
		ls.refreshing = false
	})
}

// refresh reads the endpoints that are left alone: if they have become others,
// or somebody ended their pause, they are so no more.
func (ls *lanes) refresh(ctx context.Context, blocked []queue.Endpoint) {
	for _, at := range blocked {
		e, err := ls.cfg.Store.GetEndpoint(ctx, at.Tenant, at.ID)
		gone := errors.Is(err, store.ErrNotFound)
		if err != nil && !gone {
			return
		}
		ls.mu.Lock()
		l := ls.of(at)
		if gone {
			l.renew(ls.most)
		} else {
			l.see(e, ls.most)
		}
		ls.pump(l)
		ls.mu.Unlock()
	}
}

// close starts nothing more.
func (ls *lanes) close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed = true
	for _, l := range ls.all {
		if l.wake != nil {
			l.wake.Stop()
		}
	}
}

// leave leaves what is parked to other processes, and waits for what was started:
// so long its claims are renewed, or others would start it, too.
func (ls *lanes) leave() {
	over := make(chan struct{})
	go func() {
		defer close(over)
		ls.going.Wait()
	}()
	tick := time.NewTicker(lanesTick)
	defer tick.Stop()
	for {
		ls.guard("Lanes", ls.handOver)
		select {
		case <-over:
			ls.guard("Lanes", ls.handOver)
			return
		case <-tick.C:
		}
	}
}

// handOver gives the claims back under which nothing is under way, and renews
// the others.
func (ls *lanes) handOver() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	var done, busy []queue.Endpoint
	ls.mu.Lock()
	for e, l := range ls.all {
		switch {
		case l.claimed.IsZero():
		case l.started > 0 || l.finding:
			busy = append(busy, e)
		default:
			l.claimed = time.Time{}
			done = append(done, e)
		}
	}
	ls.mu.Unlock()
	for some := range slices.Chunk(busy, claimsAtOnce) {
		if _, err := ls.queue.Claim(ctx, ls.owner, some, claimHold); err != nil {
			return // Redis is away
		}
	}
	// If this fails the claims end by themselves.
	if err := ls.queue.Unclaim(ctx, ls.owner, done); err != nil {
		ls.log.Warn("Lanes: Could not leave what is parked to other processes at once", "error", err)
	}
}
