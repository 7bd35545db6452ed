package sender

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/outhook/outhook/store"
)

// TxSender is a [Sender] that can send inside a transaction of the host's. The
// one that [New] returns is one; hosts call [SendIn] and [Wake].
type TxSender interface {
	Sender
	// SendIn is what the function [SendIn] does.
	SendIn(ctx context.Context, in store.Store, e Event) (Receipt, error)
	// Wake is what the function [Wake] does.
	Wake(ctx context.Context, receipts ...Receipt)
}

// SendIn is Send inside a transaction of the host's: the event and its
// deliveries are written through in, which is the Store of the Config inside
// that transaction, such as sqlstore's Store.Tx returns. They are there if, and
// only if, the host commits, together with the rows of its own.
//
// Nothing is enqueued and no hook is called. After the commit the host calls
// [Wake] with the receipt. If it never does, because it died in between, the
// sweeper of RunWorkers finds the deliveries within about two SweepIntervals; in
// a backlog, of which it looks at 2000 deliveries each time, when their turn comes.
//
// The errors are those of Send, and one that wraps store.ErrConflict if the event
// was sent by somebody whom this transaction does not see: the host makes it
// again. After an error the transaction may still be used if the Store says so;
// its rollback leaves no trace. If s is a wrapper, its
// chain of Unwrap() Sender methods is searched for a [TxSender]; if there is none,
// the error wraps errors.ErrUnsupported.
func SendIn(ctx context.Context, s Sender, in store.Store, e Event) (Receipt, error) {
	tx, ok := asTxSender(s)
	if !ok {
		return Receipt{}, fmt.Errorf("send in a transaction: %T is no TxSender: %w", s, errors.ErrUnsupported)
	}
	return tx.SendIn(ctx, in, e)
}

// Wake starts the deliveries that [SendIn] accepted, once their transaction is
// committed: it enqueues them, and tells the hooks of the events. It waits no
// longer than Send does, and like there a Redis that fails is no error. A
// receipt whose transaction was rolled back must not be given to it: its
// deliveries are looked for, are not found, and the log says so.
func Wake(ctx context.Context, s Sender, receipts ...Receipt) {
	if tx, ok := asTxSender(s); ok {
		tx.Wake(ctx, receipts...)
	}
}

func asTxSender(s Sender) (TxSender, bool) {
	for s != nil {
		if tx, ok := s.(TxSender); ok {
			return tx, true
		}
		wrapper, ok := s.(interface{ Unwrap() Sender })
		if !ok {
			break
		}
		s = wrapper.Unwrap()
	}
	return nil, false
}

// SendIn implements [TxSender].
func (c *client) SendIn(ctx context.Context, in store.Store, e Event) (Receipt, error) {
	receipt, err := c.accept(ctx, in, e)
	switch {
	case receipt.event == nil:
	case slices.ContainsFunc(c.cfg.Hooks, func(h Hook) bool { _, ok := h.(HookEventAccepted); return ok }):
		// The payload is the caller's, who may use it again before Wake.
		kept := receipt.event.Clone()
		receipt.event = &kept
	default:
		receipt.event = nil // a receipt keeps no payload in memory that nobody wants
	}
	return receipt, err
}

// accept stores the event, whose payload stays the caller's in the receipt, too.
func (c *client) accept(ctx context.Context, in store.Store, e Event) (Receipt, error) {
	if err := e.validate(c.cfg); err != nil {
		return Receipt{}, err
	}
	if isNil(in) {
		return Receipt{}, &FieldError{Field: "in", Problem: "is nil", Bound: "the Config's Store inside the transaction"}
	}
	if err := checkTenant(ctx, in, "Event.Tenant", e.Tenant); err != nil {
		return Receipt{}, err
	}
	event := newEvent(e)
	deliveries, err := c.fanOut(ctx, in, event)
	if err != nil {
		return Receipt{}, fmt.Errorf("event %s: list the tenant's endpoints: %w", event.ID, err)
	}
	taken, err := c.takeRoom(ctx, in, event, len(deliveries))
	if err != nil {
		return Receipt{}, err
	}
	err = in.CreateEvent(ctx, event, deliveries)
	if err != nil {
		c.backlogs.giveBack(event.Tenant, taken)
	}
	if errors.Is(err, store.ErrExists) {
		return duplicate(ctx, in, event)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("event %s: store it: %w", event.ID, err)
	}
	for i := range deliveries {
		deliveries[i].Version = 1
	}
	return Receipt{EventID: event.ID, Deliveries: deliveries, event: &event}, nil
}

// duplicate answers for an event that had been accepted before.
func duplicate(ctx context.Context, in store.Store, event store.Event) (Receipt, error) {
	stored, err := in.GetEvent(ctx, event.Tenant, event.ID)
	if errors.Is(err, store.ErrNotFound) {
		// Somebody sent it after this transaction began to see things as they
		// were, or it was purged just now.
		return Receipt{}, fmt.Errorf("event %s: was sent by somebody else meanwhile, send it again: %w", event.ID, store.ErrConflict)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("event %s: was sent before; load it: %w", event.ID, err)
	}
	// The payload of an event that was purged is gone.
	if stored.Type != event.Type || len(stored.Payload) > 0 && !bytes.Equal(stored.Payload, event.Payload) {
		return Receipt{}, fmt.Errorf("event %s: %w", event.ID, ErrEventIDReused)
	}
	receipt := Receipt{EventID: event.ID, Duplicate: true}
	filter := store.DeliveryFilter{Tenant: event.Tenant, EventID: event.ID, Limit: store.MaxLimit}
	for d, err := range store.AllDeliveries(ctx, in, filter) {
		if err != nil {
			return Receipt{}, fmt.Errorf("event %s: was sent before; list its deliveries: %w", event.ID, err)
		}
		receipt.Deliveries = append(receipt.Deliveries, d)
	}
	return receipt, nil
}

// Wake implements [TxSender]. The deliveries of a duplicate that are pending are
// woken once more, in case the process that accepted it died before it could.
func (c *client) Wake(ctx context.Context, receipts ...Receipt) {
	var pending []store.Delivery
	for _, receipt := range receipts {
		for _, d := range receipt.Deliveries {
			if d.State == store.Pending && d.Trigger != store.TriggerTest {
				pending = append(pending, d)
			}
		}
	}
	c.wake(ctx, pending)
	for _, receipt := range receipts {
		if receipt.event == nil {
			continue
		}
		callHooks(c.engine, func(h HookEventAccepted) {
			h.EventAccepted(ctx, EventAccepted{
				Event: receipt.event.Clone(), Deliveries: append([]store.Delivery(nil), receipt.Deliveries...),
			})
		})
	}
}
