package integration_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// Processes that want the same thing: each Store has a pool of its own. One
// wins, and the others hear that they lost, not that the database is busy.
func TestRaceOfProcesses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		source := d.source(t)
		stores := make([]*sqlstore.Store, 8)
		for i := range stores {
			stores[i] = mustNew(t, d.open(t, source), d.dialect, sqlstore.Options{})
		}
		mustMigrate(t, stores[0])
		event, deliveries := order("1")
		winners(t, stores, store.ErrExists, func(s *sqlstore.Store) error {
			return s.CreateEvent(t.Context(), event, deliveries)
		})
		deliveries[0].Version = 1
		winners(t, stores, store.ErrConflict, func(s *sqlstore.Store) error {
			return s.UpdateDelivery(t.Context(), deliveries[0], &store.Attempt{ID: "att_1", Tenant: "acme", StartedAt: time.Now()})
		})
		winners(t, stores, store.ErrExists, func(s *sqlstore.Store) error {
			return s.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "acme"})
		})
		winners(t, stores, store.ErrConflict, func(s *sqlstore.Store) error {
			return s.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "acme", Version: 1})
		})
	})
}

// winners wants f to succeed in one of the stores, and to fail with lost in
// the others.
func winners(t *testing.T, stores []*sqlstore.Store, lost error, f func(s *sqlstore.Store) error) {
	t.Helper()
	errs := make([]error, len(stores))
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() { errs[i] = f(s) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, lost):
			t.Errorf("a loser got %v, want %v", err, lost)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d succeeded, want one", won, len(stores))
	}
}
