package sender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

// endpointTries bounds how often a change of an endpoint is tried that others
// change at the same time.
const endpointTries = 5

// noteHealth keeps what a recorded attempt says about its endpoint, which is as
// it was loaded for the attempt: one that is well costs no read and no write.
func (e *engine) noteHealth(ctx context.Context, endpoint store.Endpoint, w writing, exhausted bool) {
	switch {
	case w.run.verdict == retry.Gone:
		reason := fmt.Sprintf("answered %d to delivery %s", w.a.Status, w.a.DeliveryID)
		e.disableEndpoint(ctx, endpoint, reason, func(fresh store.Endpoint) bool { return concerns(w.a, fresh) })
	case w.run.verdict == retry.Succeeded:
		e.endpointSucceeded(ctx, endpoint, w.a)
	case exhausted && endpoint.FailingSince.IsZero():
		e.endpointExhausted(ctx, endpoint, w)
	case exhausted:
		e.disableFailing(ctx, endpoint, w.a)
	}
}

// endpointSucceeded ends the time of failures, if there is one. A ping counts:
// it shows that the endpoint answers.
func (e *engine) endpointSucceeded(ctx context.Context, endpoint store.Endpoint, a store.Attempt) {
	var since time.Time
	endpoint, changed := e.changeEndpoint(ctx, endpoint, func(fresh *store.Endpoint) bool {
		if since = fresh.FailingSince; since.IsZero() || since.After(a.EndedAt) {
			return false
		}
		fresh.FailingSince = time.Time{}
		return true
	})
	if !changed {
		return
	}
	e.log.Info("Worker: An endpoint has recovered", "endpoint", endpoint.ID, "failing_since", since)
	callHooks(e, func(h HookEndpointRecovered) {
		h.EndpointRecovered(ctx, EndpointRecovered{Endpoint: endpoint.Clone(), FailingSince: since})
	})
}

// endpointExhausted begins the time of failures.
func (e *engine) endpointExhausted(ctx context.Context, endpoint store.Endpoint, w writing) {
	endpoint, changed := e.changeEndpoint(ctx, endpoint, func(fresh *store.Endpoint) bool {
		if !fresh.FailingSince.IsZero() || !concerns(w.a, *fresh) {
			return false
		}
		fresh.FailingSince = w.a.EndedAt
		return true
	})
	if !changed {
		return
	}
	e.log.Warn("Worker: An endpoint is failing", "endpoint", endpoint.ID, "delivery", w.d.ID)
	callHooks(e, func(h HookEndpointFailing) {
		h.EndpointFailing(ctx, EndpointFailing{Endpoint: endpoint.Clone(), Delivery: w.d})
	})
}

// disableFailing disables an endpoint that has failed for too long. It is looked
// at when a delivery is exhausted, and not at each attempt: only then the number
// of them changes, and a burst of events to a dead endpoint costs no queries.
func (e *engine) disableFailing(ctx context.Context, endpoint store.Endpoint, a store.Attempt) {
	since := endpoint.FailingSince
	if e.cfg.DisableAfter < 0 || a.EndedAt.Sub(since) < e.cfg.DisableAfter {
		return
	}
	enough, err := e.enoughExhausted(ctx, endpoint)
	if err != nil {
		e.log.Error("Worker: Could not count an endpoint's failures", "endpoint", endpoint.ID, "error", err)
		return
	}
	if enough {
		reason := fmt.Sprintf("every attempt since %s has failed", since.UTC().Format(time.RFC3339))
		e.disableEndpoint(ctx, endpoint, reason, func(fresh store.Endpoint) bool {
			return concerns(a, fresh) && fresh.FailingSince.Equal(since)
		})
	}
}

// enoughExhausted reports whether DisableAfterDeliveries of the endpoint's
// deliveries have been exhausted since it fails. All that were created since then
// and have failed count, and are first in the list; behind them are those that
// were on their way by then, or replayed, among older ones. Of those it looks at
// a bounded number: to miss some only leaves the endpoint enabled.
func (e *engine) enoughExhausted(ctx context.Context, endpoint store.Endpoint) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	wanted, seen := e.cfg.DisableAfterDeliveries, 0
	failed := store.AllDeliveries(ctx, e.cfg.Store, store.DeliveryFilter{
		Tenant: endpoint.Tenant, EndpointID: endpoint.ID, States: []store.DeliveryState{store.Failed},
		Limit: max(wanted, store.DefaultLimit),
	})
	for d, err := range failed {
		if err != nil {
			return false, err
		}
		if d.Trigger != store.TriggerTest && !d.EndedAt.Before(endpoint.FailingSince) {
			wanted--
		}
		if seen++; wanted == 0 || seen == e.cfg.DisableAfterDeliveries+store.MaxLimit {
			break
		}
	}
	return wanted == 0, nil
}

// disableEndpoint disables the endpoint if, as it is now, it is to be. If it
// cannot be done, the next attempt of the kind asks again.
func (e *engine) disableEndpoint(ctx context.Context, endpoint store.Endpoint, reason string, still func(store.Endpoint) bool) {
	endpoint, changed := e.changeEndpoint(ctx, endpoint, func(fresh *store.Endpoint) bool {
		if !still(*fresh) {
			return false
		}
		fresh.Disabled = true
		fresh.DisabledAt = now()
		fresh.UpdatedAt = fresh.DisabledAt
		fresh.DisabledReason = reason
		return true
	})
	if !changed {
		return
	}
	e.log.Info("Worker: Disabled an endpoint", "endpoint", endpoint.ID, "reason", endpoint.DisabledReason)
	callHooks(e, func(h HookEndpointDisabled) {
		h.EndpointDisabled(ctx, EndpointDisabled{Endpoint: endpoint.Clone()})
	})
}

// concerns reports whether the attempt says something about the endpoint as it is
// now: an attempt from before its URL was changed does not.
func concerns(a store.Attempt, endpoint store.Endpoint) bool {
	return !endpoint.Disabled && !endpoint.UpdatedAt.After(a.StartedAt)
}

// changeEndpoint writes what change makes of the endpoint, and of the endpoint as
// it is by then if somebody else is quicker, until change returns false. It
// returns the endpoint as it was written, and whether it was. What Outhook only
// notes in an endpoint leaves its UpdatedAt alone: that is when it became another.
func (e *engine) changeEndpoint(
	ctx context.Context, endpoint store.Endpoint, change func(fresh *store.Endpoint) bool,
) (store.Endpoint, bool) {
	ctx = context.WithoutCancel(ctx) // as with the attempt's record
	for range endpointTries {
		if !change(&endpoint) {
			return endpoint, false
		}
		err := e.replaceEndpoint(ctx, &endpoint)
		switch {
		case err == nil:
			return endpoint, true
		case errors.Is(err, store.ErrNotFound): // deleted meanwhile
			return endpoint, false
		case !errors.Is(err, store.ErrConflict):
			e.log.Error("Worker: Could not change an endpoint", "endpoint", endpoint.ID, "error", err)
			return endpoint, false
		}
	}
	e.log.Error("Worker: Could not change an endpoint, which others change all the time", "endpoint", endpoint.ID)
	return endpoint, false
}

// replaceEndpoint writes the endpoint. If it has changed it reads it instead, and
// returns store.ErrConflict.
func (e *engine) replaceEndpoint(ctx context.Context, endpoint *store.Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := e.cfg.Store.PutEndpoint(ctx, *endpoint)
	if errors.Is(err, store.ErrConflict) {
		fresh, readErr := e.cfg.Store.GetEndpoint(ctx, endpoint.Tenant, endpoint.ID)
		if readErr != nil {
			return readErr
		}
		*endpoint = fresh
	}
	if err == nil {
		endpoint.Version++
	}
	return err
}
