package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// A Store in PostgreSQL.
func Example_store() {
	open := func(ctx context.Context, db *sql.DB) (store.Store, error) {
		// readme:begin sqlstore
		myStore, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
		if err != nil {
			return nil, err
		}
		applied, err := myStore.Migrate(ctx) // at the start of every process
		// readme:end sqlstore
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

// The Store inside a transaction of the host's.
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
	s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	applied, err := s.Migrate(ctx)
	fmt.Println("applied:", applied, err)

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = s.Tx(tx).PutEndpoint(ctx, store.Endpoint{ID: "ep_1", Tenant: "acme", URL: "https://example.com"})
	fmt.Println("put:", err)
	fmt.Println("rollback:", tx.Rollback())
	_, err = s.GetEndpoint(ctx, "acme", "ep_1")
	fmt.Println(err)

	// Output:
	// applied: [0001_tables] <nil>
	// put: <nil>
	// rollback: <nil>
	// endpoint "ep_1": not found
}
