package sqlstore

import (
	"context"

	"github.com/outhook/outhook/store"
)

// PutEndpoint implements [store.EndpointStore].
func (s *Store) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	err := s.write(ctx, func(q Querier) error {
		e := e // which put changes, and it may be called again
		return s.endpoints.put(ctx, q, &e, e.Tenant, e.ID, &e.Version)
	})
	if err != nil {
		return recordError(ctx, "endpoint", e.ID, err)
	}
	return nil
}

// GetEndpoint implements [store.EndpointStore].
func (s *Store) GetEndpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	return getRecord(ctx, s, &s.endpoints, tenant, id)
}

// DeleteEndpoint implements [store.EndpointStore].
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	err := s.write(ctx, func(q Querier) error {
		n, err := q.Exec(ctx, s.endpoints.remove, tenant, id)
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return recordError(ctx, "endpoint", id, err)
	}
	return nil
}
