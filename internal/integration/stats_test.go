package integration_test

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// Processes that sum up, while others look: nobody ever sees an attempt twice, or
// misses one.
func TestStatsWhileOthersSumUp(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		const attempts, processes = 3000, 4
		source := d.source(t)
		stores := make([]*sqlstore.Store, processes)
		pools := make([]*sql.DB, processes)
		for i := range stores {
			if i > 0 && d.dialect == sqlstore.SQLite { // writers of one Store take turns; others wait blindly
				stores[i] = stores[0]
				continue
			}
			pools[i] = d.open(t, source)
			stores[i] = mustNew(t, pools[i], d.dialect, sqlstore.Options{})
		}
		mustMigrate(t, stores[0])
		d.fillTables(t, pools[0], attempts)

		done := make(chan struct{})
		summed := make([]int, processes)
		var rolling, looking sync.WaitGroup
		for i, s := range stores {
			rolling.Go(func() {
				// Whoever comes while another is at it gets none, and comes again.
				for idle := 0; idle < 20; idle++ {
					n, err := s.RollStats(t.Context(), firstDay.Add(attempts*time.Second), 50)
					if err != nil {
						t.Errorf("RollStats: %v", err)
					}
					if summed[i] += n; n > 0 {
						idle = 0
					}
				}
			})
		}
		for range 2 {
			looking.Go(func() {
				for looks := 0; ; looks++ {
					checkTotal(t, stores[1], store.StatsFilter{Tenant: "t_7", EndpointID: "ep_4"}, attempts/2-24)
					checkTotal(t, stores[1], store.StatsFilter{Tenant: store.AllTenants}, attempts)
					select {
					case <-done:
						t.Logf("%d looks", looks)
						return
					default:
					}
				}
			})
		}
		rolling.Wait()
		close(done)
		looking.Wait()
		total := 0
		for _, n := range summed {
			total += n
		}
		// The last one starts when nothing more is to be summed up.
		if total != attempts-1 {
			t.Errorf("%v attempts were summed up, want %d in all", summed, attempts-1)
		}
	})
}

// checkTotal counts the attempts of fillTables.
func checkTotal(t *testing.T, s *sqlstore.Store, f store.StatsFilter, want int) {
	t.Helper()
	f.Since, f.Until, f.Bucket = firstDay.Truncate(time.Hour), firstDay.Truncate(time.Hour).Add(240*time.Hour), time.Hour
	buckets, err := store.Stats(t.Context(), s, f)
	if err != nil {
		t.Errorf("Stats: %v", err)
		return
	}
	got := 0
	for _, b := range buckets {
		got += b.Succeeded + b.Failed
	}
	if got != want {
		t.Errorf("Stats of %q %q count %d attempts, want %d", f.Tenant, f.EndpointID, got, want)
	}
}

// Sums are kept for a hundred days. What is older is counted from the attempts, as
// long as they are there.
func TestSumsExpire(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		day := func(n int) time.Time { return firstDay.Truncate(time.Hour).Add(time.Duration(n) * 24 * time.Hour) }
		roll := func(before time.Time, want, rows int) {
			t.Helper()
			if n, err := s.RollStats(t.Context(), before, 10); n != want || err != nil {
				t.Errorf("RollStats: %d, %v; want %d", n, err, want)
			}
			got := 0
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM outhook_stats").Scan(&got); err != nil || got != rows {
				t.Errorf("there are %d sums, %v; want %d", got, err, rows)
			}
		}
		count := func(since time.Time, want int) {
			t.Helper()
			buckets, err := store.Stats(t.Context(), s, store.StatsFilter{Tenant: "acme", Since: since, Until: day(400), Bucket: 24 * time.Hour})
			got := 0
			for _, b := range buckets {
				got += b.Failed
			}
			if got != want || err != nil {
				t.Errorf("Stats since %s: %d, %v; want %d", since, got, err, want)
			}
		}
		for i, n := range []int{0, 1, 60, 99, 101, 300} { // the first is too old already
			e, deliveries := order(fmt.Sprint(i))
			e.CreatedAt, deliveries[0].State = day(n), store.Failed
			if err := s.CreateEvent(t.Context(), e, deliveries); err != nil {
				t.Fatal(err)
			}
			deliveries[0].Version = 1
			a := attemptOf(deliveries[0], i)
			a.StartedAt, a.EndedAt, a.Succeeded = day(n).Add(time.Minute), day(n).Add(2*time.Minute), false
			if err := s.UpdateDelivery(t.Context(), deliveries[0], a); err != nil {
				t.Fatal(err)
			}
		}
		roll(day(100).Add(time.Hour+time.Second), 3, 3)
		count(day(0), 6)
		roll(day(102), 1, 3) // instead of the one of the first day
		count(day(0), 6)
		if _, err := s.Purge(t.Context(), store.PurgeFilter{Before: day(102)}); err != nil {
			t.Fatal(err)
		}
		count(day(0), 4) // two are left of nothing but attempts
		roll(day(301), 1, 1)
		count(day(0), 1)
	})
}

// Plans that PostgreSQL made while there was nothing are good for a lot, too.
func TestPlansOfEmptyStats(t *testing.T) {
	t.Parallel()
	d := databases[0]
	db := d.open(t, d.source(t))
	db.SetMaxOpenConns(1) // so that all is prepared, and counted, in one place
	s := mustNew(t, db, d.dialect, sqlstore.Options{})
	mustMigrate(t, s)
	for _, table := range []string{"attempts", "stats", "stats_mark"} {
		mustExec(t, db, "ALTER TABLE outhook_"+table+" SET (autovacuum_enabled = false)")
	}
	since := firstDay.Truncate(time.Hour)
	use := func(before time.Time, want int) {
		for range 10 {
			if n, err := s.RollStats(t.Context(), before, 330); n != want || err != nil {
				t.Fatalf("RollStats: %d, %v; want %d", n, err, want)
			}
		}
		for range 10 {
			f := store.StatsFilter{Tenant: "t_7", EndpointID: "ep_3", Since: since, Until: since.Add(time.Hour), Bucket: time.Hour}
			if _, err := s.Stats(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A sum, so that the attempts beside it are looked for, and an attempt.
	mustExec(t, db, "INSERT INTO outhook_stats (tenant, endpoint_id, hour, succeeded, failed, durations) VALUES ('t_7', 'ep_3', '2026-01-02 03:00:00Z', 0, 1, 'AAE')")
	d.fillTables(t, db, 1)
	use(firstDay, 0)
	for i := range 10 { // so that sums are read and written
		mustExec(t, db, "UPDATE outhook_attempts SET started_at = $1", firstDay.Add(time.Duration(i)*time.Millisecond))
		if n, err := s.RollStats(t.Context(), firstDay.Add(time.Second), 100); n != 1 || err != nil {
			t.Fatalf("RollStats: %d, %v; want 1", n, err)
		}
	}
	mustExec(t, db, "DELETE FROM outhook_attempts")
	mustExec(t, db, "DELETE FROM outhook_deliveries")
	mustExec(t, db, "DELETE FROM outhook_events")
	d.fillTables(t, db, 100_000)
	d.fillSums(t, db)
	mustExec(t, db, "SELECT pg_stat_force_next_flush()")
	mustExec(t, db, "SELECT pg_stat_reset()")
	use(firstDay.Add(100_000*time.Second), 330)
	counted := d.readCounts(t, db)
	t.Logf("%d sequential scans and %d index entries", counted.scans, counted.rows)
	// A batch is read twice. Then there is a minute of attempts after the sums.
	if counted.scans > 0 || counted.rows > 10_000 {
		t.Errorf("%d sequential scans and %d index entries in 20 calls, want none and fewer than 10000", counted.scans, counted.rows)
	}
}

// A worker whose clock is a year ahead takes nothing of the others: what it recorded
// is summed up when its time has come, and what it calls old stays.
func TestSumsOfAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, _ := d.fresh(t)
		now := time.Now().UTC().Truncate(time.Microsecond)
		ahead := now.Add(365 * 24 * time.Hour)
		record := func(id string, at time.Time) {
			e := store.Event{ID: "evt_" + id, Tenant: "t", Type: "order.paid", Payload: []byte("1"), CreatedAt: at}
			del := store.Delivery{
				ID: "dlv_" + id, Tenant: "t", EventID: e.ID, EndpointID: "ep_1", EventType: e.Type, State: store.Pending,
				Round: 1, Trigger: store.TriggerSchedule, NextAttemptAt: at, CreatedAt: at, UpdatedAt: at,
			}
			if err := s.CreateEvent(t.Context(), e, []store.Delivery{del}); err != nil {
				t.Fatal(err)
			}
			del.Version, del.State, del.NextAttemptAt, del.EndedAt = 1, store.Succeeded, time.Time{}, at
			a := store.Attempt{
				ID: "att_" + id, DeliveryID: del.ID, Tenant: "t", EventID: e.ID, EndpointID: "ep_1", EventType: e.Type,
				Round: 1, Number: 1, Trigger: store.TriggerSchedule, Succeeded: true, ScheduledAt: at, StartedAt: at, EndedAt: at.Add(time.Millisecond), Status: 200,
			}
			if err := s.UpdateDelivery(t.Context(), del, &a); err != nil {
				t.Fatal(err)
			}
		}
		roll := func(before time.Time, want int) {
			t.Helper()
			if n, err := s.RollStats(t.Context(), before, 100); err != nil || n != want {
				t.Errorf("RollStats before %s: %d %v, want %d", before, n, err, want)
			}
		}
		record("1", now.Add(-20*time.Minute))
		record("2", now.Add(-19*time.Minute))
		roll(now.Add(-5*time.Minute), 2)
		record("ahead", ahead.Add(-10*time.Minute))
		roll(ahead.Add(-5*time.Minute), 0)
		record("3", now.Add(-10*time.Minute))
		roll(now.Add(-5*time.Minute), 1)
		until := now.Truncate(time.Hour).Add(time.Hour)
		day, err := store.Stats(t.Context(), s, store.StatsFilter{Tenant: "t", EndpointID: "ep_1", Since: until.Add(-24 * time.Hour), Until: until})
		if err != nil || day[0].Succeeded != 3 {
			t.Errorf("Stats count %+v %v, want 3 attempts", day, err)
		}
	})
}
