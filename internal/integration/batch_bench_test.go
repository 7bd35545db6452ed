package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/oneatatime"
	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// batchOps are the calls that are made together when they come at once.
var batchOps = []struct {
	name    string
	prepare func(b *testing.B, s store.Store) operation
}{
	{"CreateEvent", func(*testing.B, store.Store) operation {
		return func(ctx context.Context, s store.Store, i int) error {
			event, deliveries := order(fmt.Sprint(i))
			return s.CreateEvent(ctx, event, deliveries)
		}
	}},
	{"Record", func(b *testing.B, s store.Store) operation {
		versions := make([]atomic.Int64, benchOrders)
		createOrders(b, s)
		return func(ctx context.Context, s store.Store, i int) error {
			_, deliveries := order(fmt.Sprint(i % benchOrders))
			d := deliveries[0]
			d.Version = versions[i%benchOrders].Add(1)
			return s.UpdateDelivery(ctx, d, attemptOf(d, i))
		}
	}},
	{"LoadJob", func(b *testing.B, s store.Store) operation {
		createOrders(b, s)
		return func(ctx context.Context, s store.Store, i int) error {
			_, err := store.LoadJob(ctx, s, "acme", fmt.Sprintf("dlv_%d", i%benchOrders))
			return err
		}
	}},
}

// operation is what is measured. i differs in each call.
type operation func(ctx context.Context, s store.Store, i int) error

// benchOrders is more than are ever under way: calls for one delivery would
// wait for each other.
const benchOrders = 5000

func createOrders(tb testing.TB, s store.Store) {
	tb.Helper()
	var wg sync.WaitGroup
	for part := range 50 {
		wg.Go(func() {
			for i := part; i < benchOrders; i += 50 {
				event, deliveries := order(fmt.Sprint(i))
				if err := s.CreateEvent(tb.Context(), event, deliveries); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkTogether compares callers that share a Store, whose calls are made
// together, with callers of which each is alone. It measures both in turns, so
// that they meet the same machine, and reports how many times more the first
// get done. The server keeps what it commits, as in production.
func BenchmarkTogether(b *testing.B) {
	server := testenv.OwnPostgres(b, "fsync=on", "full_page_writes=on")
	for _, d := range databases {
		for _, op := range batchOps {
			if d.dialect == sqlstore.SQLite && op.name == "LoadJob" {
				continue // it reads in this process: there is no round trip to be shared
			}
			for _, callers := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("%s/%s/%d", d.name, op.name, callers), func(b *testing.B) {
					source := d.source
					if d.dialect == sqlstore.PostgreSQL {
						source = func(testing.TB) string { return server.Database() }
					}
					compareTogether(b, d, source, callers, op.prepare)
				})
			}
		}
	}
}

func compareTogether(b *testing.B, d database, source func(testing.TB) string, callers int,
	prepare func(b *testing.B, s store.Store) operation,
) {
	var sides [2]func(n, from int) time.Duration
	for i := range sides {
		db := d.open(b, source(b))
		db.SetMaxOpenConns(callers + 1)
		db.SetMaxIdleConns(callers + 1)
		s := mustNew(b, db, d.dialect, sqlstore.Options{})
		mustMigrate(b, s)
		callersOf := slices.Repeat([]store.Store{s}, callers)
		if i == 1 {
			callersOf = aloneStores(b, d, db, s, callers)
		}
		op := prepare(b, s)
		sides[i] = func(n, from int) time.Duration { return measure(b, callersOf, op, n, from) }
	}
	const turns = 4
	var spent [2]time.Duration
	n := max(b.N/turns, callers)
	b.ResetTimer()
	for turn := range turns {
		first := turn % 2 // who comes first is worse off
		for _, i := range []int{first, 1 - first} {
			spent[i] += sides[i](n, turn*n)
		}
	}
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(turns*n), "ns/together")
	b.ReportMetric(float64(spent[1].Nanoseconds())/float64(turns*n), "ns/alone")
	b.ReportMetric(spent[1].Seconds()/spent[0].Seconds(), "times-faster")
	b.ReportMetric(0, "ns/op") // of both: it says nothing
}

// aloneStores returns a Store for each caller, whose calls meet no other. In
// SQLite, where the Store has its writers wait for each other, they share one.
func aloneStores(b *testing.B, d database, db *sql.DB, s store.Store, callers int) []store.Store {
	b.Helper()
	if d.dialect == sqlstore.SQLite {
		return slices.Repeat([]store.Store{oneatatime.New(s)}, callers)
	}
	stores := make([]store.Store, callers)
	for i := range stores {
		stores[i] = mustNew(b, db, d.dialect, sqlstore.Options{})
	}
	return stores
}

// measure makes n calls, which begin with the number from.
func measure(b *testing.B, callers []store.Store, op operation, n, from int) time.Duration {
	b.Helper()
	start := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, s := range callers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := op(b.Context(), s, from+int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func attemptOf(d store.Delivery, i int) *store.Attempt {
	now := time.Now()
	return &store.Attempt{
		ID: fmt.Sprintf("att_%d", i), DeliveryID: d.ID, Tenant: d.Tenant, EventID: d.EventID, EndpointID: d.EndpointID,
		EventType: d.EventType, Round: 1, Number: 1, Trigger: store.TriggerSchedule, Succeeded: true,
		ScheduledAt: now, StartedAt: now, EndedAt: now, URL: "https://example.com/hooks", Status: 200,
		RequestHeader:  http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {d.EventID}, "Webhook-Signature": {"[redacted]"}},
		ResponseHeader: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Date": {"Fri, 02 Jan 2026 03:04:05 GMT"}},
		ResponseBody:   []byte("ok\n"), RemoteAddr: "192.0.2.1:443",
	}
}
