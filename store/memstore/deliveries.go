package memstore

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/outhook/outhook/store"
)

// CreateEvent implements [store.EventStore].
func (s *Store) CreateEvent(ctx context.Context, e store.Event, deliveries []store.Delivery) error {
	return s.write(ctx, func() error {
		if _, ok := s.events.rows[ref{e.Tenant, e.ID}]; ok {
			return fmt.Errorf("event %q: %w", e.ID, store.ErrExists)
		}
		// Everything is checked before anything is written: all or nothing.
		seen := make(map[ref]bool, len(deliveries))
		for _, d := range deliveries {
			r := ref{d.Tenant, d.ID}
			if _, ok := s.deliveries.rows[r]; ok || seen[r] {
				return fmt.Errorf("delivery %q: %w", d.ID, store.ErrExists)
			}
			seen[r] = true
		}
		s.events.put(ownEvent(e))
		for _, d := range deliveries {
			d.Version = 1
			own := ownDelivery(d)
			s.deliveries.put(own)
			s.setPending(nil, own)
		}
		return nil
	})
}

// GetEvent implements [store.EventStore].
func (s *Store) GetEvent(ctx context.Context, tenant, id string) (e store.Event, err error) {
	err = s.read(ctx, func() error {
		e, err = s.events.get("event", ref{tenant, id})
		return err
	})
	return e, err
}

// GetDelivery implements [store.DeliveryStore].
func (s *Store) GetDelivery(ctx context.Context, tenant, id string) (d store.Delivery, err error) {
	err = s.read(ctx, func() error {
		d, err = s.deliveries.get("delivery", ref{tenant, id})
		return err
	})
	return d, err
}

// UpdateDelivery implements [store.DeliveryStore].
func (s *Store) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	return s.write(ctx, func() error {
		stored, ok := s.deliveries.rows[ref{d.Tenant, d.ID}]
		switch {
		case !ok:
			return notFound("delivery", d.ID)
		case stored.Version != d.Version:
			return conflict("delivery", d.ID, stored.Version, d.Version)
		}
		if a != nil {
			if _, ok := s.attempts.rows[ref{a.Tenant, a.ID}]; ok {
				return fmt.Errorf("attempt %q: %w", a.ID, store.ErrExists)
			}
			s.attempts.put(ownAttempt(*a))
		}
		d.Version++
		d.EventID, d.EndpointID, d.EventType = stored.EventID, stored.EndpointID, stored.EventType
		d.CreatedAt = stored.CreatedAt
		own := ownDelivery(d)
		s.deliveries.replace(own)
		s.setPending(stored, own)
		return nil
	})
}

// ListDeliveries implements [store.DeliveryStore].
func (s *Store) ListDeliveries(ctx context.Context, f store.DeliveryFilter) (page store.Page[store.Delivery], err error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return page, err
	}
	err = s.read(ctx, func() error {
		page, err = s.deliveries.list(ofDeliveries(f))
		return err
	})
	return page, err
}

func ofDeliveries(f store.DeliveryFilter) query[store.Delivery] {
	return query[store.Delivery]{
		group: narrowest(f.Tenant, f.EndpointID, f.EventID, ""), since: f.Since, until: f.Until,
		limit: f.Limit, cursor: f.Cursor,
		match: func(d *store.Delivery) bool {
			return (f.EndpointID == "" || d.EndpointID == f.EndpointID) &&
				(f.EventID == "" || d.EventID == f.EventID) &&
				(f.EventType == "" || d.EventType == f.EventType) &&
				(len(f.States) == 0 || slices.Contains(f.States, d.State))
		},
	}
}

// CountDeliveries implements [store.DeliveryCounter]. How many are pending it knows.
func (s *Store) CountDeliveries(ctx context.Context, f store.DeliveryFilter, most int) (n int, err error) {
	f.Limit = 0
	pending := store.DeliveryFilter{Tenant: f.Tenant, States: []store.DeliveryState{store.Pending}}
	err = s.read(ctx, func() error {
		if reflect.DeepEqual(f, pending) {
			n = min(s.countPending(f.Tenant), most)
			return nil
		}
		n, err = s.deliveries.count(ofDeliveries(f), most)
		return err
	})
	return n, err
}

func (s *Store) countPending(tenant string) (n int) {
	if tenant != store.AllTenants {
		return s.pending[tenant]
	}
	for _, pending := range s.pending {
		n += pending
	}
	return n
}

// ListAttempts implements [store.DeliveryStore].
func (s *Store) ListAttempts(ctx context.Context, f store.AttemptFilter) (page store.Page[store.Attempt], err error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return page, err
	}
	match := func(a *store.Attempt) bool {
		return (f.DeliveryID == "" || a.DeliveryID == f.DeliveryID) &&
			(f.EndpointID == "" || a.EndpointID == f.EndpointID) &&
			(f.EventID == "" || a.EventID == f.EventID) &&
			(f.EventType == "" || a.EventType == f.EventType) &&
			(f.Outcome == "" || a.Succeeded == (f.Outcome == store.OutcomeSucceeded))
	}
	err = s.read(ctx, func() error {
		page, err = s.attempts.list(query[store.Attempt]{
			group: narrowest(f.Tenant, f.EndpointID, f.EventID, f.DeliveryID), since: f.Since, until: f.Until,
			limit: f.Limit, cursor: f.Cursor, match: match,
		})
		return err
	})
	return page, err
}
