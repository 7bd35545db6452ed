package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/outhook/outhook/sender"
)

// sendEvent takes an order. Its payload is any JSON value, and is sent byte for
// byte as it came: what is signed is what the tenant wrote.
func (s *service) sendEvent(r *http.Request, tenant string) (reply, error) {
	var in struct {
		ID      string          `json:"id"`
		Type    string          `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := decode(r, &in); err != nil {
		return reply{}, err
	}
	receipt, err := s.placeOrder(r.Context(), sender.Event{
		ID: in.ID, Tenant: tenant, Type: in.Type, Payload: in.Payload,
		Hops: sender.Hops(r.Header), // if this request is a webhook itself: a loop ends
	})
	if err != nil {
		return reply{}, err
	}
	deliveries := make([]string, len(receipt.Deliveries))
	for i, d := range receipt.Deliveries {
		deliveries[i] = d.ID
	}
	return reply{http.StatusAccepted, struct {
		ID         string   `json:"id"`
		Deliveries []string `json:"deliveries"`
		Duplicate  bool     `json:"duplicate"`
	}{receipt.EventID, deliveries, receipt.Duplicate}}, nil
}

// placeOrder writes the product's own row and the event that tells of it, both
// or neither: there is no order that nobody hears of, and no event of an order
// that is not there.
func (s *service) placeOrder(ctx context.Context, event sender.Event) (sender.Receipt, error) {
	if s.db.sql == nil { // in memory there is no transaction, and no order
		return s.sender.Send(ctx, event)
	}
	tx, err := s.db.sql.BeginTx(ctx, s.db.kind.options)
	if err != nil {
		return sender.Receipt{}, fmt.Errorf("begin an order: %w", err)
	}
	defer tx.Rollback()
	receipt, err := sender.SendIn(ctx, s.sender, s.db.tx(tx), event)
	if err != nil {
		return sender.Receipt{}, err
	}
	if !receipt.Duplicate { // otherwise its order is there as well
		_, err := tx.ExecContext(ctx, s.db.kind.insertOrder, "ord_"+uuid.NewString(), event.Tenant, receipt.EventID, event.Type)
		if err != nil {
			return sender.Receipt{}, fmt.Errorf("write the order: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return sender.Receipt{}, fmt.Errorf("commit the order: %w", err)
	}
	// Only now is there something to deliver. If the process ends before this
	// line, the workers find it by themselves a few seconds later.
	sender.Wake(ctx, s.sender, receipt)
	return receipt, nil
}
