package sender

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/outhook/outhook/store"
)

const (
	// rollInterval is how often attempts are summed up for statistics. What is not
	// yet costs whoever asks for them.
	rollInterval = time.Minute
	// rollBatch is how many attempts are summed up at once, so that no transaction
	// is long.
	rollBatch = 5000
	// rollTimeout bounds one batch.
	rollTimeout = time.Minute
	// rollRest is how much longer than a batch took is waited before the next:
	// deliveries come first.
	rollRest = 3
	// rollAge is how old an attempt is before it is summed up, because one that is
	// recorded after younger ones were summed up is missing in statistics. It is
	// recorded when it has ended, by a Store that may have to be tried for long; the
	// rest is for the last tries, and for clocks that differ.
	rollAge = MaxTimeout + defaultRecordFor + 2*time.Minute
)

// roller has a Store that is a store.StatsRoller sum up its attempts.
type roller struct{ *engine }

// run sums up at once, and at every interval until ctx is done.
func (r roller) run(ctx context.Context) {
	if _, ok := store.As[store.StatsRoller](r.cfg.Store); !ok {
		return
	}
	for {
		var err error
		r.guard("Roller", func() { err = r.roll(ctx) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.log.Warn("Roller: Could not sum up attempts for statistics; tried again later", "error", err)
		}
		// Spread, so that several processes do not come at the same moment.
		if !rest(ctx, rollInterval-rand.N(rollInterval/4)) {
			return
		}
	}
}

// roll sums up batch after batch, until nothing is left that is old enough, or
// another process is at it.
func (r roller) roll(ctx context.Context) error {
	before := now().Add(-rollAge)
	for {
		began := time.Now()
		batchCtx, cancel := context.WithTimeout(ctx, rollTimeout)
		n, err := store.RollStats(batchCtx, r.cfg.Store, before, rollBatch)
		cancel()
		if err != nil || n < rollBatch {
			return err
		}
		if !rest(ctx, rollRest*time.Since(began)) {
			return ctx.Err()
		}
	}
}
