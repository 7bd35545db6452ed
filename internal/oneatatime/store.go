// Package oneatatime lets tests that call a Store from many goroutines use one
// that is for a single goroutine at a time, such as a Store inside a
// transaction. Only tests import it.
package oneatatime

import (
	"context"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
)

// Store passes each call on when the one before it has returned.
type Store struct {
	mu    sync.Mutex
	inner store.Store
}

var (
	_ store.Store           = (*Store)(nil)
	_ store.JobLoader       = (*Store)(nil)
	_ store.StatsSource     = (*Store)(nil)
	_ store.StatsRoller     = (*Store)(nil)
	_ store.Purger          = (*Store)(nil)
	_ store.DeliveryCounter = (*Store)(nil)
	_ store.ReplayStore     = (*Store)(nil)
)

// New returns a Store around inner, which must have all optional abilities.
func New(inner store.Store) *Store { return &Store{inner: inner} }

func (s *Store) turn() (done func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

// PutEndpoint implements [store.EndpointStore].
func (s *Store) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	defer s.turn()()
	return s.inner.PutEndpoint(ctx, e)
}

// GetEndpoint implements [store.EndpointStore].
func (s *Store) GetEndpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	defer s.turn()()
	return s.inner.GetEndpoint(ctx, tenant, id)
}

// ListEndpoints implements [store.EndpointStore].
func (s *Store) ListEndpoints(ctx context.Context, f store.EndpointFilter) (store.Page[store.Endpoint], error) {
	defer s.turn()()
	return s.inner.ListEndpoints(ctx, f)
}

// DeleteEndpoint implements [store.EndpointStore].
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	defer s.turn()()
	return s.inner.DeleteEndpoint(ctx, tenant, id)
}

// CreateEvent implements [store.EventStore].
func (s *Store) CreateEvent(ctx context.Context, e store.Event, deliveries []store.Delivery) error {
	defer s.turn()()
	return s.inner.CreateEvent(ctx, e, deliveries)
}

// GetEvent implements [store.EventStore].
func (s *Store) GetEvent(ctx context.Context, tenant, id string) (store.Event, error) {
	defer s.turn()()
	return s.inner.GetEvent(ctx, tenant, id)
}

// GetDelivery implements [store.DeliveryStore].
func (s *Store) GetDelivery(ctx context.Context, tenant, id string) (store.Delivery, error) {
	defer s.turn()()
	return s.inner.GetDelivery(ctx, tenant, id)
}

// ListDeliveries implements [store.DeliveryStore].
func (s *Store) ListDeliveries(ctx context.Context, f store.DeliveryFilter) (store.Page[store.Delivery], error) {
	defer s.turn()()
	return s.inner.ListDeliveries(ctx, f)
}

// ListDue implements [store.DeliveryStore].
func (s *Store) ListDue(ctx context.Context, f store.DueFilter) (store.Page[store.Delivery], error) {
	defer s.turn()()
	return s.inner.ListDue(ctx, f)
}

// UpdateDelivery implements [store.DeliveryStore].
func (s *Store) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	defer s.turn()()
	return s.inner.UpdateDelivery(ctx, d, a)
}

// ListAttempts implements [store.DeliveryStore].
func (s *Store) ListAttempts(ctx context.Context, f store.AttemptFilter) (store.Page[store.Attempt], error) {
	defer s.turn()()
	return s.inner.ListAttempts(ctx, f)
}

// LoadJob implements [store.JobLoader].
func (s *Store) LoadJob(ctx context.Context, tenant, deliveryID string) (store.Job, error) {
	defer s.turn()()
	return store.LoadJob(ctx, s.inner, tenant, deliveryID)
}

// Stats implements [store.StatsSource].
func (s *Store) Stats(ctx context.Context, f store.StatsFilter) ([]store.StatsBucket, error) {
	defer s.turn()()
	return store.Stats(ctx, s.inner, f)
}

// RollStats implements [store.StatsRoller].
func (s *Store) RollStats(ctx context.Context, before time.Time, limit int) (int, error) {
	defer s.turn()()
	return store.RollStats(ctx, s.inner, before, limit)
}

// Purge implements [store.Purger].
func (s *Store) Purge(ctx context.Context, f store.PurgeFilter) (int, error) {
	defer s.turn()()
	return store.Purge(ctx, s.inner, f)
}

// CountDeliveries implements [store.DeliveryCounter].
func (s *Store) CountDeliveries(ctx context.Context, f store.DeliveryFilter, most int) (int, error) {
	defer s.turn()()
	return store.CountDeliveries(ctx, s.inner, f, most)
}

func (s *Store) replays() store.ReplayStore {
	replays, _ := store.As[store.ReplayStore](s.inner)
	return replays
}

// PutReplay implements [store.ReplayStore].
func (s *Store) PutReplay(ctx context.Context, r store.Replay) error {
	defer s.turn()()
	return s.replays().PutReplay(ctx, r)
}

// GetReplay implements [store.ReplayStore].
func (s *Store) GetReplay(ctx context.Context, tenant, id string) (store.Replay, error) {
	defer s.turn()()
	return s.replays().GetReplay(ctx, tenant, id)
}

// ListReplays implements [store.ReplayStore].
func (s *Store) ListReplays(ctx context.Context, f store.ReplayFilter) (store.Page[store.Replay], error) {
	defer s.turn()()
	return s.replays().ListReplays(ctx, f)
}
