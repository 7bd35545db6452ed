package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
	"github.com/outhook/outhook/storetest"
)

var mysql = databases[3]

// The settings of the driver that change what it sends and gives back change
// nothing here.
func TestMySQL(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]string{
		"default":  "",
		"settings": "?interpolateParams=true&clientFoundRows=true&parseTime=true&loc=Asia%2FKathmandu&time_zone=%27-03%3A00%27",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Each case gets tables of its own, which is quicker than a database.
			db := mysql.open(t, mysql.source(t)+settings)
			var prefixes atomic.Int64
			storetest.Run(t, func(t *testing.T) store.Store {
				s := mustNew(t, db, mysql.dialect, sqlstore.Options{TablePrefix: fmt.Sprintf("case_%d_", prefixes.Add(1))})
				mustMigrate(t, s)
				return s
			})
		})
	}
}

// Whenever a migration is cut off, the next one goes on where it stopped.
func TestMySQLMigrateIsCutOff(t *testing.T) {
	t.Parallel()
	db := mysql.open(t, mysql.source(t))
	s := mustNew(t, db, mysql.dialect, sqlstore.Options{})
	cutOff := 0
	for wait := time.Duration(0); ; wait += 200 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, err := s.Migrate(ctx)
		cancel()
		if err == nil {
			break
		}
		var timeout net.Error // a dial may end a moment before its context
		if !errors.Is(err, context.DeadlineExceeded) && (!errors.As(err, &timeout) || !timeout.Timeout()) {
			t.Fatalf("after %s: %v", wait, err)
		}
		cutOff++
	}
	t.Logf("%d calls were cut off", cutOff)
	whole, dbOfWhole := mysql.fresh(t)
	if got, want := tables(t, db), tables(t, dbOfWhole); got != want {
		t.Errorf("it left\n%s\nwant\n%s", got, want)
	}
	useStore(t, s)
	useStore(t, whole)
}

// The end of the process between a statement and the next one leaves either of
// these: what is done was not noted as done, and what was noted is not done.
func TestMySQLMigrateAfterACrash(t *testing.T) {
	t.Parallel()
	_, whole := mysql.fresh(t)
	want := tables(t, whole)
	for _, done := range []bool{true, false} {
		db := mysql.open(t, mysql.source(t)+"?multiStatements=true")
		s := mustNew(t, db, mysql.dialect, sqlstore.Options{})
		mysql.firstVersion(t, db, "0001_tables")
		mustExec(t, db, "DROP TABLE outhook_deliveries, outhook_attempts")
		mustExec(t, db, "DELETE FROM outhook_migrations")
		mustExec(t, db, "INSERT INTO outhook_migrations (name) VALUES ('0001_tables.0'), ('0001_tables.1')")
		if !done {
			mustExec(t, db, "DROP TABLE outhook_events")
		}
		if got, want := mustMigrate(t, s), migrationNames(t, mysql.dialect); !slices.Equal(got, want) {
			t.Errorf("it applied %q, want %q", got, want)
		}
		if got := tables(t, db); got != want {
			t.Errorf("done %t: it left\n%s\nwant\n%s", done, got, want)
		}
		if applied := mustMigrate(t, s); len(applied) != 0 {
			t.Errorf("then it applied %q, want nothing", applied)
		}
	}
}

// tables returns how the tables were made, and what was noted.
func tables(t *testing.T, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"migrations", "endpoints", "events", "deliveries", "attempts", "stats", "stats_mark", "replays"} {
		var text string
		if err := db.QueryRowContext(t.Context(), "SHOW CREATE TABLE outhook_"+name).Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		b.WriteString(text + "\n")
	}
	var noted string
	err := db.QueryRowContext(t.Context(), "SELECT group_concat(name ORDER BY name) FROM outhook_migrations").Scan(&noted)
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + noted
}

// snapshotIsolation is the setting with which MariaDB ends a transaction that
// writes a row that has changed since its snapshot. Newer versions have it on.
func snapshotIsolation(t *testing.T) string {
	t.Helper()
	db := mysql.open(t, mysql.source(t))
	var name, value string
	err := db.QueryRowContext(t.Context(), "SHOW VARIABLES LIKE 'innodb_snapshot_isolation'").Scan(&name, &value)
	if errors.Is(err, sql.ErrNoRows) {
		t.Skip("the server has no innodb_snapshot_isolation")
	}
	if err != nil {
		t.Fatal(err)
	}
	return "?innodb_snapshot_isolation=ON"
}

// A transaction of the host's that the server has ended because of somebody
// else's change is aborted: what the host went on to write would be kept,
// whatever became of its transaction.
func TestMySQLSnapshotIsolation(t *testing.T) {
	t.Parallel()
	db := mysql.open(t, mysql.source(t)+snapshotIsolation(t))
	s := mustNew(t, db, mysql.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	event, deliveries := order("1")
	if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
		t.Fatal(err)
	}
	d := deliveries[0]
	d.Version = 1
	other, others := order("2")
	for what, lose := range map[string]func(tx store.Store) error{
		"a delivery that was updated": func(tx store.Store) error {
			if err := s.UpdateDelivery(t.Context(), d, attemptOf(d, 1)); err != nil {
				t.Fatal(err)
			}
			return tx.UpdateDelivery(t.Context(), d, nil)
		},
		"an event that was created": func(tx store.Store) error {
			if err := s.CreateEvent(t.Context(), other, others); err != nil {
				t.Fatal(err)
			}
			return tx.CreateEvent(t.Context(), other, others)
		},
	} {
		tx := mustBegin(t, db)
		if _, err := s.Tx(tx).GetDelivery(t.Context(), d.Tenant, d.ID); err != nil { // from here it has a snapshot
			t.Fatal(err)
		}
		if err := lose(s.Tx(tx)); !errors.Is(err, sqlstore.ErrAborted) {
			t.Errorf("%s: %v, want ErrAborted", what, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// Without strict mode a long id would be cut off, and be somebody else's.
func TestMySQLMustBeStrict(t *testing.T) {
	t.Parallel()
	s := mustNew(t, mysql.open(t, mysql.source(t)+"?sql_mode=%27%27"), mysql.dialect, sqlstore.Options{})
	if _, err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "STRICT_TRANS_TABLES") {
		t.Errorf("Migrate: %v, want an error that names the mode", err)
	}
	strict, _ := mysql.fresh(t)
	long := store.Endpoint{ID: strings.Repeat("x", 257), Tenant: "acme"}
	if err := strict.PutEndpoint(t.Context(), long); err == nil {
		t.Error("an id of 257 bytes is taken")
	}
}

func TestMySQLNeedsADatabase(t *testing.T) {
	t.Parallel()
	source, _, _ := strings.Cut(mysql.source(t), "/")
	s := mustNew(t, mysql.open(t, source+"/"), mysql.dialect, sqlstore.Options{})
	if _, err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "name a database") {
		t.Errorf("Migrate: %v, want an error that says what is missing", err)
	}
}

// A transaction that began to see before somebody else sent the same event finds
// it taken and not there: the host is told to make it again.
func TestSendInOfAnEventThatMySQLHides(t *testing.T) {
	t.Parallel()
	s, db := mysql.fresh(t)
	cfg := sender.Config{Store: s, Redis: testenv.Redis(t).Client()}
	snd, err := sender.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	event := sender.Event{ID: "order-17", Tenant: "acme", Type: "order.paid", Payload: []byte(`{}`)}
	tx := mustBegin(t, db)
	defer tx.Rollback()
	if _, err := s.Tx(tx).GetEvent(t.Context(), "acme", event.ID); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("before anybody sent it: %v", err)
	}
	if _, err := snd.Send(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if _, err := sender.SendIn(t.Context(), snd, s.Tx(tx), event); !errors.Is(err, store.ErrConflict) {
		t.Errorf("in the old transaction: %v, want ErrConflict", err)
	}
	again := mustBegin(t, db)
	defer again.Rollback()
	if receipt, err := sender.SendIn(t.Context(), snd, s.Tx(again), event); err != nil || !receipt.Duplicate {
		t.Errorf("in a new transaction: %+v, %v; want a duplicate", receipt, err)
	}
}
