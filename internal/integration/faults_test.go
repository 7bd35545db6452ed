package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
	"github.com/outhook/outhook/storetest"
)

// With another isolation level than PostgreSQL's default a race is lost by an
// error of its own. The Store tries again, and says what the contract says.
func TestSerializable(t *testing.T) {
	t.Parallel()
	for _, d := range databases[:2] {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.source(t)+"&default_transaction_isolation=serializable")
			var schemas atomic.Int64
			storetest.Run(t, func(t *testing.T) store.Store {
				o := sqlstore.Options{Schema: fmt.Sprintf("schema_%d", schemas.Add(1))}
				mustExec(t, db, "CREATE SCHEMA "+o.Schema)
				s := mustNew(t, db, d.dialect, o)
				mustMigrate(t, s)
				return s
			})
		})
	}
}

// clients update deliveries of their own while the database fails, and check
// what they are told against what is there.
type clients struct {
	t *testing.T
	s *sqlstore.Store

	recorded  atomic.Int64
	uncertain atomic.Int64
	failed    atomic.Int64
}

func (c *clients) run(ctx context.Context, id string) {
	_, deliveries := order(id)
	d := deliveries[0]
	d.Version = 1
	for i := 0; ctx.Err() == nil; i++ {
		a := attemptOf(d, i)
		callCtx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
		err := c.s.UpdateDelivery(callCtx, d, a)
		cancel()
		switch {
		case err == nil:
			d.Version++
			c.recorded.Add(1)
			continue
		case errors.Is(err, sqlstore.ErrUncertain):
			c.uncertain.Add(1)
		case errors.Is(err, sqlstore.ErrUnavailable):
			c.failed.Add(1)
		default:
			c.t.Errorf("delivery %s: %v; want success or an error that says what is known", d.ID, err)
			return
		}
		stored := c.reload(d)
		made := stored.Version == d.Version+1
		if made && !errors.Is(err, sqlstore.ErrUncertain) {
			c.t.Errorf("delivery %s: %v, but it was written", d.ID, err)
		}
		if !made && stored.Version != d.Version {
			c.t.Errorf("delivery %s has version %d, want %d or the next", d.ID, stored.Version, d.Version)
			return
		}
		d.Version = stored.Version
		if made {
			c.recorded.Add(1)
		}
	}
	page, err := c.s.ListAttempts(c.t.Context(), store.AttemptFilter{Tenant: "acme", DeliveryID: d.ID, Limit: 1})
	stored := c.reload(d)
	if err != nil || stored.Version != d.Version || (d.Version > 1) != (len(page.Items) == 1) {
		c.t.Errorf("delivery %s: version %d, %d attempts, %v; want version %d", d.ID, stored.Version, len(page.Items), err, d.Version)
	}
}

// reload reads the delivery as soon as the database can be reached.
func (c *clients) reload(d store.Delivery) store.Delivery {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	for {
		job, err := c.s.LoadJob(ctx, d.Tenant, d.ID)
		if err == nil {
			return job.Delivery
		}
		if !errors.Is(err, sqlstore.ErrUnavailable) || errors.Is(err, sqlstore.ErrUncertain) || ctx.Err() != nil {
			c.t.Errorf("delivery %s: LoadJob: %v, want ErrUnavailable alone", d.ID, err)
			return d
		}
	}
}

// hurt runs clients while disturb does its worst.
func hurt(t *testing.T, d database, source string, disturb func(db *sql.DB, c *clients)) *clients {
	t.Helper()
	s := mustNew(t, d.open(t, source), d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	c := &clients{t: t, s: s}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 20 {
		event, deliveries := order(fmt.Sprint(i))
		if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		wg.Go(func() { c.run(ctx, fmt.Sprint(i)) })
	}
	disturb(d.open(t, source), c)
	stop()
	wg.Wait()
	var attempts int64
	db := d.open(t, source)
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM outhook_attempts").Scan(&attempts); err != nil {
		t.Fatal(err)
	}
	if want := c.recorded.Load(); attempts != want {
		t.Errorf("%d attempts are there, want the %d that were acknowledged or found", attempts, want)
	}
	testenv.Reportf(t, "%d recorded, %d failed for certain, %d uncertain", c.recorded.Load(), c.failed.Load(), c.uncertain.Load())
	return c
}

// waitFor returns when the clients have recorded as many more.
func (c *clients) waitFor(more int64) {
	until := c.recorded.Load() + more
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); c.recorded.Load() < until; <-ticker.C {
		if time.Now().After(deadline) {
			c.t.Errorf("%d recorded after a minute, want %d", c.recorded.Load(), until)
			return
		}
	}
}

// Connections that are ended in the middle of what they do.
func TestTerminatedConnections(t *testing.T) {
	t.Parallel()
	for _, d := range databases[:2] {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			hurt(t, d, d.source(t), func(db *sql.DB, c *clients) {
				for range 30 {
					c.waitFor(30)
					mustExec(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"+
						" WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'")
				}
			})
		})
	}
}

// A transaction of the Store's own whose connection was ended before its commit
// is made again on another one, also if it had just begun.
func TestTerminatedTransactions(t *testing.T) {
	t.Parallel()
	// Without the check the pool hands out connections that were ended.
	for _, settings := range []string{"", "?checkConnLiveness=false"} {
		t.Run(settings, func(t *testing.T) {
			t.Parallel()
			c := hurt(t, mysql, mysql.source(t)+settings, func(db *sql.DB, c *clients) {
				killer, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer killer.Close()
				for range 30 {
					c.waitFor(30)
					killOthers(t, killer)
				}
			})
			if n := c.failed.Load(); n > 0 {
				t.Errorf("%d failed for certain, want them tried again", n)
			}
		})
	}
}

// killOthers ends all connections to the database but conn.
func killOthers(t *testing.T, conn *sql.Conn) {
	t.Helper()
	var kill sql.NullString
	err := conn.QueryRowContext(t.Context(), "SELECT group_concat('KILL ', id SEPARATOR ';') FROM information_schema.processlist"+
		" WHERE db = DATABASE() AND id <> CONNECTION_ID()").Scan(&kill)
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(kill.String, ";") {
		_, err := conn.ExecContext(t.Context(), statement)
		const gone = "Unknown thread id"
		if err != nil && !strings.Contains(err.Error(), gone) {
			t.Fatal(err)
		}
	}
}

// Who got no connection before the deadline has written nothing, for certain.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	for _, d := range databases[2:] { // where the writes are transactions
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			s, db := d.fresh(t)
			db.SetMaxOpenConns(1)
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			event, deliveries := order("1")
			err = s.CreateEvent(ctx, event, deliveries)
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sqlstore.ErrUncertain) {
				t.Errorf("without a connection: %v, want the deadline and no ErrUncertain", err)
			}
		})
	}
}

// A server that crashes and comes back.
func TestRestartedServer(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	c := hurt(t, databases[0], server.Database(), func(_ *sql.DB, c *clients) {
		for range 3 {
			c.waitFor(200)
			server.Stop()
			server.Start()
		}
		c.waitFor(200)
	})
	if c.failed.Load()+c.uncertain.Load() == 0 {
		t.Error("nobody noticed that the server was down")
	}
}

// A write that a deadlock ends is made again; a transaction of the host's is the
// host's to repeat.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	d := databases[0]
	source := d.source(t)
	// The Store's connections look for deadlocks, and yield; the host's do not.
	s := mustNew(t, d.open(t, source+"&deadlock_timeout=3s"), d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	db := d.open(t, source+"&deadlock_timeout=10min")
	create := func(into store.Store, event string, deliveries ...string) error {
		e, all := order(event)
		all = all[:0]
		for _, id := range deliveries {
			all = append(all, store.Delivery{ID: id, Tenant: e.Tenant, EventID: e.ID, State: store.Pending, CreatedAt: e.CreatedAt})
		}
		return into.CreateEvent(t.Context(), e, all)
	}
	host := mustBegin(t, db)
	if err := create(s.Tx(host), "1", "dlv_2"); err != nil {
		t.Fatal(err)
	}
	created := make(chan error, 1)
	go func() { created <- create(s, "2", "dlv_1", "dlv_2") }()
	waitForLocks(t, db, 1)
	if err := create(s.Tx(host), "3", "dlv_1"); err != nil {
		t.Errorf("the host's event: %v", err)
	}
	if err := host.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-created; err != nil {
		t.Errorf("after a deadlock: %v", err)
	}

	// Between two of the host's.
	patient, victim := mustBegin(t, db), mustBegin(t, d.open(t, source+"&deadlock_timeout=3s"))
	if err := errors.Join(create(s.Tx(patient), "4", "dlv_4"), create(s.Tx(victim), "5", "dlv_5")); err != nil {
		t.Fatal(err)
	}
	go func() { created <- create(s.Tx(victim), "6", "dlv_4") }()
	waitForLocks(t, db, 1)
	waited := make(chan error, 1)
	go func() { waited <- create(s.Tx(patient), "7", "dlv_5") }()
	var cause *pgconn.PgError
	err := <-created
	if !errors.Is(err, sqlstore.ErrAborted) || errors.Is(err, sqlstore.ErrUnavailable) || !errors.As(err, &cause) || cause.Code != "40P01" {
		t.Errorf("the victim: %v, want ErrAborted and PostgreSQL's own error", err)
	}
	if err := errors.Join(victim.Rollback(), <-waited, patient.Rollback()); err != nil {
		t.Error(err)
	}
}

// In a transaction of the host's a serialization failure is the host's to
// repeat.
func TestTxAborted(t *testing.T) {
	t.Parallel()
	d := databases[0]
	s, db := d.fresh(t)
	event, deliveries := order("1")
	if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	change := deliveries[0]
	change.Version = 1
	if _, err := s.Tx(tx).GetDelivery(t.Context(), "acme", change.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateDelivery(t.Context(), change, attemptOf(change, 1)); err != nil {
		t.Fatal(err)
	}
	var cause *pgconn.PgError
	err = s.Tx(tx).UpdateDelivery(t.Context(), change, nil)
	if !errors.Is(err, sqlstore.ErrAborted) || errors.Is(err, sqlstore.ErrUnavailable) || !errors.As(err, &cause) || cause.Code != "40001" {
		t.Errorf("after somebody else's change: %v, want ErrAborted and PostgreSQL's own error", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

// A transaction of the host's whose connection was lost is aborted, whichever
// call it is that notices.
func TestTxLost(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		pid, end := "SELECT pg_backend_pid()", "SELECT pg_terminate_backend(%d, 60000)"
		if d.dialect == sqlstore.MySQL {
			pid, end = "SELECT connection_id()", "KILL %d"
		}
		tx := mustBegin(t, db)
		var id int
		if err := tx.QueryRowContext(t.Context(), pid).Scan(&id); err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, fmt.Sprintf(end, id))
		event, deliveries := order("1")
		for range 2 {
			_, err := s.Tx(tx).GetEvent(t.Context(), "acme", event.ID)
			for _, err := range []error{err, s.Tx(tx).CreateEvent(t.Context(), event, deliveries)} {
				if !errors.Is(err, sqlstore.ErrAborted) || !errors.Is(err, sqlstore.ErrUnavailable) || errors.Is(err, sqlstore.ErrUncertain) {
					t.Errorf("after the end of the connection: %v, want ErrAborted and ErrUnavailable", err)
				}
			}
		}
		_ = tx.Rollback() // it has no connection
	})
}

// The database's own timeouts fail the row that is locked, for certain, and
// not those beside it.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"statement_timeout=300", "lock_timeout=300"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			d := databases[0]
			source := d.source(t)
			s := mustNew(t, d.open(t, source+"&"+setting), d.dialect, sqlstore.Options{})
			mustMigrate(t, s)
			for i := range 4 {
				event, deliveries := order(fmt.Sprint(i))
				if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
					t.Fatal(err)
				}
			}
			release := lockRow(t, d.open(t, source), "dlv_1")
			defer release()
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					_, deliveries := order(fmt.Sprint(i))
					deliveries[0].Version = 1
					errs[i] = s.UpdateDelivery(t.Context(), deliveries[0], attemptOf(deliveries[0], i))
				})
			}
			wg.Wait()
			for i, err := range errs {
				if locked := i == 1; locked != errors.Is(err, sqlstore.ErrUnavailable) || errors.Is(err, sqlstore.ErrUncertain) || !locked && err != nil {
					t.Errorf("delivery %d: %v; want ErrUnavailable for the locked one alone", i, err)
				}
			}
		})
	}
}

// A SQLite database that somebody else keeps locked is busy, and then free.
func TestBusy(t *testing.T) {
	t.Parallel()
	d := databases[2]
	source := d.source(t)
	other := d.open(t, source)
	db := d.open(t, strings.Replace(source, "busy_timeout(30000)", "busy_timeout(1)", 1))
	s := mustNew(t, db, d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	event, deliveries := order("1")
	run("BEGIN IMMEDIATE")
	err = s.CreateEvent(t.Context(), event, deliveries)
	if !errors.Is(err, sqlstore.ErrUnavailable) || errors.Is(err, sqlstore.ErrUncertain) {
		t.Errorf("while somebody else writes: %v, want ErrUnavailable", err)
	}
	created := make(chan error)
	go func() { created <- s.CreateEvent(t.Context(), event, deliveries) }()
	run("ROLLBACK")
	if err := <-created; err != nil {
		t.Errorf("when it is free again: %v", err)
	}
	// Inside a transaction of the host's it is the host's to begin again.
	tx := mustBegin(t, db)
	run("BEGIN IMMEDIATE")
	err = s.Tx(tx).CreateEvent(t.Context(), store.Event{ID: "evt_2", Tenant: "acme"}, nil)
	if !errors.Is(err, sqlstore.ErrAborted) {
		t.Errorf("inside: %v, want ErrAborted", err)
	}
	run("ROLLBACK")
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
}
