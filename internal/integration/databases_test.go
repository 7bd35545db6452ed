package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store/sqlstore"
)

// database is a kind of database with a driver for it.
type database struct {
	name    string
	driver  string
	dialect sqlstore.Dialect
}

var databases = []database{
	{"PostgreSQL with pgx", "pgx", sqlstore.PostgreSQL},
	{"PostgreSQL with lib-pq", "postgres", sqlstore.PostgreSQL},
	{"SQLite", "sqlite", sqlstore.SQLite},
	{"MySQL", "mysql", sqlstore.MySQL},
}

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	on(t, databases, test)
}

// onEachServer runs a test on each database whose transactions do not all wait
// for each other.
func onEachServer(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	servers := slices.DeleteFunc(slices.Clone(databases), func(d database) bool { return d.dialect == sqlstore.SQLite })
	on(t, servers, test)
}

func on(t *testing.T, databases []database, test func(t *testing.T, d database)) {
	t.Helper()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

// waitForLock waits until an UPDATE waits for somebody else's lock.
func (d database) waitForLock(t *testing.T, db *sql.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	query := "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
	if d.dialect == sqlstore.MySQL {
		// The view of locks is never fresh for who looks all the time. That one
		// is being run says that it waits, or will.
		query = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE %' AND db = DATABASE()"
	}
	for waiting := 0; waiting == 0; {
		err := db.QueryRowContext(ctx, query).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// source returns the data source name of a new database.
func (d database) source(t testing.TB) string {
	t.Helper()
	switch d.dialect {
	case sqlstore.PostgreSQL:
		return testenv.Postgres(t)
	case sqlstore.MySQL:
		return testenv.MySQL(t)
	default:
	}
	return "file:" + filepath.Join(t.TempDir(), "outhook.db") + "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)"
}

// open connects to the database. The pool is closed when the test is over.
func (d database) open(t testing.TB, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}

func mustNew(t testing.TB, db *sql.DB, d sqlstore.Dialect, o sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustMigrate(t testing.TB, s *sqlstore.Store) []string {
	t.Helper()
	applied, err := s.Migrate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// fresh returns a Store in a database of its own.
func (d database) fresh(t testing.TB) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	db := d.open(t, d.source(t))
	s := mustNew(t, db, d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	return s, db
}

func mustExec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", statement, err))
	}
}
