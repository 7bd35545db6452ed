package integration_test

import (
	"context"
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

// A replay that commits while the event is being removed is not lost: it is the
// removal that fails.
func TestPurgeYieldsToReplay(t *testing.T) {
	t.Parallel()
	d := databases[0] // in SQLite one of them waits for the other
	s, db := d.fresh(t)
	event, deliveries := order("1")
	deliveries[0].State = store.Failed
	if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
		t.Fatal(err)
	}
	tx := mustBegin(t, db)
	deliveries[0].State, deliveries[0].Version = store.Pending, 1
	if err := s.Tx(tx).UpdateDelivery(t.Context(), deliveries[0], nil); err != nil {
		t.Fatal(err)
	}

	purged := make(chan error)
	go func() {
		_, err := s.Purge(t.Context(), store.PurgeFilter{Before: time.Now().Add(time.Hour)})
		purged <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for waiting := 0; waiting == 0; {
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity"+
			" WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-purged; !errors.Is(err, store.ErrConflict) {
		t.Errorf("Purge: %v, want ErrConflict", err)
	}
	if job, err := s.LoadJob(t.Context(), "acme", "dlv_1"); err != nil || job.Event == nil {
		t.Errorf("LoadJob = %+v, %v; want the delivery and its event", job, err)
	}
}
