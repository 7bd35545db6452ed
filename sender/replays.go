package sender

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/outhook/outhook/store"
)

const (
	// maxReplays is how many bulk replays of one tenant run at once.
	maxReplays = 10
	// maxTotal bounds store.Replay.Total, and countTimeout how long it is counted.
	maxTotal     = 1_000_000
	countTimeout = 10 * time.Second
)

// StartReplay starts a bulk replay of all deliveries that match the filter, and
// returns at once: RunWorkers carries it out, page by page from the newest to the
// oldest, at the pace of the endpoints and up to half of Config.MaxPending. Another
// process goes on with it when the one that was at it has stopped: at once, or within
// half a minute if it was killed. Where it stands is in the Store
// ([store.ReplayStore]): Total is how many match now, counted up to 1,000,000, and
// when it has finished Replayed and Skipped make up as many, unless something else
// changed the deliveries meanwhile. Skipped are those whose endpoint is disabled or
// deleted, those of pings, and those that something else changed at the same moment.
//
// An Until that is zero, or later than now, becomes now: what is sent from now on
// is not replayed. What was replayed and fails again is not replayed a second time;
// only if a process dies in the middle of a page, of up to 100, may that befall
// some of the page. [Sender].Replay replays while the caller waits.
//
// The error wraps ErrInvalid if the Config or the filter is at fault,
// ErrTooManyReplays if the tenant has 10 that are running, and
// [errors.ErrUnsupported] if the Store is no store.ReplayStore. If the deliveries
// cannot be counted within 10 s it wraps context.DeadlineExceeded.
func StartReplay(ctx context.Context, cfg Config, f ReplayFilter) (store.Replay, error) {
	cfg, replays, err := cfg.replays()
	if err != nil {
		return store.Replay{}, err
	}
	if err := f.Validate(); err != nil {
		return store.Replay{}, err
	}
	at := now()
	if f.Until.IsZero() || f.Until.After(at) {
		f.Until = at
	}
	r := store.Replay{
		ID: newID("rpl_"), Tenant: f.Tenant, EndpointID: f.EndpointID, EventType: f.EventType,
		States: slices.Clone(f.states()), Since: f.Since, Until: f.Until,
		State: store.ReplayRunning, CreatedAt: at, UpdatedAt: at,
	}
	if err := checkRunning(ctx, replays, f.Tenant); err != nil {
		return store.Replay{}, fmt.Errorf("start a replay: %w", err)
	}
	countCtx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	r.Total, err = store.CountDeliveries(countCtx, cfg.Store, deliveriesOf(r), maxTotal)
	if err != nil {
		return store.Replay{}, fmt.Errorf("start a replay: count the deliveries: %w", err)
	}
	if err := replays.PutReplay(ctx, r); err != nil {
		return store.Replay{}, fmt.Errorf("start a replay: %w", err)
	}
	r.Version++
	return r, nil
}

// CancelReplay ends a bulk replay that is running. What it has replayed stays
// replayed; one page may still follow. It returns the replay as it is then, and one
// that has ended as it was. The error wraps store.ErrNotFound if the tenant has no
// such replay.
func CancelReplay(ctx context.Context, cfg Config, tenant, id string) (store.Replay, error) {
	_, replays, err := cfg.replays()
	if err != nil {
		return store.Replay{}, err
	}
	for {
		r, err := replays.GetReplay(ctx, tenant, id)
		if err != nil {
			return store.Replay{}, fmt.Errorf("cancel replay %q: %w", id, err)
		}
		if r.State != store.ReplayRunning {
			return r, nil
		}
		r.State, r.EndedAt = store.ReplayCanceled, now()
		r.UpdatedAt = r.EndedAt
		err = replays.PutReplay(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			continue // it has come on meanwhile
		}
		if err != nil {
			return store.Replay{}, fmt.Errorf("cancel replay %q: %w", id, err)
		}
		r.Version++
		return r, nil
	}
}

// replays returns c with its defaults, and the Store's bulk replays.
func (c Config) replays() (Config, store.ReplayStore, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return c, nil, err
	}
	replays, ok := store.As[store.ReplayStore](c.Store)
	if !ok {
		return c, nil, fmt.Errorf("bulk replays: the %T in Config.Store is no store.ReplayStore: %w", c.Store, errors.ErrUnsupported)
	}
	return c, replays, nil
}

// checkRunning refuses another replay of a tenant who has as many as he may. Those
// who start some at the same time may go over it.
func checkRunning(ctx context.Context, replays store.ReplayStore, tenant string) error {
	page, err := replays.ListReplays(ctx, store.ReplayFilter{
		Tenant: tenant, States: []store.ReplayState{store.ReplayRunning}, Limit: maxReplays,
	})
	if err != nil {
		return fmt.Errorf("list those that are running: %w", err)
	}
	if len(page.Items) < maxReplays {
		return nil
	}
	return fmt.Errorf("%w: tenant %q has %d that are running; wait until one has finished, or cancel one",
		ErrTooManyReplays, tenant, maxReplays)
}

// deliveriesOf selects what r is about, from where it goes on.
func deliveriesOf(r store.Replay) store.DeliveryFilter {
	return store.DeliveryFilter{
		Tenant: r.Tenant, EndpointID: r.EndpointID, EventType: r.EventType,
		States: r.States, Since: r.Since, Until: r.Until, Cursor: r.Cursor,
	}
}
