package integration_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// BenchmarkStats: statistics of one of twenty endpoints, and of their tenant, which
// made a million attempts in thirty days, read from the attempts and then from sums:
// the median of several calls, in milliseconds. And how many attempts a second are
// summed up, in batches like the workers'.
func BenchmarkStats(b *testing.B) {
	size, turns := backlogSize()
	d := databases[0]
	s, db := d.fresh(b)
	until := time.Now().UTC().Truncate(time.Hour).Add(time.Hour)
	mustExec(b, db, "INSERT INTO outhook_attempts (tenant, id, delivery_id, event_id, endpoint_id, event_type, round, number,"+
		" trigger_kind, succeeded, started_at, ended_at, url, request_header, status, response_header, response_body,"+
		" response_truncated, error_class, error, remote_addr, dns_ns, connect_ns, tls_ns, first_byte_ns)"+
		" SELECT 't', 'att_' || n, 'dlv_' || n, 'evt_' || n, 'ep_' || n % 20, 'order.paid', 1, 1, 'schedule', n % 50 <> 0, at,"+
		" at + exp(6 * random()) * interval '10 ms', 'https://example.com/webhooks', '{\"User-Agent\": [\"outhook\"]}', 200,"+
		" '{\"Content-Type\": [\"text/plain\"]}', 'ok', false, '', '', '203.0.113.7:443', 0, 0, 0, 0"+
		fmt.Sprintf(" FROM (SELECT n, timestamptz '%s' + n * interval '30 days' / %d AS at FROM generate_series(1, %d) AS n) AS history",
			until.Add(-30*24*time.Hour-time.Hour).Format(time.RFC3339), size, size))
	mustExec(b, db, "VACUUM ANALYZE")
	mustExec(b, db, "CHECKPOINT")
	for b.Loop() {
		measureStats(b, s, until, turns, "exact")
		began, summed := time.Now(), 0
		for {
			n, err := s.RollStats(b.Context(), time.Now().Add(-5*time.Minute), 5000)
			if err != nil {
				b.Fatal(err)
			}
			if summed += n; n < 5000 {
				break
			}
		}
		b.ReportMetric(float64(summed)/time.Since(began).Seconds(), "summed/s")
		measureStats(b, s, until, turns, "rolled")
		b.ReportMetric(0, "ns/op")
	}
}

func measureStats(b *testing.B, s *sqlstore.Store, until time.Time, turns int, how string) {
	b.Helper()
	for _, endpoint := range []string{"ep_7", ""} {
		of := "endpoint"
		if endpoint == "" {
			of = "tenant"
		}
		for _, page := range []struct {
			name         string
			span, bucket time.Duration
		}{{"24h", 24 * time.Hour, time.Hour}, {"7d", 7 * 24 * time.Hour, 6 * time.Hour}, {"30d", 30 * 24 * time.Hour, 24 * time.Hour}} {
			f := store.StatsFilter{Tenant: "t", EndpointID: endpoint, Since: until.Add(-page.span), Until: until, Bucket: page.bucket}
			took := make([]time.Duration, turns+1) // and one to warm up
			for i := range took {
				began := time.Now()
				buckets, err := store.Stats(b.Context(), s, f)
				took[i] = time.Since(began)
				if err != nil || buckets[1].Succeeded == 0 || buckets[1].P99 == 0 {
					b.Fatal(buckets, err)
				}
			}
			took = slices.Sorted(slices.Values(took[1:]))
			b.ReportMetric(took[len(took)/2].Seconds()*1000, fmt.Sprintf("ms-%s-%s-%s", of, page.name, how))
		}
	}
}
