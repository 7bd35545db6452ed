package sender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

const (
	// storeTimeout bounds one write. It is apart from the worker's context: an
	// attempt that was made is recorded even while the worker stops.
	storeTimeout = 5 * time.Second
	// recordFor is how long a Store that fails is tried, before the attempt is
	// given up as unrecorded and made again.
	recordFor = 2 * time.Minute
)

// record writes the attempt and the delivery's new state, both or neither, and
// tells the hooks. It returns the delivery as it stands.
func (e *engine) record(ctx context.Context, job store.Job, r run) (store.Delivery, error) {
	d, a, err := e.write(ctx, job.Delivery, r)
	if err != nil {
		return store.Delivery{}, err
	}
	callHooks(e, func(h HookAttemptFinished) {
		h.AttemptFinished(ctx, AttemptFinished{Attempt: a.Clone(), Delivery: d})
	})
	if d.State == store.Failed && d.Round == a.Round {
		callHooks(e, func(h HookDeliveryExhausted) { h.DeliveryExhausted(ctx, DeliveryExhausted{Delivery: d}) })
	}
	if r.verdict == retry.Gone {
		e.disableEndpoint(ctx, *job.Endpoint, a)
	}
	return d, nil
}

// write tries until the Store has the attempt, or recordFor has passed or ctx
// is done.
func (e *engine) write(ctx context.Context, d store.Delivery, r run) (store.Delivery, store.Attempt, error) {
	var a store.Attempt
	try := func() error {
		writeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		var next store.Delivery
		next, a = e.apply(d, r)
		err := e.cfg.Store.UpdateDelivery(writeCtx, next, &a)
		if errors.Is(err, store.ErrConflict) {
			var recorded bool
			if d, recorded, err = e.reload(writeCtx, d, a.ID); err == nil && !recorded {
				return errors.New("the delivery had changed")
			}
			return err
		}
		if errors.Is(err, store.ErrNotFound) {
			return backoff.Permanent(err)
		}
		if err == nil {
			d = next
			d.Version++
		}
		return err
	}
	wait := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(20*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(recordFor),
	)
	err := backoff.RetryNotify(try, backoff.WithContext(wait, ctx), func(err error, wait time.Duration) {
		e.log.Warn("Worker: Trying again to record an attempt", "delivery", d.ID, "wait", wait, "error", err)
	})
	return d, a, err
}

// reload reads the delivery afresh and looks whether the attempt was recorded
// already: a write whose answer was lost looks like a conflict the next time.
func (e *engine) reload(ctx context.Context, d store.Delivery, attemptID string) (store.Delivery, bool, error) {
	attempts := store.AllAttempts(ctx, e.cfg.Store, store.AttemptFilter{Tenant: d.Tenant, DeliveryID: d.ID})
	recorded := false
	for a, err := range attempts {
		if err != nil {
			return d, false, err
		}
		if recorded = a.ID == attemptID; recorded {
			break
		}
	}
	fresh, err := e.cfg.Store.GetDelivery(ctx, d.Tenant, d.ID)
	if err != nil {
		return d, false, err
	}
	return fresh, recorded, nil
}

// apply returns the delivery and the attempt as they are after the run. If the
// delivery has moved on since the run began (it was resent, or somebody else
// ended it), the attempt is only added to its history.
func (e *engine) apply(d store.Delivery, r run) (store.Delivery, store.Attempt) {
	a := r.attempt
	d.UpdatedAt = a.EndedAt
	if d.State != store.Pending || d.Round != a.Round {
		return d, a
	}
	d.Attempts++
	a.Number = d.Attempts
	d.LastStatus, d.LastErrorClass, d.LastError = a.Status, a.ErrorClass, a.Error
	d.NextAttemptAt = time.Time{}
	switch r.verdict {
	case retry.Succeeded:
		d.State = store.Succeeded
	case retry.Failed, retry.Gone:
		d.State = store.Failed
	case retry.Retry:
		wait, ok := e.next(r.profile, d.Attempts, r.result)
		if !ok || d.Trigger == store.TriggerTest {
			d.State = store.Failed
			break
		}
		// Rounded up: never early.
		d.NextAttemptAt = a.EndedAt.Add(wait + time.Microsecond - 1).Truncate(time.Microsecond)
		a.NextAttemptAt = d.NextAttemptAt
	}
	if d.State != store.Pending {
		d.EndedAt = a.EndedAt
	}
	return d, a
}

// disableEndpoint does what a 410 asks for. If it cannot be done now, the next
// delivery's 410 asks again.
func (e *engine) disableEndpoint(ctx context.Context, endpoint store.Endpoint, a store.Attempt) {
	for {
		if endpoint.Disabled {
			return
		}
		endpoint.Disabled = true
		endpoint.DisabledAt = now()
		endpoint.UpdatedAt = endpoint.DisabledAt
		endpoint.DisabledReason = fmt.Sprintf("answered %d to delivery %s", a.Status, a.DeliveryID)
		err := e.cfg.Store.PutEndpoint(ctx, endpoint)
		if err == nil {
			break
		}
		if errors.Is(err, store.ErrConflict) {
			endpoint, err = e.cfg.Store.GetEndpoint(ctx, endpoint.Tenant, endpoint.ID)
		}
		if err != nil {
			e.log.Error("Worker: Could not disable an endpoint", "endpoint", endpoint.ID, "error", err)
			return
		}
	}
	endpoint.Version++
	e.log.Info("Worker: Disabled an endpoint", "endpoint", endpoint.ID, "reason", endpoint.DisabledReason)
	callHooks(e, func(h HookEndpointDisabled) {
		h.EndpointDisabled(ctx, EndpointDisabled{Endpoint: endpoint.Clone()})
	})
}
