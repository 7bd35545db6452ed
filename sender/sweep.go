package sender

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/store"
)

// sweeper gives overdue deliveries a task where Redis has none: because it was
// emptied, or down when they were sent, or because a process died between the
// Store's write and the enqueue.
//
// It goes round all that is overdue, page by page. What becomes overdue meanwhile
// is left to the next round, or none would end while a backlog grows faster than
// it is looked through. Overdue deliveries are normal while a backlog is worked
// off, and they have their tasks: so a sweep looks at a few pages in which nothing
// is lost, and goes on behind them the next time. A page in which something was
// lost does not count. The cost grows with what is lost, not with what is queued,
// and after Redis was emptied one sweep restores everything.
type sweeper struct {
	*engine
	owner  string    // names it among those that claim endpoints
	cursor string    // behind what was looked at last
	before time.Time // what was overdue when the round began; the rest is for the next
}

const (
	sweepPage    = 500
	sweepTimeout = 30 * time.Second // of listing a page
	// sweepIdlePages is how many pages without a find end a sweep. What is parked
	// counts for a quarter: it can lie in front of everything else for days.
	sweepIdlePages = 4
	// sweepWait is how long another sweeper is waited for that is at the same page,
	// at least, and sweepWaits how often.
	sweepWait  = 20 * time.Millisecond
	sweepWaits = 50
)

func newSweeper(e *engine) *sweeper { return &sweeper{engine: e, owner: newID(sweeperID)} }

// run sweeps at every interval until ctx is done.
func (s *sweeper) run(ctx context.Context) {
	for {
		// Spread, so that several processes do not sweep at the same moment.
		interval := s.cfg.SweepInterval
		if !rest(ctx, interval-rand.N(interval/4)) {
			return
		}
		var (
			added int
			err   error
		)
		s.guard("Sweeper", func() { added, err = s.sweep(ctx) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("Sweeper: Could not finish; the next sweep goes on", "error", err)
		case added > 0:
			s.log.Info("Sweeper: Enqueued overdue deliveries that had no task", "deliveries", added)
		}
	}
}

// sweep looks through what is overdue, from where the last sweep stopped, and
// at most once round. It returns how many deliveries it gave a task.
func (s *sweeper) sweep(ctx context.Context) (added int, err error) {
	ends := 0  // of the list, that were reached
	waits := 0 // for another sweeper
	if s.cursor == "" {
		ends++
	}
	for idle := 0; idle < sweepIdlePages*sweepPage && ends < 2; {
		if s.cursor == "" {
			s.before = now().Add(-s.cfg.SweepInterval)
		}
		p, err := s.page(ctx)
		added += p.added
		if err != nil {
			return added, err
		}
		if p.added == 0 {
			idle += sweepPage - p.parked*3/4
		}
		if p.busy {
			// What the other leaves of the page is seen when it has ended.
			if waits++; waits > sweepWaits || !rest(ctx, sweepWait+rand.N(sweepWait)) {
				return added, nil // the next sweep goes on from here
			}
			continue
		}
		if p.next == "" {
			ends++
		}
		s.cursor = p.next
	}
	return added, nil
}

// page gives the deliveries of the page at the cursor a task where they have none.
func (s *sweeper) page(ctx context.Context) (p swept, err error) {
	listCtx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	page, err := s.cfg.Store.ListDue(listCtx, store.DueFilter{Before: s.before, Limit: sweepPage, Cursor: s.cursor})
	if err != nil {
		return swept{}, err
	}
	refs := make([]queue.Ref, len(page.Items))
	for i, d := range page.Items {
		refs[i] = ref(d)
	}
	indexes, err := s.queue.Lost(ctx, refs)
	if err != nil {
		return swept{}, err
	}
	claimed, busy, err := s.claim(ctx, refs, indexes)
	if err != nil {
		return swept{}, err
	}
	free := map[queue.Endpoint]bool{}
	for _, e := range claimed {
		free[e] = true
	}
	var lost []store.Delivery
	for _, i := range indexes {
		if free[refs[i].Of()] {
			lost = append(lost, page.Items[i])
		}
	}
	result := s.enqueueAll(ctx, lost)
	// At once: a lane that is full needs it for what it parks of them. If this fails
	// it ends by itself.
	_ = s.queue.Unclaim(ctx, s.owner, claimed)
	return swept{added: result.added, parked: len(indexes) - len(lost), busy: busy, next: page.Next}, result.err
}

// swept is what came of a page.
type swept struct {
	added  int  // that were lost
	parked int  // that a process starts when their endpoint takes more
	busy   bool // another sweeper is at it
	next   string
}

// claim claims the endpoints of the deliveries without a task, and returns those
// that no process has: none starts without a task what is given one here. It
// reports whether another sweeper has one of the others, or had a moment ago.
func (s *sweeper) claim(ctx context.Context, refs []queue.Ref, indexes []int) (claimed []queue.Endpoint, busy bool, err error) {
	of := map[queue.Endpoint]bool{}
	for _, i := range indexes {
		of[refs[i].Of()] = true
	}
	claimed, err = s.queue.Claim(ctx, s.owner, slices.Collect(maps.Keys(of)), claimHold)
	if err != nil || len(claimed) == len(of) {
		return claimed, false, err
	}
	for _, e := range claimed {
		delete(of, e)
	}
	owners := s.queue.Owners(ctx, slices.Collect(maps.Keys(of)))
	return claimed, len(owners) < len(of) || slices.ContainsFunc(owners, isSweeper), nil
}

// sweeperID begins the names of sweepers.
const sweeperID = "swp_"

func isSweeper(owner string) bool { return strings.HasPrefix(owner, sweeperID) }
