package pgxstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/outhook/outhook/internal/oneatatime"
	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
	"github.com/outhook/outhook/store/sqlstore/pgxstore"
	"github.com/outhook/outhook/storetest"
)

// Inside a transaction of pgx the Store keeps every rule of the contract. A
// transaction is for one goroutine at a time: the calls wait for each other.
func TestStore(t *testing.T) {
	t.Parallel()
	pool := connect(t)
	var schemas atomic.Int64
	storetest.Run(t, func(t *testing.T) store.Store {
		s := newStore(t, pool, fmt.Sprintf("schema_%d", schemas.Add(1)))
		return oneatatime.New(pgxstore.Tx(s, mustBegin(t, pool)))
	})
}

// The host's row and the event are there together, or not at all.
func TestCommitAndRollback(t *testing.T) {
	t.Parallel()
	pool := connect(t)
	s := newStore(t, pool, "webhooks")
	mustExec(t, pool, "CREATE TABLE orders (id text)")
	for _, commit := range []bool{false, true} {
		tx := mustBegin(t, pool)
		if _, err := tx.Exec(t.Context(), "INSERT INTO orders VALUES ('17')"); err != nil {
			t.Fatal(err)
		}
		event := store.Event{ID: "evt_17", Tenant: "acme", Type: "order.paid", CreatedAt: time.Now()}
		delivery := store.Delivery{ID: "dlv_17", Tenant: "acme", EventID: event.ID, State: store.Pending}
		inside := pgxstore.Tx(s, tx)
		if err := inside.CreateEvent(t.Context(), event, []store.Delivery{delivery}); err != nil {
			t.Fatal(err)
		}
		// A refusal does not end the transaction, in which PostgreSQL would
		// refuse everything after an error.
		if err := inside.CreateEvent(t.Context(), event, nil); !errors.Is(err, store.ErrExists) {
			t.Errorf("the event again: %v, want ErrExists", err)
		}
		if _, err := inside.GetEvent(t.Context(), "acme", event.ID); err != nil {
			t.Errorf("inside: %v", err)
		}
		if _, err := s.GetEvent(t.Context(), "acme", event.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("outside, before the end: %v, want ErrNotFound", err)
		}
		end, want := tx.Rollback, store.ErrNotFound
		if commit {
			end, want = tx.Commit, nil
		}
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.GetDelivery(t.Context(), "acme", "dlv_17"); !errors.Is(err, want) {
			t.Errorf("commit %t: GetDelivery: %v, want %v", commit, err, want)
		}
		var orders int
		if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&orders); err != nil {
			t.Fatal(err)
		}
		if (orders == 1) != commit {
			t.Errorf("commit %t: the host has %d rows", commit, orders)
		}
	}
}

func connect(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), testenv.Postgres(t)+"&pool_max_conns=20")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// newStore returns a Store whose tables are in a schema of its own. It shares
// the pool.
func newStore(t *testing.T, pool *pgxpool.Pool, schema string) *sqlstore.Store {
	t.Helper()
	mustExec(t, pool, "CREATE SCHEMA "+schema)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// mustBegin begins a transaction that ends with the test at the latest.
func mustBegin(t *testing.T, pool *pgxpool.Pool) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
			t.Errorf("roll back: %v", err)
		}
	})
	return tx
}

func mustExec(t *testing.T, pool *pgxpool.Pool, statement string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
