package integration_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/portal"
	"github.com/outhook/outhook/store"
)

// portalBound is how long a page may take at the server, with a million deliveries.
const portalBound = 100 * time.Millisecond

// BenchmarkPortal: each page of the portal, and its lists with the filters that are
// hardest on a database, of a tenant with a million deliveries in PostgreSQL to
// twenty endpoints in thirty days: the median of several requests, in milliseconds,
// from the request to the last byte of the answer. A page over the bound fails.
func BenchmarkPortal(b *testing.B) {
	size, turns := backlogSize()
	s, db := databases[0].fresh(b)
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // no page needs it
	defer rdb.Close()
	cfg := sender.Config{Store: s, Redis: rdb, Events: []sender.EventType{{Name: "order.paid"}, {Name: "order.rare"}}}
	for i := range 20 {
		e := store.Endpoint{ID: fmt.Sprintf("ep_%d", i), Tenant: "t", URL: "https://example.com/webhooks", Description: fmt.Sprintf("Shop %d", i)}
		if _, err := sender.PutEndpoint(b.Context(), cfg, e); err != nil {
			b.Fatal(err)
		}
	}
	fillPortal(b, db, size)
	for n := 5000; n == 5000; {
		var err error
		if n, err = s.RollStats(b.Context(), time.Now().Add(-5*time.Minute), 5000); err != nil {
			b.Fatal(err)
		}
	}
	mustExec(b, db, "VACUUM ANALYZE")
	mustExec(b, db, "CHECKPOINT")
	handler, err := portal.New(portal.Config{Sender: cfg, Authorize: func(*http.Request) (portal.Access, error) {
		return portal.Access{Tenant: "t", May: portal.All}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, page := range portalPages(size) {
			took := make([]time.Duration, turns+1) // and one to warm up
			for i := range took {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, page.path, nil)
				w := httptest.NewRecorder()
				began := time.Now()
				handler.ServeHTTP(w, r)
				took[i] = time.Since(began)
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), page.has) {
					b.Fatalf("%s: %d, want 200 and %q in\n%s", page.path, w.Code, page.has, w.Body)
				}
			}
			took = slices.Sorted(slices.Values(took[1:]))
			median := took[len(took)/2]
			b.ReportMetric(median.Seconds()*1000, "ms-"+page.name)
			if median > portalBound {
				b.Errorf("%s took %s, must be at most %s", page.path, median, portalBound)
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

type portalPage struct{ name, path, has string }

// portalPages are all pages that read something, each with what must be in it.
func portalPages(size int) []portalPage {
	old := url.QueryEscape(time.Now().UTC().Add(-29 * 24 * time.Hour).Format("2006-01-02T15:04"))
	return []portalPage{
		{"endpoints", "/", "Shop 19"},
		{"endpoint-24h", "/endpoints/ep_7", "Shop 7"},
		{"endpoint-7d", "/endpoints/ep_7?range=7d", "Shop 7"},
		{"endpoint-30d", "/endpoints/ep_7?range=30d", "Shop 7"},
		{"edit", "/endpoints/ep_7/edit", "Shop 7"},
		{"deliveries", "/deliveries", "Older"},
		{"deliveries-pending", "/deliveries?state=pending", "dlv_"},
		{"deliveries-failed", "/deliveries?state=failed", "Older"},
		{"deliveries-endpoint", "/deliveries?endpoint=ep_7", "Older"},
		{"deliveries-endpoint-failed", "/deliveries?endpoint=ep_19&state=failed", "dlv_"},
		{"deliveries-event", "/deliveries?event=order.paid", "Older"},
		{"deliveries-rare", "/deliveries?event=order.rare", "dlv_"},
		{"deliveries-rare-failed", "/deliveries?event=order.rare&state=failed", "dlv_"},
		{"deliveries-rare-endpoint", "/deliveries?event=order.rare&endpoint=ep_19", "dlv_"},
		{"deliveries-none", "/deliveries?event=order.none", "Nothing matches"},
		{"deliveries-old", "/deliveries?until=" + old, "Older"},
		{"delivery", fmt.Sprintf("/deliveries/dlv_%d", size-2), "Attempt 1"},
		{"replays", "/replays", "None yet"},
		{"replay-count", "/replays/new?failed=1&canceled=1", "match"},
		{"replay-count-endpoint", "/replays/new?failed=1&endpoint=ep_19", "match"},
		{"events", "/events", "order.rare"},
		{"api-endpoints", "/api/v1/endpoints", "Shop 19"},
		{"api-deliveries", "/api/v1/deliveries?state=failed,canceled&limit=250", "dlv_"},
		{"api-delivery", fmt.Sprintf("/api/v1/deliveries/dlv_%d/attempts", size-2), "att_"},
		{"api-stats", "/api/v1/stats?endpoint=ep_7&bucket=1h", "succeeded"},
	}
}

// fillPortal writes a history of one tenant: one in a hundred has failed, but of
// ep_19 only five, long ago; five events are of a rare type, long ago as well.
func fillPortal(b *testing.B, db *sql.DB, size int) {
	b.Helper()
	history := fmt.Sprintf(" FROM (SELECT n, 'ep_' || n %% 20 AS endpoint, n <= 100 AND n %% 20 = 19 AS rare,"+
		" n %% 100 = 7 OR n <= 100 AND n %% 20 = 19 AS failed, n > %d - 40 AS pending,"+
		" timestamptz '%s' + n * interval '30 days' / %d AS at FROM generate_series(1, %d) AS n) AS history",
		size, time.Now().UTC().Add(-30*24*time.Hour).Format(time.RFC3339), size, size)
	eventType := "CASE WHEN rare THEN 'order.rare' WHEN n % 3 = 0 THEN 'order.placed' WHEN n % 3 = 1 THEN 'order.shipped' ELSE 'order.paid' END"
	mustExec(b, db, "INSERT INTO outhook_events (tenant, id, type, payload, content_type, created_at)"+
		" SELECT 't', 'evt_' || n, "+eventType+", '{\"order\": 17, \"items\": [1, 2, 3]}', '', at"+history)
	mustExec(b, db, "INSERT INTO outhook_deliveries (tenant, id, event_id, endpoint_id, event_type, state, round, attempts,"+
		" trigger_kind, next_attempt_at, last_status, last_error_class, last_error, created_at, version)"+
		" SELECT 't', 'dlv_' || n, 'evt_' || n, endpoint, "+eventType+", CASE WHEN pending THEN 'pending' WHEN failed THEN 'failed'"+
		" ELSE 'succeeded' END, 1, 1, 'schedule', CASE WHEN pending THEN at END, CASE WHEN failed THEN 500 ELSE 200 END,"+
		" CASE WHEN failed THEN 'status' ELSE '' END, '', at, 2"+history)
	mustExec(b, db, "INSERT INTO outhook_attempts (tenant, id, delivery_id, event_id, endpoint_id, event_type, round, number,"+
		" trigger_kind, succeeded, started_at, ended_at, url, request_header, status, response_header, response_body,"+
		" response_truncated, error_class, error, remote_addr, dns_ns, connect_ns, tls_ns, first_byte_ns)"+
		" SELECT 't', 'att_' || n, 'dlv_' || n, 'evt_' || n, endpoint, "+eventType+", 1, 1, 'schedule', NOT failed, at,"+
		" at + exp(6 * random()) * interval '10 ms', 'https://example.com/webhooks', '{\"User-Agent\": [\"outhook\"]}', 200,"+
		" '{\"Content-Type\": [\"text/plain\"]}', 'ok', false, '', '', '203.0.113.7:443', 0, 0, 0, 0"+history)
}
