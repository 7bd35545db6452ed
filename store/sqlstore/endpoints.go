package sqlstore

import (
	"context"

	"github.com/outhook/outhook/store"
)

// PutEndpoint implements [store.EndpointStore].
func (s *Store) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	put := s.replaceEndpoint
	if e.Version == 0 {
		put = s.createEndpoint
	}
	err := s.write(ctx, func(q Querier) error { return put(ctx, q, e) })
	if err != nil {
		return recordError(ctx, "endpoint", e.ID, err)
	}
	return nil
}

func (s *Store) createEndpoint(ctx context.Context, q Querier, e store.Endpoint) error {
	e.Version++
	args, err := s.endpoints.all(&e)
	if err != nil {
		return err
	}
	n, err := affected(ctx, q, s.endpoints.insert, args...)
	if err == nil && n == 0 {
		err = store.ErrExists
	}
	return err
}

func (s *Store) replaceEndpoint(ctx context.Context, q Querier, e store.Endpoint) error {
	given := e.Version
	e.Version++
	args, err := s.endpoints.mutable(&e)
	if err != nil {
		return err
	}
	return s.endpoints.change(ctx, q, s.endpoints.update, append(args, e.Tenant, e.ID, given), e.Tenant, e.ID, given)
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
