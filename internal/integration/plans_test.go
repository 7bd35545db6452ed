package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
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
		"deliveries of an event":     deliveries(store.DeliveryFilter{Tenant: "t_7", EventID: "evt_5008"}),
		"deliveries since":           deliveries(store.DeliveryFilter{Tenant: "t_7", Since: firstDay.Add(90_000 * time.Second)}),
		"failed ones of an endpoint": deliveries(store.DeliveryFilter{Tenant: "t_7", EndpointID: "ep_3", States: []store.DeliveryState{store.Failed}}),
		"deliveries from the middle": func(ctx context.Context) error {
			f := store.DeliveryFilter{Tenant: "t_7", Until: firstDay.Add(history / 2 * time.Second), Limit: 1}
			page, err := s.ListDeliveries(ctx, f)
			if err != nil {
				return err
			}
			f = store.DeliveryFilter{Tenant: f.Tenant, Cursor: page.Next}
			page, err = s.ListDeliveries(ctx, f)
			if err == nil && len(page.Items) != store.DefaultLimit {
				err = fmt.Errorf("%d deliveries", len(page.Items))
			}
			return err
		},
		"attempts of all":         attempts(store.AttemptFilter{Tenant: store.AllTenants}),
		"attempts of a tenant":    attempts(store.AttemptFilter{Tenant: "t_7"}),
		"attempts of an endpoint": attempts(store.AttemptFilter{Tenant: "t_7", EndpointID: "ep_3"}),
		"attempts of an event":    attempts(store.AttemptFilter{Tenant: "t_7", EventID: "evt_5008"}),
		"attempts of a delivery":  attempts(store.AttemptFilter{Tenant: "t_7", DeliveryID: "dlv_5008"}),
		"Stats": func(ctx context.Context) error {
			_, err := s.Stats(ctx, store.StatsFilter{Tenant: "t_7", EndpointID: "ep_3", Since: firstDay, Until: firstDay.Add(time.Hour), Bucket: time.Minute})
			return err
		},
		"LoadJob": func(ctx context.Context) error {
			_, err := s.LoadJob(ctx, "t_7", "dlv_5008")
			return err
		},
		"purge of the oldest": func(ctx context.Context) error {
			_, err := s.Purge(ctx, store.PurgeFilter{Before: firstDay.Add(history * time.Second), Limit: 10})
			return err
		},
		"purge of bodies": func(ctx context.Context) error {
			_, err := s.Purge(ctx, store.PurgeFilter{BodiesBefore: firstDay.Add(history * time.Second), Limit: 10})
			return err
		},
		"purge": func(ctx context.Context) error {
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

// No read of a large history reads more than a part of it, whatever plan the
// database makes: in PostgreSQL a prepared statement may get another one when it
// is run for the sixth time.
func TestReadsOfALargeHistory(t *testing.T) {
	t.Parallel()
	on(t, []database{databases[0], mysql}, func(t *testing.T, d database) {
		db := d.open(t, d.source(t))
		db.SetMaxOpenConns(1) // so that all is prepared, and counted, in one place
		s := mustNew(t, db, d.dialect, sqlstore.Options{})
		mustMigrate(t, s)
		d.fill(t, db)
		calls := calls(s)
		for _, name := range slices.Sorted(maps.Keys(calls)) { // purges come last
			call := calls[name]
			before := d.readCounts(t, db)
			const times = 8
			for range times {
				if err := call(t.Context()); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			after := d.readCounts(t, db)
			if n := after.scans - before.scans; n > 0 {
				t.Errorf("%s: %d sequential scans in %d calls, want none", name, n, times)
			}
			n := (after.rows - before.rows) / times
			if n > history/50 {
				t.Errorf("%s reads %d index entries a call, of %d rows", name, n, history)
			}
			t.Logf("%s: %d entries a call", name, n)
		}
	})
}

// fill writes as many deliveries, a second apart, each with its event and an
// attempt. Half of them are those of one tenant, whose ep_3 has only the first
// few: an index of the tenant alone is no help to find them. One in a hundred
// is pending and due.
func (d database) fill(t *testing.T, db *sql.DB) {
	t.Helper()
	d.fillTables(t, db)
	if d.dialect == sqlstore.MySQL {
		mustExec(t, db, "ANALYZE TABLE outhook_events, outhook_deliveries, outhook_attempts")
		return
	}
	mustExec(t, db, "ANALYZE")
}

// fillTables is fill without what tells the planner about it.
func (d database) fillTables(t *testing.T, db *sql.DB) {
	t.Helper()
	at, second := "timestamptz '2026-01-02 03:04:05Z' + n * interval '1 second'", "interval '1 second'"
	if d.dialect == sqlstore.MySQL {
		at, second = fmt.Sprintf("%d + n * 1000000", firstDay.UnixMicro()), "1000000"
	}
	digits := "(SELECT 0 AS d"
	for i := range 9 {
		digits += fmt.Sprintf(" UNION ALL SELECT %d", i+1)
	}
	digits += ")"
	of := fmt.Sprintf(" FROM (SELECT n, CASE WHEN n %% 2 = 0 THEN 't_7' ELSE concat('other_', n %% 100) END AS tenant,"+
		" CASE WHEN n < 50 THEN 'ep_3' ELSE 'ep_4' END AS endpoint, %[1]s AS at"+
		" FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n"+
		" FROM %[2]s AS a, %[2]s AS b, %[2]s AS c, %[2]s AS e, %[2]s AS f) AS numbers WHERE n <= %[3]d) AS history", at, digits, history)
	mustExec(t, db, "INSERT INTO outhook_events (tenant, id, type, payload, content_type, created_at)"+
		" SELECT tenant, concat('evt_', n), 'order.paid', '', '', at"+of)
	mustExec(t, db, "INSERT INTO outhook_deliveries (tenant, id, event_id, endpoint_id, event_type, state, round, attempts,"+
		" trigger_kind, next_attempt_at, last_status, last_error_class, last_error, created_at, version)"+
		" SELECT tenant, concat('dlv_', n), concat('evt_', n), endpoint, 'order.paid',"+
		" CASE WHEN n % 100 = 50 THEN 'pending' WHEN n % 7 = 0 THEN 'failed' ELSE 'succeeded' END, 1, 1,"+
		" 'schedule', at, 200, '', '', at, 2"+of)
	mustExec(t, db, "INSERT INTO outhook_attempts (tenant, id, delivery_id, event_id, endpoint_id, event_type, round, number,"+
		" trigger_kind, succeeded, started_at, ended_at, url, request_header, status, response_header, response_body,"+
		" response_truncated, error_class, error, remote_addr, dns_ns, connect_ns, tls_ns, first_byte_ns)"+
		" SELECT tenant, concat('att_', n), concat('dlv_', n), concat('evt_', n), endpoint, 'order.paid', 1, 1,"+
		" 'schedule', true, at, at + "+second+", '', '{}', 200, '{}', '', false, '', '', '', 0, 0, 0, 0"+of)
}

// counts are how often tables were read from end to end, and how many entries
// of their indexes were read.
type counts struct{ scans, rows int }

func (d database) readCounts(t *testing.T, db *sql.DB) counts {
	t.Helper()
	// MySQL counts the rows of scans as well, those of its temporary tables too.
	query := "SELECT 0, CAST(sum(variable_value) AS SIGNED) FROM information_schema.session_status" +
		" WHERE variable_name LIKE 'handler_read_%' AND variable_name <> 'handler_read_key'"
	if d.dialect == sqlstore.PostgreSQL {
		mustExec(t, db, "SELECT pg_stat_force_next_flush()")
		query = "SELECT (SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname <> 'outhook_endpoints')," +
			" (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
	}
	var c counts
	if err := db.QueryRowContext(t.Context(), query).Scan(&c.scans, &c.rows); err != nil {
		t.Fatal(err)
	}
	return c
}
