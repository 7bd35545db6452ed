package sender

import (
	"context"
	"time"

	"github.com/outhook/outhook/store"
)

// What a bulk replay makes pending waits for its turn with all else that its
// endpoints get, and counts as the tenant's backlog: a million at once would delay
// what is sent meanwhile, and fill up Config.MaxPending. So a replay waits
//
//   - while half of Config.MaxPending is taken: the other half stays Send's;
//   - while something has been overdue for the replayLag at an endpoint of the next
//     batch: it has enough to do. Deliveries that wait for their next attempt do not
//     count, or an endpoint that is back after a day would get nothing replayed
//     before its retries. As an endpoint that hangs must not keep those of the
//     others waiting, one batch goes on each replayPatience.
const (
	replayLag      = 5 * time.Second
	replayPatience = 10 * time.Second
	// replayPause is how long a replay waits before it looks again.
	replayPause = 250 * time.Millisecond
	// replayRoom is how many are replayed before the backlog is counted again.
	replayRoom = 10 * replayBatch
	// replayLooks is at how many endpoints of a batch is looked: one that is spread
	// over more gives each little.
	replayLooks = 10
)

// pace is how fast a replay goes.
type pace struct {
	until   time.Time // its turn is not before
	granted int       // how many may be replayed, and
	spent   int       // how many of them were, since the backlog was counted
	waits   time.Time // since when it waits for endpoints
}

func (p *pace) pause(wait time.Duration) { p.until = time.Now().Add(wait) }

// room returns how many deliveries o may replay now, at most a batch; 0 if the
// tenant's backlog has to become smaller first.
func (r *replayer) room(ctx context.Context, o *ownReplay) (int, error) {
	if r.cfg.MaxPending == 0 {
		return replayBatch, nil
	}
	if o.spent < o.granted {
		return min(replayBatch, o.granted-o.spent), nil
	}
	half := (r.cfg.MaxPending + 1) / 2
	pending, err := store.CountDeliveries(ctx, r.cfg.Store, pendingOf(o.Tenant), half)
	if err != nil {
		return 0, err
	}
	// Others of the tenant count the same backlog: each takes a part of what is free.
	o.granted, o.spent = min((half-pending+maxReplays-1)/maxReplays, replayRoom), 0
	if o.granted == 0 {
		o.pause(replayPause)
	}
	return min(replayBatch, o.granted), nil
}

// busy reports whether an endpoint of the page has enough to do.
func (r *replayer) busy(ctx context.Context, o *ownReplay, page []store.Delivery) (bool, error) {
	if !o.waits.IsZero() && time.Since(o.waits) > replayPatience {
		o.waits = time.Time{}
		return false, nil
	}
	late := now().Add(-replayLag)
	seen := map[string]bool{}
	for _, d := range page {
		if seen[d.EndpointID] || len(seen) == replayLooks {
			continue
		}
		seen[d.EndpointID] = true
		due, err := r.cfg.Store.ListDue(ctx, store.DueFilter{Before: late, Tenant: d.Tenant, EndpointID: d.EndpointID, Limit: 1})
		if err != nil {
			return false, err
		}
		if len(due.Items) == 0 {
			continue
		}
		if o.waits.IsZero() {
			o.waits = time.Now()
		}
		o.pause(replayPause)
		return true, nil
	}
	o.waits = time.Time{}
	return false, nil
}
