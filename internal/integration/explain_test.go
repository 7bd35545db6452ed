package integration_test

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/store/sqlstore"
)

// explainer asks SQLite how it will run each statement, before it runs it.
type explainer struct {
	tx    *sql.Tx
	plans []string // a line for each table that is read, and each sort
}

func (e *explainer) explain(ctx context.Context, query string, args []any) error {
	if strings.Contains(query, "SAVEPOINT") {
		return nil
	}
	rows, err := e.tx.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return err
		}
		e.plans = append(e.plans, detail)
	}
	return rows.Err()
}

// Exec implements sqlstore.Querier.
func (e *explainer) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := e.explain(ctx, query, args); err != nil {
		return 0, err
	}
	result, err := e.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements sqlstore.Querier.
func (e *explainer) Query(ctx context.Context, query string, args ...any) (sqlstore.Rows, error) {
	if err := e.explain(ctx, query, args); err != nil {
		return nil, err
	}
	return e.tx.QueryContext(ctx, query, args...) //nolint:rowserrcheck // whoever calls Query does
}

// A scan in the order of an index ends with the page; one without an index does
// not, and a sort reads all first. Percentiles are of sorted durations, and a
// page of several states is sorted from a page of each.
var (
	costly = regexp.MustCompile(`^SCAN (outhook_\w+|old|s)( AS \w+)?$|^USE TEMP B-TREE FOR .*ORDER BY$`)
	sorts  = []string{"Stats", "deliveries without success"}
)

func TestPlansOfSQLite(t *testing.T) {
	t.Parallel()
	d := databases[2]
	s, db := d.fresh(t)
	d.fill(t, db)
	tx := mustBegin(t, db)
	defer tx.Rollback()
	e := &explainer{tx: tx}
	inside, ok := s.In(e).(*sqlstore.Store)
	if !ok {
		t.Fatalf("In returns a %T", s.In(e))
	}
	for name, call := range calls(inside, d.history()) {
		e.plans = nil
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(e.plans) == 0 {
			t.Errorf("%s: no plan was seen", name)
		}
		if slices.ContainsFunc(e.plans, costly.MatchString) && !slices.Contains(sorts, name) {
			t.Errorf("%s:\n\t%s", name, strings.Join(e.plans, "\n\t"))
		}
	}
}
