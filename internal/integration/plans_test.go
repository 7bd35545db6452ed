package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

var firstDay = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// calls are the reads that a history of so many deliveries must not slow down.
func calls(s *sqlstore.Store, history int) map[string]func(ctx context.Context) error {
	after := func(n int) time.Time { return firstDay.Add(time.Duration(n) * time.Second) }
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
	due := func(f store.DueFilter) func(context.Context) error {
		return func(ctx context.Context) error {
			page, err := s.ListDue(ctx, f)
			return nextPage(page.Next, err, func() error {
				f.Cursor = page.Next
				_, err := s.ListDue(ctx, f)
				return err
			})
		}
	}
	return map[string]func(ctx context.Context) error{
		"ListDue":                     due(store.DueFilter{Before: after(3600), Limit: 10}),
		"ListDue of an endpoint":      due(store.DueFilter{Before: after(3600), Limit: 10, Tenant: "t_7", EndpointID: "ep_4"}),
		"ListDue of an idle endpoint": due(store.DueFilter{Before: after(3600), Limit: 10, Tenant: "t_7", EndpointID: "ep_3"}),
		"count of pending ones": func(ctx context.Context) error {
			_, err := s.CountDeliveries(ctx, pendingOf("t_7"), 100)
			return err
		},
		"count of those that failed": func(ctx context.Context) error {
			_, err := s.CountDeliveries(ctx, store.DeliveryFilter{Tenant: "t_7", States: []store.DeliveryState{store.Failed, store.Canceled}}, 100)
			return err
		},
		"count of those behind a cursor": func(ctx context.Context) error {
			f := store.DeliveryFilter{Tenant: "t_7", States: []store.DeliveryState{store.Succeeded}, Limit: 10}
			page, err := s.ListDeliveries(ctx, f)
			return nextPage(page.Next, err, func() error {
				f.Cursor = page.Next
				_, err := s.CountDeliveries(ctx, f, 100)
				return err
			})
		},
		"replays of all that are running": func(ctx context.Context) error {
			page, err := s.ListReplays(ctx, store.ReplayFilter{Tenant: store.AllTenants, States: []store.ReplayState{store.ReplayRunning}})
			if err == nil && len(page.Items) != 3 {
				err = fmt.Errorf("%d replays are running", len(page.Items))
			}
			return err
		},
		"replays of a tenant": func(ctx context.Context) error {
			_, err := s.ListReplays(ctx, store.ReplayFilter{Tenant: "t_7"})
			return err
		},
		"deliveries of all":                      deliveries(store.DeliveryFilter{Tenant: store.AllTenants}),
		"deliveries of a tenant":                 deliveries(store.DeliveryFilter{Tenant: "t_7"}),
		"deliveries of an endpoint":              deliveries(store.DeliveryFilter{Tenant: "t_7", EndpointID: "ep_3"}),
		"deliveries of an event":                 deliveries(store.DeliveryFilter{Tenant: "t_7", EventID: "evt_5008"}),
		"deliveries since":                       deliveries(store.DeliveryFilter{Tenant: "t_7", Since: firstDay.Add(90_000 * time.Second)}),
		"deliveries that failed":                 deliveries(store.DeliveryFilter{Tenant: "t_7", States: []store.DeliveryState{store.Failed}}),
		"deliveries without success":             deliveries(store.DeliveryFilter{Tenant: "t_7", States: []store.DeliveryState{store.Failed, store.Canceled}}),
		"deliveries not yet made":                deliveries(store.DeliveryFilter{Tenant: "t_7", States: []store.DeliveryState{store.Pending}}),
		"deliveries of an endpoint that failed":  deliveries(store.DeliveryFilter{Tenant: "t_7", EndpointID: "ep_3", States: []store.DeliveryState{store.Failed}}),
		"deliveries of an endpoint not yet made": deliveries(store.DeliveryFilter{Tenant: "t_7", EndpointID: "ep_4", States: []store.DeliveryState{store.Pending}}),
		"deliveries of a type that is rare":      deliveries(store.DeliveryFilter{Tenant: "t_7", EventType: "order.rare"}),
		"deliveries from the middle": func(ctx context.Context) error {
			f := store.DeliveryFilter{Tenant: "t_7", Until: after(history / 2), Limit: 1}
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
		"RollStats": func(ctx context.Context) error {
			n, err := s.RollStats(ctx, after(history), 100)
			if err == nil && n != 100 {
				err = fmt.Errorf("%d attempts", n)
			}
			return err
		},
		"Stats of hours": func(ctx context.Context) error {
			since := firstDay.Truncate(time.Hour)
			if _, err := s.RollStats(ctx, firstDay.Add(30*time.Second), 100); err != nil { // some of ep_3's attempts
				return err
			}
			_, err := s.Stats(ctx, store.StatsFilter{Tenant: "t_7", EndpointID: "ep_3", Since: since, Until: since.Add(24 * time.Hour), Bucket: time.Hour})
			return err
		},
		"LoadJob": func(ctx context.Context) error {
			_, err := s.LoadJob(ctx, "t_7", "dlv_5008")
			return err
		},
		"purge of the oldest": func(ctx context.Context) error {
			_, err := s.Purge(ctx, store.PurgeFilter{Before: after(history), Limit: 10})
			return err
		},
		"purge of bodies": func(ctx context.Context) error {
			_, err := s.Purge(ctx, store.PurgeFilter{BodiesBefore: after(history), Limit: 10})
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

// history is how many deliveries there are: a million in PostgreSQL, and fewer
// where they take too long to write.
func (d database) history() int {
	if d.dialect == sqlstore.PostgreSQL {
		return 1_000_000
	}
	return 100_000
}

// listTime bounds how long a page of a list takes in PostgreSQL.
const listTime = 5 * time.Millisecond

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
		calls := calls(s, d.history())
		slowest := time.Duration(0)
		for _, name := range slices.Sorted(maps.Keys(calls)) { // purges come last
			before := d.readCounts(t, db)
			const times = 8
			took := d.quickest(t, times, name, calls[name])
			after := d.readCounts(t, db)
			if n := after.scans - before.scans; n > 0 {
				t.Errorf("%s: %d sequential scans in %d calls, want none", name, n, times)
			}
			n := (after.rows - before.rows) / times
			if n > d.history()/50 {
				t.Errorf("%s reads %d index entries a call, of %d rows", name, n, d.history())
			}
			t.Logf("%s: %d entries a call, %s", name, n, took)
			if strings.HasPrefix(name, "deliveries") || strings.HasPrefix(name, "attempts") || strings.HasPrefix(name, "ListDue") {
				slowest = max(slowest, took/2) // of two pages
			}
		}
		testenv.Reportf(t, "a page of the slowest list of %d deliveries takes %s", d.history(), slowest.Round(10*time.Microsecond))
		if d.dialect == sqlstore.PostgreSQL && slowest > listTime {
			t.Errorf("a page of the slowest list takes %s, want at most %s", slowest, listTime)
		}
	})
}

// quickest returns how long the quickest of several calls took: what others do on
// the machine is not its fault.
func (d database) quickest(t *testing.T, times int, name string, call func(context.Context) error) time.Duration {
	t.Helper()
	quickest := time.Hour
	for range times {
		began := time.Now()
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		quickest = min(quickest, time.Since(began))
	}
	return quickest
}

// fill writes as many deliveries, a second apart, each with its event and an
// attempt. Half of them are those of one tenant, whose ep_3 has only the first
// few: an index of the tenant alone is no help to find them. One in a hundred
// is pending and due; only old ones have failed.
func (d database) fill(t *testing.T, db *sql.DB) {
	t.Helper()
	d.fillTables(t, db, d.history())
	d.fillSums(t, db)
	d.fillReplays(t, db)
	if d.dialect == sqlstore.MySQL {
		mustExec(t, db, "ANALYZE TABLE outhook_events, outhook_deliveries, outhook_attempts, outhook_stats, outhook_replays")
		return
	}
	mustExec(t, db, "ANALYZE")
}

// fillSums writes sums of other tenants.
func (d database) fillSums(t *testing.T, db *sql.DB) {
	t.Helper()
	hour := "timestamptz '2026-01-01 00:00:00Z' + n % 1000 * interval '1 hour'"
	if d.dialect != sqlstore.PostgreSQL {
		hour = "1767225600000000 + n % 1000 * 3600000000"
	}
	mustExec(t, db, "INSERT INTO outhook_stats (tenant, endpoint_id, hour, succeeded, failed, durations)"+
		" WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)"+
		" SELECT concat('other_', n % 49), 'ep_4', "+hour+", 1, 0, 'AAE' FROM numbers WHERE n <= 49000")
}

// fillReplays writes 20,000 replays, of which three are running.
func (d database) fillReplays(t *testing.T, db *sql.DB) {
	t.Helper()
	if d.dialect == sqlstore.MySQL {
		mustExec(t, db, "SET max_recursive_iterations = 20001")
	}
	at := "timestamptz '2026-01-02 03:04:05Z' + n * interval '1 second'"
	if d.dialect != sqlstore.PostgreSQL {
		at = "n"
	}
	mustExec(t, db, "INSERT INTO outhook_replays (tenant, id, endpoint_id, event_type, states, state, total, replayed, skipped,"+
		" list_cursor, created_at, version)"+
		" WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)"+
		" SELECT CASE WHEN n % 2 = 0 THEN 't_7' ELSE concat('other_', n % 100) END, concat('rpl_', n), '', '', '[]',"+
		" CASE WHEN n IN (5, 50, 19999) THEN 'running' ELSE 'finished' END, 0, 0, 0, '', "+at+", 1 FROM numbers")
}

// fillTables is fill without what tells the planner about it.
func (d database) fillTables(t *testing.T, db *sql.DB, history int) {
	t.Helper()
	at, second, nothing := "timestamptz '2026-01-02 03:04:05Z' + n * interval '1 second'", "interval '1 second'", "''"
	if d.dialect != sqlstore.PostgreSQL {
		at, second, nothing = fmt.Sprintf("%d + n * 1000000", firstDay.UnixMicro()), "1000000", "x''"
	}
	numbers := fmt.Sprintf("WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)", history)
	if d.dialect == sqlstore.MySQL {
		mustExec(t, db, fmt.Sprintf("SET max_recursive_iterations = %d", history+1))
	}
	of := " FROM (SELECT n, CASE WHEN n % 2 = 0 THEN 't_7' ELSE concat('other_', n % 100) END AS tenant," +
		" CASE WHEN n < 50 THEN 'ep_3' ELSE 'ep_4' END AS endpoint, " + at + " AS at FROM numbers) AS history"
	mustExec(t, db, "INSERT INTO outhook_events (tenant, id, type, payload, content_type, created_at)"+
		" "+numbers+" SELECT tenant, concat('evt_', n), 'order.paid', "+nothing+", '', at"+of)
	mustExec(t, db, "INSERT INTO outhook_deliveries (tenant, id, event_id, endpoint_id, event_type, state, round, attempts,"+
		" trigger_kind, next_attempt_at, last_status, last_error_class, last_error, created_at, version)"+
		" "+numbers+" SELECT tenant, concat('dlv_', n), concat('evt_', n), endpoint, 'order.paid',"+
		" CASE WHEN n % 100 = 50 THEN 'pending' WHEN n % 7 = 0 AND n < 5000 THEN 'failed' ELSE 'succeeded' END, 1, 1,"+
		" 'schedule', at, 200, '', '', at, 2"+of)
	mustExec(t, db, "INSERT INTO outhook_attempts (tenant, id, delivery_id, event_id, endpoint_id, event_type, round, number,"+
		" trigger_kind, succeeded, started_at, ended_at, url, request_header, status, response_header, response_body,"+
		" response_truncated, error_class, error, remote_addr, dns_ns, connect_ns, tls_ns, first_byte_ns)"+
		" "+numbers+" SELECT tenant, concat('att_', n), concat('dlv_', n), concat('evt_', n), endpoint, 'order.paid', 1, 1,"+
		" 'schedule', true, at, at + "+second+", '', '{}', 200, '{}', "+nothing+", false, '', '', '', 0, 0, 0, 0"+of)
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
		query = "SELECT (SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname NOT IN ('outhook_endpoints', 'outhook_stats_mark'))," +
			" (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
	}
	var c counts
	if err := db.QueryRowContext(t.Context(), query).Scan(&c.scans, &c.rows); err != nil {
		t.Fatal(err)
	}
	return c
}
