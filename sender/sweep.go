package sender

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/outhook/outhook/store"
)

// sweeper gives overdue deliveries a task where Redis has none: because it was
// emptied, or down when they were sent, or because a process died between the
// Store's write and the enqueue.
//
// Overdue deliveries are normal while a backlog is worked off, and they have
// their tasks. So each is looked at once: as long as the queues are long, a
// sweep goes on behind where the last one stopped, and looks at one more page
// on its way round all that is overdue, for what was lost since. Only when they
// are short, and what is overdue must therefore be in flight or lost, does it
// begin again from the longest overdue. Its cost grows with what is lost, not
// with what is queued. After Redis was emptied the queues are short, or the way
// round finds what is missing.
type sweeper struct {
	*engine
	cursor string // behind what was looked at once
	round  string // on the way round
}

const (
	sweepPage    = 500
	sweepTimeout = 30 * time.Second // of listing a page
	// shortBacklog is the length of the queues, all together, up to which a
	// sweep begins from the start.
	shortBacklog = 1000
	// strandedAfter is how long overdue a delivery must be for its task to be
	// looked for: longer than any wait for a dead worker's lease and an attempt.
	strandedAfter = 4 * time.Minute
)

func newSweeper(e *engine) *sweeper { return &sweeper{engine: e} }

// run sweeps at every interval until ctx is done.
func (s *sweeper) run(ctx context.Context) {
	for {
		// Spread, so that several processes do not sweep at the same moment.
		interval := s.cfg.SweepInterval
		timer := time.NewTimer(interval - interval/4 + rand.N(interval/4))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
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

// sweep looks through what is overdue and was not looked at. It returns how
// many deliveries it gave a task.
func (s *sweeper) sweep(ctx context.Context) (added int, err error) {
	backlog, err := s.queue.Backlog(ctx)
	if err != nil {
		return 0, err
	}
	before := now().Add(-s.cfg.SweepInterval)
	if backlog <= shortBacklog {
		s.cursor = ""
	} else if added, err = s.goRound(ctx, before); err != nil {
		return added, err
	}
	for {
		n, next, err := s.page(ctx, before, s.cursor)
		added += n
		if err != nil {
			return added, err
		}
		if next == "" {
			// The last page may grow: the next sweep reads it again.
			return added, nil
		}
		s.cursor = next
	}
}

// goRound looks at one page on the way round, and at more as long as it finds
// what was lost.
func (s *sweeper) goRound(ctx context.Context, before time.Time) (added int, err error) {
	for {
		n, next, err := s.page(ctx, before, s.round)
		added += n
		if err != nil {
			return added, err
		}
		s.round = next
		if n == 0 || next == "" {
			return added, nil
		}
	}
}

// page gives the deliveries of one page a task where they have none, and
// returns the cursor of the next.
func (s *sweeper) page(ctx context.Context, before time.Time, cursor string) (added int, next string, err error) {
	listCtx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	page, err := s.cfg.Store.ListDue(listCtx, store.DueFilter{Before: before, Limit: sweepPage, Cursor: cursor})
	if err != nil {
		return 0, "", err
	}
	result := s.enqueueAll(ctx, page.Items)
	if result.err != nil {
		return result.added, "", result.err
	}
	stranded, err := s.removeStranded(ctx, result.present)
	if err != nil {
		return result.added, "", err
	}
	again := s.enqueueAll(ctx, stranded)
	return result.added + again.added, page.Next, again.err
}

// removeStranded removes the tasks of those deliveries whose task, though its
// id is taken, will never run: asynq can lose sight of one.
func (s *sweeper) removeStranded(ctx context.Context, deliveries []store.Delivery) ([]store.Delivery, error) {
	before := now().Add(-strandedAfter)
	var stranded []store.Delivery
	for _, d := range deliveries {
		if d.NextAttemptAt.After(before) {
			continue
		}
		removed, err := s.queue.RemoveStranded(ctx, ref(d), d.EndpointID)
		if err != nil {
			return nil, err
		}
		if removed {
			stranded = append(stranded, d)
		}
	}
	return stranded, nil
}
