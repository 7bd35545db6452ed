package sqlstore

import (
	"context"
	"database/sql"
)

// Querier runs statements, in a transaction that somebody else has begun and
// will end: what [Store.In] needs of it. Whoever has a *sql.Tx calls
// [Store.Tx], whoever has a pgx.Tx package pgxstore.
//
// The parameters of a statement are as the dialect's database has them ($1, or
// ?). They are of the types that database/sql hands to a driver: nil, int64,
// bool, string, []byte, time.Time.
type Querier interface {
	// Exec runs a statement and returns the number of rows that it wrote; any
	// number if it is not one that writes rows.
	Exec(ctx context.Context, query string, args ...any) (rowsAffected int64, err error)
	// Query runs a statement that returns rows. If there is an error there are
	// no rows to be closed.
	Query(ctx context.Context, query string, args ...any) (Rows, error)
}

// Rows are what a statement returns. *sql.Rows are.
type Rows interface {
	// Next goes to the next row. It returns false after the last one, and after
	// an error.
	Next() bool
	// Scan copies the row, as (*sql.Rows).Scan does, also into a sql.Scanner.
	Scan(dest ...any) error
	// Err returns the error that ended the rows, also after Close.
	Err() error
	// Close ends the rows. It may be called again.
	Close() error
}

// sqlRunner is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type sqlRunner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// standard is the Querier of what database/sql has.
type standard struct{ sqlRunner }

func (q standard) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (q standard) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	rows, err := q.QueryContext(ctx, query, args...) //nolint:rowserrcheck // whoever calls Query does
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// queryOne reads the only row of a statement. It returns sql.ErrNoRows if there
// is none.
func queryOne(ctx context.Context, q Querier, statement string, args []any, places ...any) error {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(places...); err != nil {
		return err
	}
	// What comes after the row may be an error.
	if err := rows.Close(); err != nil {
		return err
	}
	return rows.Err()
}
