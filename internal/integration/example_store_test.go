package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// A Store in PostgreSQL.
func Example_store() {
	open := func(ctx context.Context, db *sql.DB) (store.Store, error) {
		myStore, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
		if err != nil {
			return nil, err
		}
		applied, err := myStore.Migrate(ctx) // at the start of every process
		log.Println("applied:", applied)
		return myStore, err
	}

	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := open(context.Background(), db); err != nil {
		log.Fatal(err)
	}
}

// An event is sent if, and only if, the order that it is about is committed.
func Example_transaction() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "outhook-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	myStore, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	applied, err := myStore.Migrate(ctx)
	fmt.Println("applied:", applied, err)
	env, err := senderdev.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer env.Close()
	cfg := env.Config
	cfg.Store = myStore
	s, err := sender.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE orders (id integer)"); err != nil {
		log.Fatal(err)
	}

	placeOrder := func(event sender.Event) error {
		// readme:begin transaction
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (17)"); err != nil {
			return err
		}
		receipt, err := sender.SendIn(ctx, s, myStore.Tx(tx), event)
		if err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		sender.Wake(ctx, s, receipt) // for an immediate start: the sweeper would find it, too
		// readme:end transaction
		return nil
	}
	fmt.Println(placeOrder(sender.Event{Tenant: "acme", Type: "order.paid"})) // rolled back
	fmt.Println(placeOrder(sender.Event{ID: "order-17-paid", Tenant: "acme", Type: "order.paid", Payload: []byte(`{}`)}))

	var orders, events int
	err = db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM outhook_events)").Scan(&orders, &events)
	fmt.Println(orders, "order,", events, "event", err)

	// Output:
	// applied: [0001_tables 0002_isolation 0003_stats 0004_replays 0005_event_types] <nil>
	// Event.Payload is 0 bytes, must be 1 to 1048576 bytes (Config.MaxPayload)
	// <nil>
	// 1 order, 1 event <nil>
}
