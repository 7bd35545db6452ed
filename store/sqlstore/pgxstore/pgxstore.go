// Package pgxstore is for hosts whose transactions are those of pgx itself, not
// of database/sql. It is a module of its own, so that package sqlstore depends
// on no driver.
//
// The Store has a *sql.DB for what happens outside of the host's transactions,
// such as the deliveries. It can share the host's pool:
//
//	myStore, err := sqlstore.New(stdlib.OpenDBFromPool(pool), sqlstore.PostgreSQL, sqlstore.Options{})
//	…
//	tx, err := pool.Begin(ctx)
//	…
//	receipt, err := sender.SendIn(ctx, s, pgxstore.Tx(myStore, tx), event)
//	…
//	err = tx.Commit(ctx)
//	…
//	sender.Wake(ctx, s, receipt)
package pgxstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// Tx returns s inside tx, as [sqlstore.Store.Tx] does: what is written through
// it is there when the host commits, and never was if the host rolls back. It
// is used by one goroutine at a time, until tx ends. s is a Store in PostgreSQL.
func Tx(s *sqlstore.Store, tx pgx.Tx) store.Store { return s.In(querier{tx}) }

type querier struct{ tx pgx.Tx }

var _ sqlstore.Querier = querier{}

func (q querier) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := q.tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

func (q querier) Query(ctx context.Context, query string, args ...any) (sqlstore.Rows, error) {
	r, err := q.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return rows{r}, nil
}

type rows struct{ pgx.Rows }

func (r rows) Close() error {
	r.Rows.Close()
	return nil // Err has it
}
