package sender

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

const (
	// storeTimeout bounds one call of the Store: a connection may have died in
	// silence.
	storeTimeout = 5 * time.Second
	// defaultRecordFor is how long a Store that fails is tried, before the
	// attempt is given up as unrecorded and made again.
	defaultRecordFor = 2 * time.Minute
)

// record writes the attempt and the delivery's new state, both or neither, and
// tells the hooks. It returns the delivery as it stands.
func (e *engine) record(ctx context.Context, job store.Job, r run) (store.Delivery, error) {
	w, err := e.write(ctx, job.Delivery, r)
	if err != nil {
		return store.Delivery{}, err
	}
	d, a := w.d, w.a
	callHooks(e, func(h HookAttemptFinished) {
		h.AttemptFinished(ctx, AttemptFinished{Attempt: a.Clone(), Delivery: d})
	})
	exhausted := w.ended && d.State == store.Failed && d.Trigger != store.TriggerTest
	if exhausted {
		callHooks(e, func(h HookDeliveryExhausted) { h.DeliveryExhausted(ctx, DeliveryExhausted{Delivery: d}) })
	}
	e.noteHealth(ctx, *job.Endpoint, w, exhausted)
	return d, nil
}

// write tries until the Store has the attempt, or recordFor has passed or ctx
// is done. A Store that refuses this one record would otherwise have the
// request repeated for ever: it is offered the attempt's bare outcome last.
func (e *engine) write(ctx context.Context, d store.Delivery, r run) (writing, error) {
	w := writing{engine: e, d: d, run: r}
	wait := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(20*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(e.recordFor),
	)
	try := func() error { return w.try(ctx) }
	logged := false
	err := backoff.RetryNotify(try, backoff.WithContext(wait, ctx), func(err error, _ time.Duration) {
		if !logged {
			e.log.Warn("Worker: Could not record an attempt yet; trying again", "delivery", d.ID, "error", err)
		}
		logged = true
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
		w.run.attempt = bare(r.attempt)
		if err = w.try(ctx); errors.Is(err, store.ErrConflict) {
			err = w.try(ctx) // it knows the change now
		}
	}
	if err != nil {
		err = w.err // backoff's own says only that the context ended
	}
	return w, err
}

// writing is an attempt on its way into the Store.
type writing struct {
	*engine
	run   run
	d     store.Delivery // as last seen; once written, as it is
	a     store.Attempt  // as last offered
	ended bool           // the write, if it was made, ended the delivery
	err   error          // of the last try
}

// try offers the attempt to the Store. An attempt that was made is recorded even
// while the worker stops: only storeTimeout bounds it.
func (w *writing) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	next, a := w.apply(w.d, w.run)
	w.err = w.cfg.Store.UpdateDelivery(ctx, next, &a)
	switch {
	case w.err == nil:
		w.a, w.ended = a, w.d.State == store.Pending && next.State != store.Pending
		w.d = next
		w.d.Version++
	case errors.Is(w.err, store.ErrNotFound):
		return backoff.Permanent(w.err)
	case errors.Is(w.err, store.ErrConflict):
		w.reload(ctx)
	}
	return w.err
}

// reload reads the delivery afresh and looks whether the attempt was recorded
// already: a write whose answer was lost looks like a conflict the next time.
func (w *writing) reload(ctx context.Context) {
	recorded := store.AllAttempts(ctx, w.cfg.Store, store.AttemptFilter{Tenant: w.d.Tenant, DeliveryID: w.d.ID})
	for a, err := range recorded {
		if err != nil {
			w.err = err
			return
		}
		if a.ID != w.run.attempt.ID {
			continue
		}
		// What was written is what counts: a policy may decide anew each time.
		w.a, w.ended, w.err = a, a.NextAttemptAt.IsZero(), nil
		break
	}
	fresh, err := w.cfg.Store.GetDelivery(ctx, w.d.Tenant, w.d.ID)
	if err != nil {
		w.err = err
		return
	}
	w.d = fresh
}

// bare is an attempt without what a Store could object to.
func bare(a store.Attempt) store.Attempt {
	a.RequestHeader, a.ResponseHeader, a.ResponseBody = nil, nil, nil
	a.ResponseTruncated = true
	if a.ErrorClass != "" {
		a.Error = "the store refused the whole record"
	}
	return a
}

// apply returns the delivery and the attempt as they are after the run. If the
// delivery has moved on since the run began (it was resent, or somebody else
// ended it), the attempt is only added to its history; likewise if it failed
// and somebody else made the same attempt, so that the schedule is not used up
// twice as fast. A success of the round counts even after its failure.
func (e *engine) apply(d store.Delivery, r run) (store.Delivery, store.Attempt) {
	a := r.attempt
	d.UpdatedAt = a.EndedAt
	open := d.State == store.Pending && d.Attempts < a.Number
	if r.verdict == retry.Succeeded {
		open = d.State == store.Pending || d.State == store.Failed
	}
	if d.Round != a.Round || !open {
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
	default: // retry.Retry, and what a Judge of the host's makes up
		wait, ok := e.next(r.profile, d.Attempts, r.result)
		if !ok || d.Trigger == store.TriggerTest {
			d.State = store.Failed
			break
		}
		d.NextAttemptAt = a.EndedAt.Add(wait)
		a.NextAttemptAt = d.NextAttemptAt
	}
	if d.State != store.Pending {
		d.EndedAt = a.EndedAt
	}
	return d, a
}
