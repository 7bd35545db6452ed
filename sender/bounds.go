package sender

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
)

// checkRoom refuses a new endpoint of a tenant who has as many as he may. One
// whose ID is taken is the Store's to refuse.
func (c Config) checkRoom(ctx context.Context, e store.Endpoint) error {
	if c.MaxEndpoints < 0 {
		return nil
	}
	count, err := store.CountEndpoints(ctx, c.Store, e.Tenant, c.MaxEndpoints)
	if err != nil {
		return fmt.Errorf("endpoint %q: count the tenant's: %w", e.ID, err)
	}
	if count < c.MaxEndpoints {
		return nil
	}
	_, err = c.Store.GetEndpoint(ctx, e.Tenant, e.ID)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("endpoint %q: look whether it is there: %w", e.ID, err)
	}
	return fmt.Errorf("endpoint %q: %w: tenant %q has %d (Config.MaxEndpoints), delete one first",
		e.ID, ErrTooManyEndpoints, e.Tenant, c.MaxEndpoints)
}

// backlogs knows about how many pending deliveries the tenants have. The zero
// value is ready for use.
type backlogs struct {
	mu sync.Mutex
	of map[string]backlog
}

// backlog is a tenant's: what was counted, and what was accepted since.
type backlog struct {
	counted  time.Time
	pending  int
	accepted int
}

const (
	// backlogAge is how long a count is believed.
	backlogAge = time.Second
	// maxBacklogs bounds the memory: beyond it all are counted anew.
	maxBacklogs = 10_000
)

// take adds n deliveries to the tenant's backlog if it then holds at most most,
// and reports whether it did. One caller a second counts, without the lock;
// meanwhile the others go by what was known.
func (b *backlogs) take(tenant string, n, most int, count func() (int, error)) (bool, error) {
	b.mu.Lock()
	if b.of == nil || len(b.of) >= maxBacklogs {
		b.of = map[string]backlog{}
	}
	known := b.of[tenant]
	stale := time.Since(known.counted) >= backlogAge
	if stale {
		known = backlog{counted: time.Now(), pending: known.pending + known.accepted}
		b.of[tenant] = known
	}
	b.mu.Unlock()
	if stale {
		pending, err := count()
		b.learn(tenant, pending, err)
		if err != nil {
			return false, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known = b.of[tenant]
	if known.pending+known.accepted+n > most {
		return false, nil
	}
	known.accepted += n
	b.of[tenant] = known
	return true, nil
}

// learn keeps what was counted. After an error the next caller counts.
func (b *backlogs) learn(tenant string, pending int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.of[tenant]
	known.pending = pending
	if err != nil {
		known = backlog{}
	}
	b.of[tenant] = known
}

// giveBack undoes take, if what was taken was not accepted. A count since then
// has undone it already.
func (b *backlogs) giveBack(tenant string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.of[tenant]; ok {
		known.accepted = max(0, known.accepted-n)
		b.of[tenant] = known
	}
}

func pendingOf(tenant string) store.DeliveryFilter {
	return store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}
}

// takeRoom refuses an event whose deliveries are too many for its tenant's
// backlog, unless it was accepted before. It returns how many were taken.
func (c *client) takeRoom(ctx context.Context, in store.Store, event store.Event, deliveries int) (int, error) {
	most := c.cfg.MaxPending
	if most == 0 || deliveries == 0 {
		return 0, nil
	}
	fits, err := c.backlogs.take(event.Tenant, deliveries, most, func() (int, error) {
		return store.CountDeliveries(ctx, in, pendingOf(event.Tenant), most)
	})
	if err != nil {
		return 0, fmt.Errorf("event %s: count the tenant's pending deliveries: %w", event.ID, err)
	}
	if fits {
		return deliveries, nil
	}
	if _, err := in.GetEvent(ctx, event.Tenant, event.ID); err == nil {
		return 0, nil // a duplicate adds nothing
	} else if !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("event %s: look whether it was sent before: %w", event.ID, err)
	}
	return 0, fmt.Errorf("event %s: %w: with its %d, tenant %q has more than %d (Config.MaxPending); send it again later",
		event.ID, ErrTooManyPending, deliveries, event.Tenant, most)
}
