package main

import (
	"context"
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

// purgeInterval is how often old records are removed.
const purgeInterval = time.Hour

// purgeRegularly removes what is older than -keep until ctx is done: a log that
// nobody shortens fills the disk. Several processes may do it at once.
func (s *service) purgeRegularly(ctx context.Context) {
	ticker := time.NewTicker(purgeInterval)
	defer ticker.Stop()
	for {
		removed, err := s.purge(ctx, time.Now().Add(-s.keep))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // it is tried again
			s.log.ErrorContext(ctx, "Purge: Failed", "error", err)
		case removed > 0:
			s.log.InfoContext(ctx, "Purge: Removed old events", "events", removed)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// purge removes the events from before a time that have no pending delivery, in
// small batches, so that nobody waits for it.
func (s *service) purge(ctx context.Context, before time.Time) (removed int, err error) {
	const batch = 500
	for {
		n, err := store.Purge(ctx, s.db.store, store.PurgeFilter{Before: before, Limit: batch})
		removed += n
		if err != nil {
			return removed, fmt.Errorf("purge: %w", err)
		}
		if n < batch {
			return removed, nil
		}
	}
}
