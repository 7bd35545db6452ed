package memstore

import (
	"context"
	"fmt"

	"github.com/outhook/outhook/store"
)

// PutEndpoint implements [store.EndpointStore].
func (s *Store) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	return s.write(ctx, func() error {
		stored, ok := s.endpoints.rows[ref{e.Tenant, e.ID}]
		switch {
		case e.Version == 0 && ok:
			return fmt.Errorf("endpoint %q: %w", e.ID, store.ErrExists)
		case e.Version != 0 && !ok:
			return notFound("endpoint", e.ID)
		case e.Version != 0 && stored.Version != e.Version:
			return conflict("endpoint", e.ID, stored.Version, e.Version)
		}
		e.Version++
		s.endpoints.put(ownEndpoint(e))
		return nil
	})
}

func conflict(what, id string, stored, given int64) error {
	return fmt.Errorf("%s %q: version is %d, not %d: %w", what, id, stored, given, store.ErrConflict)
}

// GetEndpoint implements [store.EndpointStore].
func (s *Store) GetEndpoint(ctx context.Context, tenant, id string) (e store.Endpoint, err error) {
	err = s.read(ctx, func() error {
		e, err = s.endpoints.get("endpoint", ref{tenant, id})
		return err
	})
	return e, err
}

// ListEndpoints implements [store.EndpointStore].
func (s *Store) ListEndpoints(ctx context.Context, f store.EndpointFilter) (page store.Page[store.Endpoint], err error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return page, err
	}
	err = s.read(ctx, func() error {
		page, err = s.endpoints.list(query[store.Endpoint]{
			group: narrowest(f.Tenant, "", "", ""), limit: f.Limit, cursor: f.Cursor,
			match: func(*store.Endpoint) bool { return true },
		})
		return err
	})
	return page, err
}

// DeleteEndpoint implements [store.EndpointStore].
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	return s.write(ctx, func() error {
		r := ref{tenant, id}
		if _, ok := s.endpoints.rows[r]; !ok {
			return notFound("endpoint", id)
		}
		s.endpoints.remove(r)
		return nil
	})
}

// narrowest returns the smallest group that has all records of a filter. Those
// of all tenants are in one group: an operator's list may read more than it
// returns.
func narrowest(tenant, endpointID, eventID, deliveryID string) group {
	switch {
	case tenant == store.AllTenants:
		return group{kind: everything}
	case deliveryID != "":
		return group{byDelivery, tenant, deliveryID}
	case eventID != "":
		return group{byEvent, tenant, eventID}
	case endpointID != "":
		return group{byEndpoint, tenant, endpointID}
	default:
		return group{kind: byTenant, tenant: tenant}
	}
}
