package integration_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

var everything = store.PurgeFilter{Before: time.Now().Add(time.Hour), BodiesBefore: time.Now().Add(time.Hour)}

// A delivery that somebody is about to replay is left alone, and with it its
// event. Nobody waits, and what else is old goes.
func TestPurgeLeavesWhatIsReplayed(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		for i := range 5 {
			fail(t, s, i)
		}
		tx := mustBegin(t, db)
		if err := replay(t, s.Tx(tx), 1); err != nil {
			t.Fatal(err)
		}
		f := everything
		f.Limit = 2
		for i, want := range []int{2, 2, 0} {
			if n, err := s.Purge(t.Context(), f); n != want || err != nil {
				t.Errorf("Purge %d: %d, %v; want %d", i, n, err, want)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		checkKept(t, s, db, []int{1})
	})
}

// Ids go through JSON on their way, and come out as they were.
func TestPurgeOfAnyID(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		for _, id := range []string{"a", "a ", "A", `"quotes'\\`, "<&>", "\n\t", "é🎉", "日本", "%_$.[*]?:{}", "\u2028", strings.Repeat("é", 128)} {
			e := store.Event{ID: id, Tenant: id}
			d := store.Delivery{ID: id, Tenant: id, EventID: id, State: store.Failed}
			if err := s.CreateEvent(t.Context(), e, []store.Delivery{d}); err != nil {
				t.Fatal(err)
			}
			d.Version = 1
			if err := s.UpdateDelivery(t.Context(), d, &store.Attempt{ID: id, Tenant: id, DeliveryID: id, EventID: id}); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range []store.PurgeFilter{{BodiesBefore: everything.Before}, {Before: everything.Before}} {
			if n, err := s.Purge(t.Context(), f); n != 11 || err != nil {
				t.Errorf("Purge: %d, %v; want 11", n, err)
			}
		}
		checkKept(t, s, db, nil)
	})
}

// A replay of what is being removed waits for the end, and finds nothing.
func TestReplayOfWhatIsPurged(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		fail(t, s, 0)
		tx := mustBegin(t, db)
		read, err := s.GetDelivery(t.Context(), "acme", "dlv_0")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Tx(tx).(store.Purger).Purge(t.Context(), everything); n != 1 || err != nil {
			t.Fatalf("Purge: %d, %v", n, err)
		}
		replayed := make(chan error)
		go func() {
			read.State = store.Pending
			replayed <- s.UpdateDelivery(t.Context(), read, nil)
		}()
		d.waitForLock(t, db)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-replayed; !errors.Is(err, store.ErrNotFound) {
			t.Errorf("UpdateDelivery: %v, want ErrNotFound", err)
		}
		checkKept(t, s, db, nil)
	})
}

// Processes that purge, and others that replay every second event at the same
// time: a replay wins, or finds nothing, and nobody gets any other error.
func TestPurgeWhileOthersReplay(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		const events, each = 400, 4
		source := d.source(t)
		stores := make([]*sqlstore.Store, 2*each)
		pools := make([]*sql.DB, len(stores))
		for i := range stores {
			if i > 0 && d.dialect == sqlstore.SQLite { // writers of one Store take turns; others wait blindly
				stores[i] = stores[0]
				continue
			}
			pools[i] = d.open(t, source)
			stores[i] = mustNew(t, pools[i], d.dialect, sqlstore.Options{})
		}
		mustMigrate(t, stores[0])
		for i := range events {
			fail(t, stores[0], i)
		}

		var removed atomic.Int64
		replayed := make([]bool, events)
		var wg sync.WaitGroup
		for n := range each {
			wg.Go(func() { removed.Add(int64(purgeAll(t, stores[n]))) })
			wg.Go(func() {
				for i := events - 1 - n; i >= 0; i -= 2 * each { // they meet half-way
					err := replay(t, stores[each+n], i)
					replayed[i] = err == nil
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Errorf("replay %d: %v, want ErrNotFound or nothing", i, err)
					}
				}
			})
		}
		wg.Wait()
		removed.Add(int64(purgeAll(t, stores[0]))) // what came free after the last look

		var kept []int
		for i, ok := range replayed {
			if ok {
				kept = append(kept, i)
			}
		}
		t.Logf("%d of %d replays won", len(kept), events/2)
		if got := int(removed.Load()); got != events-len(kept) {
			t.Errorf("Purge says that it removed %d events, want %d", got, events-len(kept))
		}
		checkKept(t, stores[0], pools[0], kept)
	})
}

func purgeAll(t *testing.T, s *sqlstore.Store) (removed int) {
	t.Helper()
	f := everything
	f.Limit = 7
	for {
		n, err := s.Purge(t.Context(), f)
		if err != nil {
			t.Errorf("Purge: %v", err)
		}
		removed += n
		if n < f.Limit {
			return removed
		}
	}
}

// fail writes an event with two deliveries that have failed, and an attempt of
// the first one.
func fail(t *testing.T, s store.Store, i int) {
	t.Helper()
	e, deliveries := order(fmt.Sprint(i))
	deliveries[0].State = store.Failed
	other := deliveries[0]
	other.ID += "_other"
	err := s.CreateEvent(t.Context(), e, append(deliveries, other))
	if err != nil {
		t.Fatal(err)
	}
	deliveries[0].Version = 1
	a := &store.Attempt{
		ID: "att_1", Tenant: "acme", DeliveryID: deliveries[0].ID, EventID: e.ID,
		StartedAt: time.Now(), ResponseBody: []byte("no"),
	}
	if err := s.UpdateDelivery(t.Context(), deliveries[0], a); err != nil {
		t.Fatal(err)
	}
}

func replay(t *testing.T, s store.Store, i int) error {
	t.Helper()
	d, err := s.GetDelivery(t.Context(), "acme", fmt.Sprintf("dlv_%d", i))
	if err != nil {
		return err
	}
	d.State = store.Pending
	return s.UpdateDelivery(t.Context(), d, nil)
}

// checkKept wants all that fail wrote of the events, and nothing else.
func checkKept(t *testing.T, s *sqlstore.Store, db *sql.DB, events []int) {
	t.Helper()
	for _, i := range events {
		job, err := s.LoadJob(t.Context(), "acme", fmt.Sprintf("dlv_%d", i))
		if err != nil || job.Delivery.State != store.Pending || job.Event == nil || len(job.Event.Payload) == 0 {
			t.Errorf("LoadJob %d: %+v, %v; want what was replayed, with its payload", i, job, err)
		}
	}
	for table, rows := range map[string]int{"events": 1, "deliveries": 2, "attempts": 1} {
		id := map[string]string{"events": "id"}[table]
		if id == "" {
			id = "event_id"
		}
		found, of := map[string]int{}, 0
		result, err := db.QueryContext(t.Context(), "SELECT "+id+" FROM outhook_"+table)
		if err != nil {
			t.Fatal(err)
		}
		defer result.Close()
		for result.Next() {
			var event string
			if err := result.Scan(&event); err != nil {
				t.Fatal(err)
			}
			found[event]++
			of++
		}
		if err := result.Err(); err != nil {
			t.Fatal(err)
		}
		for _, i := range events {
			if n := found[fmt.Sprintf("evt_%d", i)]; n != rows {
				t.Errorf("%s: %d rows of event %d, want %d", table, n, i, rows)
			}
		}
		if want := rows * len(events); of != want {
			t.Errorf("%s: %d rows, want %d of %d events", table, of, want, len(events))
		}
	}
}
