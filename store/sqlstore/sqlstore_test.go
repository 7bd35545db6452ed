package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// What needs a database is tested in internal/integration, with drivers.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere is a database that cannot be reached.
type nowhere struct{}

var errNowhere = errors.New("no way there")

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, errNowhere }
func (nowhere) Driver() driver.Driver                        { return nil }

func unreachable(t *testing.T) *sql.DB {
	t.Helper()
	db := sql.OpenDB(nowhere{})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := New(nil, 7, Options{TablePrefix: "Bad-", Schema: `"; DROP`})
	if err == nil {
		t.Fatal("New accepts anything")
	}
	for _, want := range []string{
		"db is nil", "the dialect is Dialect(7)", `Options.TablePrefix is "Bad-"`, `Options.Schema is "\"; DROP"`, "only PostgreSQL",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v\nwant also %q", err, want)
		}
	}
}

func TestNewDefaults(t *testing.T) {
	t.Parallel()
	s, err := New(unreachable(t), PostgreSQL, Options{Schema: "hooks"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.tableName("events"), "hooks.outhook_events"; got != want {
		t.Errorf("the table of events is %s, want %s", got, want)
	}
}

// The error of the driver is passed on, below the name of the record.
func TestErrorsNameTheirSubject(t *testing.T) {
	t.Parallel()
	s, err := New(unreachable(t), SQLite, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.GetEndpoint(t.Context(), "acme", "ep_1")
	if want := `endpoint "ep_1": no way there`; err == nil || err.Error() != want || !errors.Is(err, errNowhere) {
		t.Errorf("GetEndpoint: %v, want %s", err, want)
	}
	if _, err := s.Migrate(t.Context()); !errors.Is(err, errNowhere) {
		t.Errorf("Migrate: %v, want %v", err, errNowhere)
	}
	if _, err := s.Tx(&sql.Tx{}).(*Store).Migrate(t.Context()); err == nil {
		t.Error("Migrate works inside a transaction of the host")
	}
}

// Who waits for another writer waits no longer than its context.
func TestWaitForWriterEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s, err := New(unreachable(t), SQLite, Options{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.waitForWriter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.waitForWriter(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second writer: %v, want %v", err, context.DeadlineExceeded)
	}
	done()
	done, err = s.waitForWriter(t.Context())
	if err != nil {
		t.Fatalf("after the first one: %v", err)
	}
	done()
}

func TestNumberParameters(t *testing.T) {
	t.Parallel()
	const statement = "SELECT ? WHERE (?, ?) < id"
	if got, want := dialects[PostgreSQL].numberParameters(statement), "SELECT $1 WHERE ($2, $3) < id"; got != want {
		t.Errorf("PostgreSQL: %s, want %s", got, want)
	}
	if got := dialects[SQLite].numberParameters(statement); got != statement {
		t.Errorf("SQLite: %s, want %s", got, statement)
	}
}

// driverError is as the errors of MySQL's driver are.
type driverError struct{ Number uint16 }

func (e *driverError) Error() string { return "refused" }

func TestMySQLErrors(t *testing.T) {
	t.Parallel()
	var none *driverError
	for _, c := range []struct {
		err  error
		want uint64
	}{
		{nil, 0},
		{errNowhere, 0},
		{none, 0},
		{&driverError{1062}, 1062},
		{fmt.Errorf("event: %w", &driverError{1213}), 1213},
		{&fs.PathError{Op: "open", Err: errNowhere}, 0},
	} {
		if got := mysqlError(c.err); got != c.want {
			t.Errorf("of %v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	const file = "-- +goose Up\n\n-- Not; this.\nCREATE TABLE a (\n\t-- Nor; this.\n\tid text\n);\n\nDROP TABLE b;\n"
	want := []string{"CREATE TABLE a (\n\tid text\n)", "DROP TABLE b"}
	if got := split(file); !slices.Equal(got, want) {
		t.Errorf("split: %q, want %q", got, want)
	}
}

// All databases have the same migrations, so that a version of the package
// means the same in each.
func TestDialectsHaveTheSameMigrations(t *testing.T) {
	t.Parallel()
	names := map[Dialect]string{}
	for d := range dialects {
		files, err := fs.Glob(d.Migrations(), "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		names[d] = strings.Join(files, " ")
	}
	for d := range dialects {
		if names[d] == "" || names[d] != names[PostgreSQL] {
			t.Errorf("migrations: %v", names)
		}
	}
}
