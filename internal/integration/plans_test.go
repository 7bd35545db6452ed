package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

var firstDay = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// calls are the reads that a large history must not slow down.
func calls(s *sqlstore.Store) map[string]func(ctx context.Context) error {
	deliveries := func(f store.DeliveryFilter) func(context.Context) error {
		return func(ctx context.Context) error {
			page, err := s.ListDeliveries(ctx, f)
			return nextPage(page.Next, err, func() error {
				f.Cursor = page.Next
				_, err := s.ListDeliveries(ctx, f)
				return err
			})
		}
	}
	attempts := func(f store.AttemptFilter) func(context.Context) error {
		return func(ctx context.Context) error {
			page, err := s.ListAttempts(ctx, f)
			return nextPage(page.Next, err, func() error {
				f.Cursor = page.Next
				_, err := s.ListAttempts(ctx, f)
				return err
			})
		}
	}
	return map[string]func(ctx context.Context) error{
		"ListDue": func(ctx context.Context) error {
			f := store.DueFilter{Before: firstDay.Add(time.Hour), Limit: 10}
			page, err := s.ListDue(ctx, f)
			return nextPage(page.Next, err, func() error {
				f.Cursor = page.Next
				_, err := s.ListDue(ctx, f)
				return err
			})
		},
		"deliveries of all":          deliveries(store.DeliveryFilter{Tenant: store.AllTenants}),
		"deliveries of a tenant":     deliveries(store.DeliveryFilter{Tenant: "t_7"}),
		"deliveries of an endpoint":  deliveries(store.DeliveryFilter{Tenant: "t_7", EndpointID: "ep_3"}),
		"deliveries of an event":     deliveries(store.DeliveryFilter{Tenant: "t_7", EventID: "evt_8"}),
		"deliveries since":           deliveries(store.DeliveryFilter{Tenant: "t_7", Since: firstDay.Add(90_000 * time.Second)}),
		"failed ones of an endpoint": deliveries(store.DeliveryFilter{Tenant: "t_7", EndpointID: "ep_3", States: []store.DeliveryState{store.Failed}}),
		"attempts of all":            attempts(store.AttemptFilter{Tenant: store.AllTenants}),
		"attempts of a tenant":       attempts(store.AttemptFilter{Tenant: "t_7"}),
		"attempts of an endpoint":    attempts(store.AttemptFilter{Tenant: "t_7", EndpointID: "ep_3"}),
		"attempts of an event":       attempts(store.AttemptFilter{Tenant: "t_7", EventID: "evt_8"}),
		"attempts of a delivery":     attempts(store.AttemptFilter{Tenant: "t_7", DeliveryID: "dlv_8"}),
		"Stats": func(ctx context.Context) error {
			_, err := s.Stats(ctx, store.StatsFilter{Tenant: "t_7", EndpointID: "ep_3", Since: firstDay, Until: firstDay.Add(time.Hour), Bucket: time.Minute})
			return err
		},
		"LoadJob": func(ctx context.Context) error {
			_, err := s.LoadJob(ctx, "t_7", "dlv_8")
			return err
		},
		"Purge": func(ctx context.Context) error {
			_, err := s.Purge(ctx, store.PurgeFilter{Before: firstDay.Add(time.Second), BodiesBefore: firstDay.Add(time.Minute), Limit: 10})
			return err
		},
	}
}

func nextPage(next string, err error, list func() error) error {
	if err != nil || next == "" {
		return err
	}
	return list()
}

const history = 100_000

// No read of a large history reads more than a part of it, whatever plan
// PostgreSQL makes: a prepared statement may get another one when it is run for
// the sixth time.
func TestReadsOfALargeHistory(t *testing.T) {
	t.Parallel()
	d := databases[0]
	db := d.open(t, d.source(t))
	db.SetMaxOpenConns(1) // so that all is prepared, and counted, in one place
	s := mustNew(t, db, d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	fill(t, db)
	for name, call := range calls(s) {
		before := readCounts(t, db)
		const times = 8
		for range times {
			if err := call(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		after := readCounts(t, db)
		if n := after.scans - before.scans; n > 0 {
			t.Errorf("%s: %d sequential scans in %d calls, want none", name, n, times)
		}
		if n := (after.rows - before.rows) / times; n > history/50 {
			t.Errorf("%s reads %d index entries a call, of %d rows", name, n, history)
		}
	}
}

// fill writes as many deliveries, a second apart, each with its event and an
// attempt. Half of them are those of one tenant, whose ep_3 has only the first
// few: an index of the tenant alone is no help to find them. One in a hundred
// is pending and due.
func fill(t *testing.T, db *sql.DB) {
	t.Helper()
	fillTables(t, db)
	mustExec(t, db, "ANALYZE")
}

// fillTables is fill without what tells the planner about it.
func fillTables(t *testing.T, db *sql.DB) {
	t.Helper()
	of := fmt.Sprintf(" FROM (SELECT n, CASE WHEN n %% 2 = 0 THEN 't_7' ELSE 'other_' || n %% 100 END AS tenant,"+
		" CASE WHEN n < 50 THEN 'ep_3' ELSE 'ep_4' END AS endpoint,"+
		" timestamptz '2026-01-02 03:04:05Z' + n * interval '1 second' AS at FROM generate_series(1, %d) AS n) AS history", history)
	mustExec(t, db, "INSERT INTO outhook_events (tenant, id, type, payload, content_type, created_at)"+
		" SELECT tenant, 'evt_' || n, 'order.paid', '', '', at"+of)
	mustExec(t, db, "INSERT INTO outhook_deliveries (tenant, id, event_id, endpoint_id, event_type, state, round, attempts,"+
		" trigger_kind, next_attempt_at, last_status, last_error_class, last_error, created_at, version)"+
		" SELECT tenant, 'dlv_' || n, 'evt_' || n, endpoint, 'order.paid',"+
		" CASE WHEN n % 100 = 50 THEN 'pending' WHEN n % 7 = 0 THEN 'failed' ELSE 'succeeded' END, 1, 1,"+
		" 'schedule', at, 200, '', '', at, 2"+of)
	mustExec(t, db, "INSERT INTO outhook_attempts (tenant, id, delivery_id, event_id, endpoint_id, event_type, round, number,"+
		" trigger_kind, succeeded, started_at, ended_at, url, request_header, status, response_header, response_body,"+
		" response_truncated, error_class, error, remote_addr, dns_ns, connect_ns, tls_ns, first_byte_ns)"+
		" SELECT tenant, 'att_' || n, 'dlv_' || n, 'evt_' || n, endpoint, 'order.paid', 1, 1,"+
		" 'schedule', true, at, at + interval '1 second', '', '{}', 200, '{}', '', false, '', '', '', 0, 0, 0, 0"+of)
}

// counts are how often tables were read from end to end, and how many entries
// of their indexes were read.
type counts struct{ scans, rows int }

func readCounts(t *testing.T, db *sql.DB) counts {
	t.Helper()
	mustExec(t, db, "SELECT pg_stat_force_next_flush()")
	var c counts
	err := db.QueryRowContext(t.Context(), "SELECT (SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname <> 'outhook_endpoints'),"+
		" (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)").Scan(&c.scans, &c.rows)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
