package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// backlogSize is how many deliveries are pending in the larger database, and how
// many turns are measured; with -short it is only seen to that all of it runs.
func backlogSize() (deliveries, turns int) {
	if testing.Short() {
		return 20_000, 1
	}
	return 1_000_000, 7
}

// BenchmarkBacklog compares the speed of sending, delivering and listing with a
// million pending deliveries and with ten thousand, turn by turn: 100 means that
// the million costs nothing.
func BenchmarkBacklog(b *testing.B) {
	size, turns := backlogSize()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	small := newBacklog(b, receiver.URL, 10_000, "1 hour")
	large := newBacklog(b, receiver.URL, size, "1 hour")
	for b.Loop() {
		ratios := map[string][]float64{}
		for turn := range turns + 1 {
			first, second := small.measure(b), large.measure(b)
			if turn == 0 {
				continue // connections, plans and caches are new
			}
			for what := range first {
				ratios[what] = append(ratios[what], 100*first[what].Seconds()/second[what].Seconds())
			}
		}
		for what, all := range ratios {
			slices.Sort(all)
			b.ReportMetric(all[len(all)/2], what+"-%")
		}
	}
}

// backlog is a database in which many deliveries are pending.
type backlog struct {
	cfg   sender.Config
	store *sqlstore.Store
	db    *sql.DB
	done  chan struct{} // one for each attempt that was recorded
}

// AttemptFinished implements sender.HookAttemptFinished.
func (l *backlog) AttemptFinished(context.Context, sender.AttemptFinished) { l.done <- struct{}{} }

// newBacklog fills a database with deliveries that are due in so long, of a
// hundred tenants, each with an event of its own.
func newBacklog(b *testing.B, url string, size int, due string) *backlog {
	b.Helper()
	d := databases[0]
	s, db := d.fresh(b)
	l := &backlog{store: s, db: db, done: make(chan struct{}, 1_000_000)}
	l.cfg = sender.Config{
		Store: s, Redis: testenv.RealRedis(b).Client(), UnsafeAllowLocal: true, Hooks: []sender.Hook{l},
		Profile: sender.Profile{Timeout: time.Minute},
	}
	for i := range 100 {
		tenant := fmt.Sprintf("t_%d", i)
		if _, err := sender.PutEndpoint(b.Context(), l.cfg, store.Endpoint{Tenant: tenant, ID: "ep_" + tenant, URL: url}); err != nil {
			b.Fatal(err)
		}
	}
	of := fmt.Sprintf(" FROM (SELECT n, 't_' || n %% 100 AS tenant, now() - n * interval '1 ms' AS at,"+
		" now() + interval '%s' + n * interval '1 ms' AS due FROM generate_series(1, %d) AS n) AS backlog", due, size)
	for _, statement := range []string{
		"INSERT INTO outhook_events (tenant, id, type, payload, content_type, created_at)" +
			" SELECT tenant, 'evt_' || n, 'order.paid', '{}', '', at" + of,
		"INSERT INTO outhook_deliveries (tenant, id, event_id, endpoint_id, event_type, state, round, attempts," +
			" trigger_kind, next_attempt_at, last_status, last_error_class, last_error, created_at, updated_at, version)" +
			" SELECT tenant, 'dlv_' || n, 'evt_' || n, 'ep_' || tenant, 'order.paid', 'pending', 1, 0," +
			" 'schedule', due, 0, '', '', at, due, 1" + of,
		"VACUUM ANALYZE",
		"CHECKPOINT",
	} {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

// measure sends, delivers and lists once, and returns how long each took.
func (l *backlog) measure(b *testing.B) map[string]time.Duration {
	b.Helper()
	const events, senders = 3000, 16
	took := map[string]time.Duration{}
	timed := func(what string, f func()) {
		began := time.Now()
		f()
		took[what] = time.Since(began)
	}
	s, err := sender.New(l.cfg)
	if err != nil {
		b.Fatal(err)
	}
	timed("send", func() {
		inParallel(senders, events, func(i int) {
			event := sender.Event{Tenant: fmt.Sprintf("t_%d", i%100), Type: "order.paid", Payload: []byte(`{"n":1}`)}
			if _, err := s.Send(b.Context(), event); err != nil {
				b.Error(err)
			}
		})
	})
	timed("deliver", func() {
		stop := l.work(b)
		for range events {
			<-l.done
		}
		stop()
	})
	timed("list", func() {
		inParallel(2, 400, func(i int) {
			tenant := fmt.Sprintf("t_%d", i%100)
			filters := []store.DeliveryFilter{
				{Tenant: tenant},
				{Tenant: tenant, EndpointID: "ep_" + tenant},
				{Tenant: tenant, States: []store.DeliveryState{store.Succeeded}},
				{Tenant: store.AllTenants},
			}
			if _, err := l.store.ListDeliveries(b.Context(), filters[i%len(filters)]); err != nil {
				b.Error(err)
			}
		})
	})
	return took
}

// work runs workers until the returned function is called.
func (l *backlog) work(b *testing.B) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- sender.RunWorkers(ctx, l.cfg) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// inParallel calls f for 0 to n-1, some of them at once.
func inParallel(workers, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}
