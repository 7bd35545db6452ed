package sender

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/outhook/outhook/store"
)

// sweeper gives overdue deliveries a task where Redis has none: because it was
// emptied, or down when they were sent, or because a process died between the
// Store's write and the enqueue.
//
// Overdue deliveries are normal while a backlog is worked off, and they have
// their tasks. So each is looked at once: as long as the queues are long, a
// sweep goes on behind where the last one stopped. Only when they are short,
// and what is overdue must therefore be in flight or lost, does it begin again
// from the longest overdue. Its cost grows with what is lost, not with what is
// queued. After Redis was emptied the queues are short.
type sweeper struct {
	*engine
	cursor string
}

const (
	sweepPage = 500
	// shortBacklog is the length of the queues, all together, up to which a
	// sweep begins from the start.
	shortBacklog = 1000
	// strandedAfter is when a delivery with a task is taken to be stranded all
	// the same: asynq can lose sight of a task without losing its id. It is
	// longer than any wait for a dead worker's lease (2 min at most) and an
	// attempt.
	strandedAfter = 5 * time.Minute
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

// sweep looks once through what is overdue and was not looked at. It returns
// how many deliveries it gave a task.
func (s *sweeper) sweep(ctx context.Context) (int, error) {
	backlog, err := s.queue.Backlog(ctx)
	if err != nil {
		return 0, err
	}
	short := backlog <= shortBacklog
	if short {
		s.cursor = ""
	}
	before := now().Add(-s.cfg.SweepInterval)
	for total := 0; ; {
		page, err := s.cfg.Store.ListDue(ctx, store.DueFilter{Before: before, Limit: sweepPage, Cursor: s.cursor})
		if err != nil {
			return total, err
		}
		added, _, err := s.enqueueAll(ctx, page.Items, noSalt)
		total += added
		if err == nil && short {
			added, err = s.unstrand(ctx, page.Items)
			total += added
		}
		if err != nil {
			return total, err
		}
		if page.Next == "" {
			// The last page may grow: the next sweep reads it again.
			return total, nil
		}
		s.cursor = page.Next
	}
}

// unstrand gives a second task to those overdue for so long that the first,
// though its id is taken, will not run; and one more after each further
// strandedAfter. The salt is the same for all processes.
func (s *sweeper) unstrand(ctx context.Context, page []store.Delivery) (int, error) {
	at := now()
	periods := func(d store.Delivery) int64 { return int64(at.Sub(d.NextAttemptAt) / strandedAfter) }
	var stranded []store.Delivery
	for _, d := range page {
		if periods(d) > 0 {
			stranded = append(stranded, d)
		}
	}
	added, _, err := s.enqueueAll(ctx, stranded, func(d store.Delivery) string {
		return strconv.FormatInt(periods(d), 10)
	})
	return added, err
}
