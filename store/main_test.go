package store_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// base hides the optional interfaces of a Store.
type base struct{ store.Store }

// wrapped is what a Store looks like behind somebody's logging.
type wrapped struct{ store.Store }

func (w wrapped) Unwrap() store.Store { return w.Store }

var errBroken = errors.New("the database is away")

// failing fails in the methods that it is told to.
type failing struct {
	store.Store
	getEvent, getEndpoint, list bool
	lists                       int
}

func (s *failing) GetEvent(ctx context.Context, tenant, id string) (store.Event, error) {
	if s.getEvent {
		return store.Event{}, errBroken
	}
	return s.Store.GetEvent(ctx, tenant, id)
}

func (s *failing) GetEndpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	if s.getEndpoint {
		return store.Endpoint{}, errBroken
	}
	return s.Store.GetEndpoint(ctx, tenant, id)
}

// ListAttempts fails from the second page on.
func (s *failing) ListAttempts(ctx context.Context, f store.AttemptFilter) (store.Page[store.Attempt], error) {
	s.lists++
	if s.list && f.Cursor != "" {
		return store.Page[store.Attempt]{}, errBroken
	}
	return s.Store.ListAttempts(ctx, f)
}

// setup returns a store with one endpoint, and one event with one delivery.
func setup(t *testing.T) (*memstore.Store, store.Delivery) {
	t.Helper()
	s := memstore.New()
	d := store.Delivery{ID: "dlv_1", Tenant: "ws_1", EventID: "evt_1", EndpointID: "ep_1", State: store.Pending}
	err := errors.Join(
		s.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "ws_1", URL: "https://example.com"}),
		s.CreateEvent(t.Context(), store.Event{ID: "evt_1", Tenant: "ws_1", Payload: []byte("{}")}, []store.Delivery{d}),
	)
	if err != nil {
		t.Fatal(err)
	}
	d.Version = 1
	return s, d
}

// addAttempts appends attempts to d.
func addAttempts(t *testing.T, s store.Store, d store.Delivery, attempts ...store.Attempt) {
	t.Helper()
	for _, a := range attempts {
		a.DeliveryID, a.Tenant, a.EventID, a.EndpointID = d.ID, d.Tenant, d.EventID, d.EndpointID
		if err := s.UpdateDelivery(t.Context(), d, &a); err != nil {
			t.Fatal(err)
		}
		d.Version++
	}
}
