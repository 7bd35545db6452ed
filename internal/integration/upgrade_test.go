package integration_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// Tables of the first version, with rows in them, become those of this one. The
// processes that still run the first version go on meanwhile.
func TestMigrateFromTheFirstVersion(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		source := d.source(t)
		if d.dialect == sqlstore.MySQL {
			source += "?multiStatements=true"
		}
		db := d.open(t, source)
		names := migrationNames(t, d.dialect)
		d.firstVersion(t, db, names[0])
		const history = 1000
		d.fillTables(t, db, history)
		d.putAsFirstVersion(t, db, "ep_4")

		s := mustNew(t, db, d.dialect, sqlstore.Options{})
		if got, want := mustMigrate(t, s), names[1:]; !slices.Equal(got, want) {
			t.Errorf("it applied %q, want %q", got, want)
		}
		d.putAsFirstVersion(t, db, "ep_late")
		for _, id := range []string{"ep_4", "ep_late"} {
			e, err := s.GetEndpoint(t.Context(), "t_7", id)
			if err != nil || e.URL != "https://example.com" || e.RateLimit != (store.RateLimit{}) || !e.FailingSince.IsZero() || !e.PausedUntil.IsZero() {
				t.Errorf("GetEndpoint: %+v, %v", e, err)
			}
		}
		checkFilled(t, s, history)
		writeNewFields(t, s)
	})
}

// firstVersion makes the tables as Migrate of the first version did.
func (d database) firstVersion(t *testing.T, db *sql.DB, name string) {
	t.Helper()
	up, _ := migrationFile(t, d.dialect, name)
	mustExec(t, db, up)
	mustExec(t, db, "CREATE TABLE outhook_migrations (name varchar(100) PRIMARY KEY, applied_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)")
	mustExec(t, db, "INSERT INTO outhook_migrations (name) VALUES ('"+name+"')")
}

// putAsFirstVersion writes an endpoint as the first version did.
func (d database) putAsFirstVersion(t *testing.T, db *sql.DB, id string) {
	t.Helper()
	now := "now()"
	if d.dialect != sqlstore.PostgreSQL {
		now = "0"
	}
	mustExec(t, db, "INSERT INTO outhook_endpoints (tenant, id, url, description, event_types, profile, secrets, headers,"+
		" timeout_ns, disabled, disabled_reason, created_at, version)"+
		" VALUES ('t_7', '"+id+"', 'https://example.com', '', '[]', '', '[]', '{}', 0, false, '', "+now+", 1)")
}

// checkFilled wants every delivery of fillTables, with event and attempt.
func checkFilled(t *testing.T, s *sqlstore.Store, history int) {
	t.Helper()
	found := 0
	for d, err := range store.AllDeliveries(t.Context(), s, store.DeliveryFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}) {
		if err != nil || d.EventType != "order.paid" || d.Round != 1 {
			t.Fatalf("delivery: %+v, %v", d, err)
		}
		found++
	}
	for a, err := range store.AllAttempts(t.Context(), s, store.AttemptFilter{Tenant: store.AllTenants, Limit: store.MaxLimit}) {
		if err != nil || a.ConnReused || a.Status != 200 || a.Duration() != time.Second {
			t.Fatalf("attempt: %+v, %v", a, err)
		}
		found++
	}
	if found != 2*history {
		t.Errorf("%d deliveries and attempts, want %d", found, 2*history)
	}
	job, err := s.LoadJob(t.Context(), "t_7", "dlv_150")
	if err != nil || job.Event == nil || job.Event.Hops != 0 || job.Endpoint == nil || job.Delivery.State != store.Pending {
		t.Errorf("LoadJob: %+v, %v", job, err)
	}
}

// writeNewFields changes rows of the first version.
func writeNewFields(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	e, err := s.GetEndpoint(t.Context(), "t_7", "ep_4")
	if err != nil {
		t.Fatal(err)
	}
	e.RateLimit, e.PausedUntil = store.RateLimit{PerSecond: 0.1, Burst: 3}, firstDay
	if err := s.PutEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	got, err := s.GetEndpoint(t.Context(), "t_7", "ep_4")
	if err != nil || got.RateLimit != e.RateLimit || !got.PausedUntil.Equal(firstDay) {
		t.Errorf("GetEndpoint: %+v, %v", got, err)
	}
	d, err := s.GetDelivery(t.Context(), "t_7", "dlv_150")
	if err != nil {
		t.Fatal(err)
	}
	a := attemptOf(d, 1)
	a.ConnReused = true
	if err := s.UpdateDelivery(t.Context(), d, a); err != nil {
		t.Fatal(err)
	}
	page, err := s.ListAttempts(t.Context(), store.AttemptFilter{Tenant: "t_7", DeliveryID: d.ID})
	reused := slices.IndexFunc(page.Items, func(a store.Attempt) bool { return a.ConnReused })
	if err != nil || len(page.Items) != 2 || page.Items[reused].ID != a.ID {
		t.Errorf("ListAttempts: %+v, %v; want two, of which the new one reused a connection", page.Items, err)
	}
}

// The end of the process in a migration that changes tables, before or after the
// statement that was noted.
func TestMySQLUpgradeAfterACrash(t *testing.T) {
	t.Parallel()
	_, whole := mysql.fresh(t)
	want := tables(t, whole)
	names := migrationNames(t, mysql.dialect)
	for at := 1; at < len(names); at++ {
		up, _ := migrationFile(t, mysql.dialect, names[at])
		changes := strings.SplitAfter(up, ";\n\n")
		for begun := range changes {
			for done := range 2 {
				db := mysql.open(t, mysql.source(t)+"?multiStatements=true")
				s := mustNew(t, db, mysql.dialect, sqlstore.Options{})
				mysql.firstVersion(t, db, names[0])
				for _, name := range names[1:at] {
					earlier, _ := migrationFile(t, mysql.dialect, name)
					mustExec(t, db, earlier)
					mustExec(t, db, "INSERT INTO outhook_migrations (name) VALUES ('"+name+"')")
				}
				if applied := strings.Join(changes[:begun+done], ""); applied != "" {
					mustExec(t, db, applied)
				}
				for i := range begun + 1 {
					mustExec(t, db, fmt.Sprintf("INSERT INTO outhook_migrations (name) VALUES ('%s.%d')", names[at], i))
				}
				if got, want := mustMigrate(t, s), names[at:]; !slices.Equal(got, want) {
					t.Errorf("it applied %q, want %q", got, want)
				}
				if got := tables(t, db); got != want {
					t.Errorf("%s: %d statements begun, %d of them done: it left\n%s\nwant\n%s", names[at], begun+1, begun+done, got, want)
				}
				useRows(t, s)
			}
		}
	}
}

// useRows needs the rows that migrations write.
func useRows(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	fail(t, s, 1)
	if n, err := s.RollStats(t.Context(), time.Now().Add(time.Hour), 10); n != 1 || err != nil {
		t.Errorf("RollStats: %d, %v; want the attempt", n, err)
	}
}
