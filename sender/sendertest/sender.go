package sendertest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// Sender is a sender.Sender that records what it is asked to send and sends
// nothing. Its zero value is ready for use, and it is safe for concurrent use.
//
// It refuses events and filters that the real one refuses, with the same errors,
// and keeps the rule about ids: an event whose ID was sent before in its tenant
// is a duplicate and not recorded again. It has no deliveries: Resend takes any
// id for that of one.
type Sender struct {
	// Config is what events are checked against. The zero Config checks against
	// the defaults.
	Config sender.Config

	// Err, if set, is what every call returns, as if the Store were down. Set
	// it before the Sender is used, or with SetErr.
	Err error

	mu      sync.Mutex
	events  []sender.Event
	resends []string
	replays []sender.ReplayFilter
	woken   []string
}

var _ sender.TxSender = (*Sender)(nil)

// Send implements sender.Sender. The receipt has no deliveries.
func (s *Sender) Send(ctx context.Context, e sender.Event) (sender.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.Err, ctx.Err()); err != nil {
		return sender.Receipt{}, err
	}
	if err := sender.ValidateEvent(s.Config, e); err != nil {
		return sender.Receipt{}, err
	}
	for _, old := range s.events {
		if e.ID == "" || old.ID != e.ID || old.Tenant != e.Tenant {
			continue
		}
		if old.Type != e.Type || !bytes.Equal(old.Payload, e.Payload) {
			return sender.Receipt{}, fmt.Errorf("event %s: %w", e.ID, sender.ErrEventIDReused)
		}
		return sender.Receipt{EventID: e.ID, Duplicate: true}, nil
	}
	if e.ID == "" {
		e.ID = fmt.Sprintf("evt_%d", len(s.events)+1)
	}
	e.Payload = slices.Clone(e.Payload)
	s.events = append(s.events, e)
	return sender.Receipt{EventID: e.ID}, nil
}

// SendIn implements sender.TxSender: it is Send, and does not use the Store. It
// cannot know whether the transaction was committed; see Woken.
func (s *Sender) SendIn(ctx context.Context, _ store.Store, e sender.Event) (sender.Receipt, error) {
	return s.Send(ctx, e)
}

// Wake implements sender.TxSender.
func (s *Sender) Wake(_ context.Context, receipts ...sender.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, receipt := range receipts {
		s.woken = append(s.woken, receipt.EventID)
	}
}

// Resend implements sender.Sender. The delivery has an ID and a tenant only.
func (s *Sender) Resend(ctx context.Context, tenant, deliveryID string) (store.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.Err, ctx.Err()); err != nil {
		return store.Delivery{}, err
	}
	s.resends = append(s.resends, deliveryID)
	return store.Delivery{ID: deliveryID, Tenant: tenant, State: store.Pending}, nil
}

// Replay implements sender.Sender. It replays nothing.
func (s *Sender) Replay(ctx context.Context, f sender.ReplayFilter) (sender.ReplayResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.Err, ctx.Err()); err != nil {
		return sender.ReplayResult{}, err
	}
	if err := f.Validate(); err != nil {
		return sender.ReplayResult{}, err
	}
	s.replays = append(s.replays, f)
	return sender.ReplayResult{}, nil
}

// SetErr changes Err while the Sender is in use.
func (s *Sender) SetErr(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Err = err
}

// Events returns the events that were sent, in order.
func (s *Sender) Events() []sender.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Woken returns the ids of the events whose receipts were given to Wake, in order.
func (s *Sender) Woken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.woken)
}

// Resends returns the ids of the deliveries that were resent, in order.
func (s *Sender) Resends() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.resends)
}

// Replays returns the filters that were replayed, in order.
func (s *Sender) Replays() []sender.ReplayFilter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.replays)
}
