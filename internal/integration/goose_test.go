package integration_test

import (
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

var gooseDialects = map[sqlstore.Dialect]goose.Dialect{
	sqlstore.PostgreSQL: goose.DialectPostgres,
	sqlstore.SQLite:     goose.DialectSQLite3,
	sqlstore.MySQL:      goose.DialectMySQL,
}

// A host's own tool applies the files, and takes them back. Then the tables are
// the tool's: Migrate changes nothing, and says so.
func TestGoose(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, d.source(t))
		provider, err := goose.NewProvider(gooseDialects[d.dialect], db, d.dialect.Migrations())
		if err != nil {
			t.Fatal(err)
		}
		s := mustNew(t, db, d.dialect, sqlstore.Options{})
		for range 2 {
			up, err := provider.Up(t.Context())
			if err != nil || len(up) != len(migrationNames(t, d.dialect)) {
				t.Fatalf("up: %v, %v", up, err)
			}
			useStore(t, s)
			if _, err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "another tool") {
				t.Errorf("Migrate: %v, want an error that says whose the tables are", err)
			}
			if _, err := s.GetEndpoint(t.Context(), "acme", "ep_1"); err != nil {
				t.Errorf("after Migrate: %v", err)
			}
			if _, err := provider.DownTo(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if err := s.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "acme"}); err == nil {
				t.Error("the tables are there after they were taken back")
			}
		}
		if got := mustMigrate(t, s); len(got) != len(migrationNames(t, d.dialect)) {
			t.Errorf("once the tool has gone, Migrate applied %q", got)
		}
	})
}
