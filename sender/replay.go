package sender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

// ReplayFilter selects deliveries to replay. Each field that is not zero
// narrows it. Pings are never replayed.
type ReplayFilter struct {
	// Tenant is required.
	Tenant string
	// EndpointID and EventType select by what went where. EventType is exact.
	EndpointID string
	EventType  string
	// States selects deliveries in any of these states.
	// Defaults to failed and canceled.
	States []store.DeliveryState
	// Since and Until bound when the delivery was created:
	// Since <= CreatedAt < Until.
	Since time.Time
	Until time.Time
}

// Validate reports every fault at once, each a *FieldError, as Replay does before
// it begins.
func (f ReplayFilter) Validate() error {
	var found faults
	found.check(validTenant(f.Tenant), "ReplayFilter.Tenant", fmt.Sprintf("%q", f.Tenant), tenantBound)
	found.check(f.EventType == "" || validType(f.EventType), "ReplayFilter.EventType", fmt.Sprintf("%q", f.EventType), typeBound)
	for i, state := range f.States {
		known := state == store.Succeeded || state == store.Failed || state == store.Canceled || state == store.Pending
		found.check(known, fmt.Sprintf("ReplayFilter.States[%d]", i), fmt.Sprintf("%q", state), "one of the states of package store")
	}
	found.check(f.Since.IsZero() || f.Until.IsZero() || f.Until.After(f.Since), "ReplayFilter.Until", f.Until, "after Since")
	return found.err()
}

// states returns the States, or their default.
func (f ReplayFilter) states() []store.DeliveryState {
	if len(f.States) > 0 {
		return f.States
	}
	return []store.DeliveryState{store.Failed, store.Canceled}
}

// ReplayResult counts what Replay did.
type ReplayResult struct {
	// Replayed deliveries are pending again.
	Replayed int
	// Skipped deliveries matched, but their endpoint is disabled or deleted,
	// or something else changed them at the same time.
	Skipped int
}

// errTest: a ping is made once and never retried.
var errTest error = &FieldError{Field: "delivery", Problem: "is a test", Bound: "one of an event: ping the endpoint again"}

// Resend implements [Sender].
func (c *client) Resend(ctx context.Context, tenant, deliveryID string) (store.Delivery, error) {
	if !validTenant(tenant) {
		return store.Delivery{}, &FieldError{Field: "tenant", Problem: fmt.Sprintf("is %q", tenant), Bound: tenantBound}
	}
	for {
		d, err := c.cfg.Store.GetDelivery(ctx, tenant, deliveryID)
		if err != nil {
			return store.Delivery{}, fmt.Errorf("resend delivery %q: %w", deliveryID, err)
		}
		if d.Trigger == store.TriggerTest {
			return store.Delivery{}, fmt.Errorf("resend delivery %q: %w", deliveryID, errTest)
		}
		if err := c.checkEndpoint(ctx, d); err != nil {
			return store.Delivery{}, fmt.Errorf("resend delivery %q: %w", deliveryID, err)
		}
		d, err = c.restart(ctx, d)
		if errors.Is(err, store.ErrConflict) {
			continue // an attempt was recorded meanwhile
		}
		if err != nil {
			return store.Delivery{}, fmt.Errorf("resend delivery %q: %w", deliveryID, err)
		}
		c.wake(ctx, []store.Delivery{d})
		return d, nil
	}
}

// Replay implements [Sender].
func (c *client) Replay(ctx context.Context, f ReplayFilter) (ReplayResult, error) {
	var result ReplayResult
	if err := f.Validate(); err != nil {
		return result, err
	}
	filter := store.DeliveryFilter{
		Tenant: f.Tenant, EndpointID: f.EndpointID, EventType: f.EventType,
		States: f.states(), Since: f.Since, Until: f.Until, Limit: store.MaxLimit,
	}
	for {
		page, err := c.cfg.Store.ListDeliveries(ctx, filter)
		if err != nil {
			return result, fmt.Errorf("replay: list deliveries: %w", err)
		}
		var done replayedPage
		err = c.replayPage(ctx, page.Items, &done)
		result.Replayed += len(done.restarted)
		result.Skipped += done.skipped
		if err != nil {
			return result, fmt.Errorf("replay: %w", err)
		}
		if page.Next == "" {
			return result, nil
		}
		filter.Cursor = page.Next
	}
}

// replayedPage is what has come of a page so far.
type replayedPage struct {
	restarted []store.Delivery // which are pending again
	skipped   int              // without those of pings
	doubt     *store.Delivery  // as it was: whether it was restarted is not known
}

// replayPage keeps done up to date, should it end with an error, or the Store panic.
func (c *client) replayPage(ctx context.Context, page []store.Delivery, done *replayedPage) error {
	usable := map[string]error{} // by endpoint
	defer func() { c.wake(ctx, done.restarted) }()
	for _, d := range page {
		if d.Trigger == store.TriggerTest {
			continue
		}
		err, known := usable[d.EndpointID]
		if !known {
			err = c.checkEndpoint(ctx, d)
			usable[d.EndpointID] = err
		}
		if err == nil {
			was := d
			done.doubt = &was
			d, err = c.restart(ctx, d)
		}
		switch {
		case err == nil:
			done.restarted = append(done.restarted, d)
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict), errors.Is(err, ErrEndpointDisabled):
			done.skipped++
		default:
			return fmt.Errorf("delivery %q: %w", d.ID, err)
		}
		done.doubt = nil
	}
	return nil
}

// checkEndpoint returns an error if the delivery's endpoint gets nothing now.
func (e *engine) checkEndpoint(ctx context.Context, d store.Delivery) error {
	endpoint, err := e.cfg.Store.GetEndpoint(ctx, d.Tenant, d.EndpointID)
	switch {
	case err != nil:
		return fmt.Errorf("endpoint %q: %w", d.EndpointID, err)
	case endpoint.Disabled:
		return fmt.Errorf("endpoint %q: %w", d.EndpointID, ErrEndpointDisabled)
	}
	return nil
}

// restart begins a new round of the delivery, due now.
func (e *engine) restart(ctx context.Context, d store.Delivery) (store.Delivery, error) {
	at := now()
	d.State = store.Pending
	d.Round++
	d.Attempts = 0
	d.Trigger = store.TriggerManual
	d.NextAttemptAt = at
	d.UpdatedAt = at
	d.EndedAt = time.Time{}
	if err := e.cfg.Store.UpdateDelivery(ctx, d, nil); err != nil {
		return d, err
	}
	d.Version++
	return d, nil
}
