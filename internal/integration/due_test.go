package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// A page of the due deliveries of one endpoint is a range of an index, however
// many are pending: also with a plan that was made while the table was empty.
func TestDueOfOneEndpoint(t *testing.T) {
	t.Parallel()
	on(t, []database{databases[0], mysql}, func(t *testing.T, d database) {
		db := d.open(t, d.source(t))
		db.SetMaxOpenConns(1) // so that all is prepared, and counted, in one place
		s := mustNew(t, db, d.dialect, sqlstore.Options{})
		mustMigrate(t, s)
		analyze := "ANALYZE TABLE outhook_deliveries"
		if d.dialect == sqlstore.PostgreSQL {
			analyze = "ANALYZE outhook_deliveries"
			mustExec(t, db, "ALTER TABLE outhook_deliveries SET (autovacuum_enabled = false)")
		}
		const limit, times = 100, 8
		pages := func(ctx context.Context) error {
			f := store.DueFilter{Before: firstDay, Tenant: "t_7", EndpointID: "ep_1", Limit: limit}
			page, err := s.ListDue(ctx, f)
			return nextPage(page.Next, err, func() error {
				f.Cursor = page.Next
				page, err := s.ListDue(ctx, f)
				if err == nil && len(page.Items) != limit {
					err = fmt.Errorf("%d deliveries on the second page, want %d", len(page.Items), limit)
				}
				return err
			})
		}
		d.quickest(t, times, "ListDue of nothing", pages)
		d.fillPending(t, db)
		for _, what := range []string{"planned while it was empty", "analyzed"} {
			before := d.readCounts(t, db)
			took := d.quickest(t, times, "ListDue", pages)
			after := d.readCounts(t, db)
			n := (after.rows - before.rows) / times
			if after.scans > before.scans || n > 3*limit {
				t.Errorf("%s: two pages of %d read %d index entries, and %d times the whole table", what, limit, n, after.scans-before.scans)
			}
			t.Logf("%s: two pages of %d: %d entries, %s", what, limit, n, took)
			mustExec(t, db, analyze)
		}
	})
}

// fillPending writes pending deliveries alone, one in fifty of which is that of
// one endpoint. Its tenant has others, and others have one of that id. Half of
// all are due.
func (d database) fillPending(t *testing.T, db *sql.DB) {
	t.Helper()
	at := "timestamptz '2026-01-02 03:04:05Z' + (n - %d) * interval '1 ms'"
	if d.dialect != sqlstore.PostgreSQL {
		at = fmt.Sprint(firstDay.UnixMicro()) + " + (n - %d) * 1000"
		mustExec(t, db, fmt.Sprintf("SET max_recursive_iterations = %d", d.history()+1))
	}
	at = fmt.Sprintf(at, d.history()/2)
	mustExec(t, db, "INSERT INTO outhook_deliveries (tenant, id, event_id, endpoint_id, event_type, state, round, attempts,"+
		" trigger_kind, next_attempt_at, last_status, last_error_class, last_error, created_at, version)"+
		fmt.Sprintf(" WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)", d.history())+
		" SELECT CASE WHEN n % 50 = 0 OR n % 2 = 1 THEN 't_7' ELSE concat('other_', n % 100) END,"+
		" concat('dlv_', n), concat('evt_', n),"+
		" CASE WHEN n % 2 = 0 THEN 'ep_1' ELSE concat('ep_1', n % 1000) END, 'order.paid', 'pending', 1, 0,"+
		" 'schedule', "+at+", 0, '', '', "+at+", 1 FROM numbers")
}
