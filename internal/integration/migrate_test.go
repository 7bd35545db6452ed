package integration_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// Ten processes start at once: each pool is one of them.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		source := d.source(t)
		applied := make([][]string, 10)
		errs := make([]error, len(applied))
		var wg sync.WaitGroup
		for i := range applied {
			s := mustNew(t, d.open(t, source), d.dialect, sqlstore.Options{})
			wg.Go(func() { applied[i], errs[i] = s.Migrate(t.Context()) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if got, want := slices.Concat(applied...), migrationNames(t, d.dialect); !slices.Equal(got, want) {
			t.Errorf("ten calls applied %q, want each once: %q", got, want)
		}
	})
}

func TestMigrateAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		endpoint := store.Endpoint{ID: "ep_1", Tenant: "acme"}
		if err := s.PutEndpoint(t.Context(), endpoint); err != nil {
			t.Fatal(err)
		}
		if applied := mustMigrate(t, s); len(applied) != 0 {
			t.Errorf("the second call applied %q, want nothing", applied)
		}
		if _, err := s.GetEndpoint(t.Context(), "acme", "ep_1"); err != nil {
			t.Errorf("after the second call: %v", err)
		}
		// A second set of tables beside the first, which is empty.
		other := mustNew(t, db, d.dialect, sqlstore.Options{TablePrefix: "other_"})
		if got, want := mustMigrate(t, other), migrationNames(t, d.dialect); !slices.Equal(got, want) {
			t.Errorf("with another prefix it applied %q, want %q", got, want)
		}
		if _, err := other.GetEndpoint(t.Context(), "acme", "ep_1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("GetEndpoint in the other tables: %v, want ErrNotFound", err)
		}
	})
}

// What fails half-way leaves nothing behind that the next call stumbles over.
func TestMigrateAgainAfterAnError(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, d.source(t))
		mustExec(t, db, "CREATE TABLE outhook_attempts (mine text)") // the last one of the file
		s := mustNew(t, db, d.dialect, sqlstore.Options{})
		if applied, err := s.Migrate(t.Context()); err == nil {
			t.Fatalf("applied %q over a table of the host's", applied)
		}
		mustExec(t, db, "DROP TABLE outhook_attempts")
		if got, want := mustMigrate(t, s), migrationNames(t, d.dialect); !slices.Equal(got, want) {
			t.Errorf("once the table is gone it applied %q, want %q", got, want)
		}
	})
}

// The files do by themselves what Migrate does, forwards and back.
func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		source := d.source(t)
		if d.dialect == sqlstore.MySQL {
			source += "?multiStatements=true"
		}
		db := d.open(t, source)
		names := migrationNames(t, d.dialect)
		for range 2 {
			for _, name := range names {
				up, _ := migrationFile(t, d.dialect, name)
				mustExec(t, db, up)
			}
			useStore(t, mustNew(t, db, d.dialect, sqlstore.Options{}))
			for _, name := range slices.Backward(names) {
				_, down := migrationFile(t, d.dialect, name)
				mustExec(t, db, down)
			}
		}
	})
}

// useStore writes and reads a row of each table.
func useStore(t *testing.T, s store.Store) {
	t.Helper()
	event, deliveries := order("1")
	err := errors.Join(
		s.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "acme"}),
		s.CreateEvent(t.Context(), event, deliveries),
	)
	deliveries[0].Version = 1
	a := &store.Attempt{ID: "att_1", Tenant: "acme", DeliveryID: deliveries[0].ID, StartedAt: time.Now()}
	if err := errors.Join(err, s.UpdateDelivery(t.Context(), deliveries[0], a)); err != nil {
		t.Fatal(err)
	}
	job, err := store.LoadJob(t.Context(), s, "acme", deliveries[0].ID)
	if err != nil || job.Event == nil || job.Endpoint == nil {
		t.Errorf("LoadJob = %+v, %v", job, err)
	}
	attempts, err := s.ListAttempts(t.Context(), store.AttemptFilter{Tenant: "acme"})
	if err != nil || len(attempts.Items) != 1 {
		t.Errorf("ListAttempts = %+v, %v; want the one", attempts, err)
	}
}

func migrationNames(t *testing.T, d sqlstore.Dialect) []string {
	t.Helper()
	files, err := fs.Glob(d.Migrations(), "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations of %s: %q, %v", d, files, err)
	}
	for i, name := range files {
		files[i] = strings.TrimSuffix(name, ".sql")
	}
	return files
}

func migrationFile(t *testing.T, d sqlstore.Dialect, name string) (up, down string) {
	t.Helper()
	text, err := fs.ReadFile(d.Migrations(), name+".sql")
	if err != nil {
		t.Fatal(err)
	}
	up, down, ok := strings.Cut(string(text), "-- +goose Down\n")
	if !ok || !strings.HasPrefix(up, "-- +goose Up\n") {
		t.Fatalf("%s lacks goose's annotations", name)
	}
	return up, down
}

func mustBegin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}
