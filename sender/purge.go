package sender

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/outhook/outhook/store"
)

const (
	// purgeInterval is how often what is too old is looked for.
	purgeInterval = 10 * time.Minute
	// purgeBatch is how many events are removed at once, so that no statement
	// holds locks for long.
	purgeBatch = 500
	// purgeTimeout bounds one batch.
	purgeTimeout = time.Minute
	// purgeRest is how much longer than a batch took is waited before the next:
	// deliveries come first.
	purgeRest = 3
)

// purger removes what Config.Retention and Config.BodyRetention no longer keep.
type purger struct{ *engine }

// run purges at once, and at every interval until ctx is done.
func (p purger) run(ctx context.Context) {
	if p.cfg.Retention == 0 && p.cfg.BodyRetention == 0 {
		return
	}
	for {
		var handled int
		var err error
		p.guard("Purger", func() { handled, err = p.purge(ctx) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("Purger: Could not remove old events; tried again later", "error", err)
		case handled > 0:
			p.log.Info("Purger: Removed or emptied old events", "events", handled)
		}
		// Spread, so that several processes do not purge at the same moment.
		if !rest(ctx, purgeInterval-rand.N(purgeInterval/4)) {
			return
		}
	}
}

// purge removes batch after batch, until nothing is left that is too old.
func (p purger) purge(ctx context.Context) (handled int, err error) {
	f := store.PurgeFilter{Limit: purgeBatch}
	if p.cfg.Retention > 0 {
		f.Before = now().Add(-p.cfg.Retention)
	}
	if p.cfg.BodyRetention > 0 {
		f.BodiesBefore = now().Add(-p.cfg.BodyRetention)
	}
	for {
		began := time.Now()
		batchCtx, cancel := context.WithTimeout(ctx, purgeTimeout)
		n, err := store.Purge(batchCtx, p.cfg.Store, f)
		cancel()
		handled += n
		if err != nil || n < f.Limit {
			return handled, err
		}
		if !rest(ctx, purgeRest*time.Since(began)) {
			return handled, ctx.Err()
		}
	}
}

// rest waits, and reports false if ctx is done first.
func rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
