package sender

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/outhook/outhook/store"
)

// Ping sends a test event to one endpoint now and waits for the answer: what
// the Test button of a webhook page does. It goes the way of every delivery
// (same profile, signature, timeout and checks) and is recorded with the
// trigger "test"; it is never retried. A disabled endpoint is pinged, too.
//
// Of e only the Tenant is required. The Type defaults to "webhook.test". The
// Payload defaults to the Example that Config.Events has for the type, or else to
// an envelope of the type with empty data (Standard Webhooks, "Payload structure").
// With Config.RefuseUnknownEvents other types than those must be in Config.Events.
//
// An attempt that failed is no error: Attempt.Succeeded and Attempt.Error say
// how it went. One that ctx cut short has failed as a timeout. The error wraps store.ErrNotFound if the tenant has no such
// endpoint, and ErrInvalid if the Config or e is at fault.
func Ping(ctx context.Context, cfg Config, endpointID string, e Event) (store.Attempt, error) {
	engine, err := newEngine(cfg)
	if err != nil {
		return store.Attempt{}, err
	}
	if e, err = engine.cfg.pingEvent(e); err != nil {
		return store.Attempt{}, err
	}
	if err := e.validate(engine.cfg); err != nil {
		return store.Attempt{}, err
	}
	endpoint, err := engine.cfg.Store.GetEndpoint(ctx, e.Tenant, endpointID)
	if err != nil {
		return store.Attempt{}, fmt.Errorf("ping endpoint %q: %w", endpointID, err)
	}
	return engine.ping(ctx, endpoint, newEvent(e))
}

func (c Config) pingEvent(e Event) (Event, error) {
	e.Type = cmp.Or(e.Type, pingType)
	if len(e.Payload) > 0 {
		return e, nil
	}
	if t, _ := c.eventType(e.Type); len(t.Example) > 0 {
		e.Payload = bytes.Clone(t.Example)
		return e, nil
	}
	payload, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct{}  `json:"data"`
	}{Type: e.Type, Timestamp: now()})
	e.Payload = payload
	return e, err
}

func (e *engine) ping(ctx context.Context, endpoint store.Endpoint, event store.Event) (store.Attempt, error) {
	transport := e.cfg.Transport
	if transport == nil {
		own, err := NewTransport(e.cfg, TransportOptions{})
		if err != nil {
			return store.Attempt{}, err
		}
		defer own.CloseIdleConnections()
		transport = own
	}
	d := newDelivery(event, endpoint.ID)
	d.Trigger = store.TriggerTest
	// If this process dies, the sweeper has it canceled; not before it is certain
	// that no answer will come.
	d.NextAttemptAt = event.CreatedAt.Add(MaxTimeout + storeTimeout)
	if err := e.cfg.Store.CreateEvent(ctx, event, []store.Delivery{d}); err != nil {
		return store.Attempt{}, fmt.Errorf("ping endpoint %q: store the event: %w", endpoint.ID, err)
	}
	d.Version = 1
	job := store.Job{Delivery: d, Event: &event, Endpoint: &endpoint}
	r := e.attempt(ctx, transport, job) // a caller who does not wait is a timeout
	r.attempt.ScheduledAt = r.attempt.StartedAt
	if _, err := e.record(ctx, job, r); err != nil {
		return store.Attempt{}, fmt.Errorf("ping endpoint %q: record the attempt: %w", endpoint.ID, err)
	}
	return r.attempt, nil
}
