package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// Many callers at once, some of whose calls must fail: each gets its own
// result, and what succeeded is there, and nothing else is.
func TestTogetherEachHasItsResult(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		const callers, updates = 64, 40
		s, _ := d.fresh(t)
		recorded := make([]int, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() { recorded[i] = manyUpdates(t, s, d, i, updates) })
		}
		wg.Wait()
		for i, want := range recorded {
			f := store.AttemptFilter{Tenant: "acme", DeliveryID: fmt.Sprintf("dlv_%d", i), Limit: store.MaxLimit}
			attempts, err := s.ListAttempts(t.Context(), f)
			job, jobErr := s.LoadJob(t.Context(), "acme", f.DeliveryID)
			if err := errors.Join(err, jobErr); err != nil {
				t.Fatal(err)
			}
			if got := len(attempts.Items); got != want || job.Delivery.Attempts != want || job.Delivery.Version != int64(want)+1 {
				t.Errorf("caller %d: %d attempts, and the delivery has %d and version %d; want %d attempts",
					i, got, job.Delivery.Attempts, job.Delivery.Version, want)
			}
		}
	})
}

// manyUpdates creates a delivery and updates it, and tries now and then what
// must fail. It returns how many updates succeeded.
func manyUpdates(t *testing.T, s *sqlstore.Store, d database, caller, updates int) (recorded int) {
	event, deliveries := order(fmt.Sprint(caller))
	if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
		t.Error(err)
	}
	if err := s.CreateEvent(t.Context(), event, deliveries); !errors.Is(err, store.ErrExists) {
		t.Errorf("the event again: %v, want ErrExists", err)
	}
	current := deliveries[0]
	current.Version = 1
	var last *store.Attempt
	for i := range updates {
		next, a := current, attemptOf(current, i)
		next.Attempts++
		var want error
		switch rand.N(6) {
		case 0:
			next.Version += 3
			want = store.ErrConflict
		case 1:
			next.ID = "dlv_absent"
			want = store.ErrNotFound
		case 2:
			if last != nil {
				a, want = last, store.ErrExists
			}
		case 3:
			if d.dialect == sqlstore.PostgreSQL {
				a.Error, want = "no text: \x00", errAny
			}
		}
		err := s.UpdateDelivery(t.Context(), next, a)
		switch {
		case want == nil && err == nil:
			current, last = next, a
			current.Version++
			recorded++
		case errors.Is(want, errAny) && err != nil && !isDecision(err):
		case want == nil || !errors.Is(err, want):
			t.Errorf("caller %d, update %d: %v, want %v", caller, i, err, want)
			return recorded
		}
		job, err := s.LoadJob(t.Context(), "acme", current.ID)
		if err != nil || job.Delivery.Version != current.Version || job.Event == nil || job.Event.ID != event.ID {
			t.Errorf("caller %d loads %+v, %v; want version %d", caller, job, err, current.Version)
			return recorded
		}
	}
	return recorded
}

// errAny stands for what a database says of a value that it does not take.
var errAny = errors.New("any error but a decision of the Store")

func isDecision(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists)
}

// statements keeps what pgx sends.
type statements struct {
	mu   sync.Mutex
	sent []string
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, data.SQL)
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// traced returns a Store in PostgreSQL whose statements are kept.
func traced(t *testing.T) (*sqlstore.Store, *sql.DB, *statements) {
	t.Helper()
	config, err := pgx.ParseConfig(databases[0].source(t))
	if err != nil {
		t.Fatal(err)
	}
	sent := &statements{}
	config.Tracer = sent
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	s := mustNew(t, db, sqlstore.PostgreSQL, sqlstore.Options{})
	mustMigrate(t, s)
	return s, db, sent
}

// Who calls alone pays for nobody else: one statement, without a detour.
func TestTogetherAloneIsOneStatement(t *testing.T) {
	t.Parallel()
	s, _, sent := traced(t)
	sent.take()
	event, deliveries := order("1")
	d := deliveries[0]
	d.Version = 1
	for _, call := range []struct {
		begins string
		make   func() error
	}{
		{"WITH event AS (INSERT INTO outhook_events (tenant, id, type, payload, content_type, hops, created_at) VALUES ($1", func() error {
			return s.CreateEvent(t.Context(), event, deliveries)
		}},
		{"WITH changed AS (UPDATE outhook_deliveries SET state = $1", func() error {
			return s.UpdateDelivery(t.Context(), d, attemptOf(d, 1))
		}},
		{"SELECT d.tenant", func() error {
			_, err := s.LoadJob(t.Context(), "acme", d.ID)
			return err
		}},
	} {
		if err := call.make(); err != nil {
			t.Fatal(err)
		}
		if got := sent.take(); len(got) != 1 || !strings.HasPrefix(got[0], call.begins) {
			t.Errorf("sent %q, want one statement that begins with %q", got, call.begins)
		}
	}
}

// lockRow keeps everybody from changing a delivery until release is called.
func lockRow(t *testing.T, db *sql.DB, id string) (release func()) {
	t.Helper()
	tx := mustBegin(t, db)
	if _, err := tx.ExecContext(t.Context(), "SELECT FROM outhook_deliveries WHERE id = $1 FOR UPDATE", id); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Errorf("release %s: %v", id, err)
		}
	}
}

// waitForLocks returns when as many statements wait for a lock.
func waitForLocks(t *testing.T, db *sql.DB, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for waiting := -1; waiting != want; {
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity"+
			" WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waiting)
		if err != nil {
			t.Fatalf("%d statements wait for a lock, want %d: %v", waiting, want, err)
		}
	}
}

// Calls that come while one is under way share a statement. They do not wait
// for one that takes long.
func TestTogetherIsAFewStatements(t *testing.T) {
	t.Parallel()
	s, db, sent := traced(t)
	const orders = 100
	for i := range orders {
		event, deliveries := order(fmt.Sprint(i))
		if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
			t.Fatal(err)
		}
	}
	release := lockRow(t, db, "dlv_0")
	results := make([]chan error, orders)
	update := func(ctx context.Context, i int) {
		results[i] = make(chan error, 1)
		go func() {
			_, deliveries := order(fmt.Sprint(i))
			deliveries[0].Version = 1
			results[i] <- s.UpdateDelivery(ctx, deliveries[0], attemptOf(deliveries[0], i))
		}()
	}
	sent.take()
	update(t.Context(), 0)
	waitForLocks(t, db, 1)
	for i := 1; i < orders; i++ {
		update(t.Context(), i)
	}
	for i := 1; i < orders; i++ {
		if err := <-results[i]; err != nil {
			t.Error(err)
		}
	}
	writes := 0
	for _, statement := range sent.take() {
		if strings.Contains(statement, "UPDATE outhook_deliveries") {
			writes++
		}
	}
	if writes < 2 || writes > orders/4 {
		t.Errorf("%d updates took %d statements, want a few", orders, writes)
	}
	select {
	case err := <-results[0]:
		t.Errorf("the update of a row that is locked: %v", err)
	default:
	}
	release()
	if err := <-results[0]; err != nil {
		t.Error(err)
	}
}

// Who leaves in the middle is not waited for and stops nobody else. When all
// have left, the statement is canceled.
func TestTogetherLeaving(t *testing.T) {
	t.Parallel()
	s, db, _ := traced(t)
	for i := range 4 {
		event, deliveries := order(fmt.Sprint(i))
		if err := s.CreateEvent(t.Context(), event, deliveries); err != nil {
			t.Fatal(err)
		}
	}
	update := func(ctx context.Context, i int) chan error {
		result := make(chan error, 1)
		go func() {
			_, deliveries := order(fmt.Sprint(i))
			deliveries[0].Version = 1
			result <- s.UpdateDelivery(ctx, deliveries[0], attemptOf(deliveries[0], i))
		}()
		return result
	}
	release := lockRow(t, db, "dlv_0")
	releaseOther := lockRow(t, db, "dlv_1")
	first := update(t.Context(), 0)
	waitForLocks(t, db, 1)
	// Two that wait together, for a lock as well.
	ctx, leave := context.WithCancel(t.Context())
	leaving, staying := update(ctx, 1), update(t.Context(), 2)
	waitForLocks(t, db, 2)
	leave()
	if err := <-leaving; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v, want %v", err, context.Canceled)
	}
	releaseOther()
	if err := <-staying; err != nil {
		t.Errorf("who stayed got %v", err)
	}
	// One that is left by everybody.
	releaseOther = lockRow(t, db, "dlv_3")
	ctx, leave = context.WithCancel(t.Context())
	leaving = update(ctx, 3)
	waitForLocks(t, db, 2)
	leave()
	if err := <-leaving; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v, want %v", err, context.Canceled)
	}
	waitForLocks(t, db, 1)
	releaseOther()
	if d, err := s.GetDelivery(t.Context(), "acme", "dlv_3"); err != nil || d.Version != 1 {
		t.Errorf("the delivery of the statement that was canceled: %+v, %v; want version 1", d, err)
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// A plan that was made while the tables were empty, and is kept, still finds
// rows by the primary key when they are large.
func TestPlansOfEmptyTables(t *testing.T) {
	t.Parallel()
	d := databases[0]
	db := d.open(t, d.source(t))
	db.SetMaxOpenConns(1) // so that all is prepared, and counted, in one place
	s := mustNew(t, db, d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	for _, table := range []string{"events", "deliveries", "attempts", "endpoints"} {
		mustExec(t, db, "ALTER TABLE outhook_"+table+" SET (autovacuum_enabled = false)")
	}
	// In crowds, so that some go together, and alone.
	use := func(version int64, want error) {
		for round := range 10 {
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					id := 2 + 2*(round*16+i) // fill has even numbers for t_7
					d := store.Delivery{Tenant: "t_7", ID: fmt.Sprintf("dlv_%d", id), Version: version}
					_, err := s.LoadJob(t.Context(), d.Tenant, d.ID)
					updated := s.UpdateDelivery(t.Context(), d, attemptOf(d, id))
					if !errors.Is(err, want) || !errors.Is(updated, want) {
						t.Errorf("%s: LoadJob: %v, UpdateDelivery: %v; want %v", d.ID, err, updated, want)
					}
				})
			}
			wg.Wait()
			d := store.Delivery{Tenant: "t_7", ID: fmt.Sprintf("dlv_%d", 1000+2*round), Version: version}
			_, err := s.LoadJob(t.Context(), d.Tenant, d.ID)
			if err := errors.Join(err, s.UpdateDelivery(t.Context(), d, attemptOf(d, round))); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", d.ID, err, want)
			}
		}
	}
	use(1, store.ErrNotFound)
	d.fillTables(t, db, 100_000)
	mustExec(t, db, "SELECT pg_stat_force_next_flush()")
	mustExec(t, db, "SELECT pg_stat_reset()")
	use(2, nil)
	counted := d.readCounts(t, db)
	if counted.scans > 0 || counted.rows > 10_000 {
		t.Errorf("%d sequential scans and %d index entries in 340 calls, want none and a few for each", counted.scans, counted.rows)
	}
	// Entries that are passed over, in an index that begins with the tenant as
	// well, are not counted.
	var others sql.NullString
	err := db.QueryRowContext(t.Context(), "SELECT string_agg(indexrelname, ', ') FROM pg_stat_user_indexes"+
		" WHERE idx_scan > 0 AND indexrelname NOT LIKE '%pkey'").Scan(&others)
	if err != nil || others.Valid {
		t.Errorf("rows are found through %s, %v; want only primary keys", others.String, err)
	}
}
