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
// many are pending, and to count up to so many reads so many: also with a plan
// that was made while the table was empty.
func TestReadsOfManyPending(t *testing.T) {
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
		calls, times := pendingCalls(s), 8
		for name, call := range calls {
			d.quickest(t, times, name, func(ctx context.Context) error { _, err := call(ctx); return err })
		}
		d.fillPending(t, db)
		for _, when := range []string{"planned while it was empty", "analyzed"} {
			for name, call := range calls {
				found := 0
				before := d.readCounts(t, db)
				took := d.quickest(t, times, name, func(ctx context.Context) (err error) { found, err = call(ctx); return err })
				after := d.readCounts(t, db)
				n := (after.rows - before.rows) / times
				if after.scans > before.scans || n > 2*found+10 { // MySQL reads what is counted once more
					t.Errorf("%s, %s: %d were found in %d index entries, and in %d scans of the table", name, when, found, n, after.scans-before.scans)
				}
				t.Logf("%s, %s: %d of %d index entries, %s", name, when, found, n, took)
			}
			mustExec(t, db, analyze)
		}
	})
}

func pendingOf(tenant string) store.DeliveryFilter {
	return store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}
}

// pendingCalls return how many they have found.
func pendingCalls(s *sqlstore.Store) map[string]func(ctx context.Context) (int, error) {
	const most = 100
	due := func(tenant, endpoint string) func(ctx context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			f := store.DueFilter{Before: firstDay, Tenant: tenant, EndpointID: endpoint, Limit: most}
			first, err := s.ListDue(ctx, f)
			if err != nil || first.Next == "" {
				return len(first.Items), err
			}
			f.Cursor = first.Next
			second, err := s.ListDue(ctx, f)
			return len(first.Items) + len(second.Items), err
		}
	}
	count := func(tenant string) func(ctx context.Context) (int, error) {
		return func(ctx context.Context) (int, error) { return store.CountDeliveries(ctx, s, pendingOf(tenant), most) }
	}
	return map[string]func(ctx context.Context) (int, error){
		"two pages of an endpoint":      due("t_7", "ep_1"),
		"two pages of a small endpoint": due("t_7", "ep_1999"),
		"of an endpoint without any":    due("t_7", "ep_none"),
		"count of a large tenant":       count("t_7"),
		"count of another":              count("other_4"),
		"count of one without any":      count("nobody"),
		"count of all":                  count(store.AllTenants),
	}
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
