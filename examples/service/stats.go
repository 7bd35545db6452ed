package main

import (
	"cmp"
	"net/http"
	"time"

	"github.com/outhook/outhook/store"
)

// bucket is what happened in one stretch of time.
type bucket struct {
	Start     time.Time `json:"start"`
	Succeeded int       `json:"succeeded"`
	Failed    int       `json:"failed"`
	P50       float64   `json:"p50_ms"`
	P95       float64   `json:"p95_ms"`
	P99       float64   `json:"p99_ms"`
}

// stats counts attempts: those of the last day, unless the client says otherwise.
func (s *service) stats(r *http.Request, tenant string) (reply, error) {
	q := parseQuery(r, "endpoint", "since", "until", "bucket")
	filter := store.StatsFilter{
		Tenant: tenant, EndpointID: q.text("endpoint"),
		Since: q.time("since"), Until: q.time("until"), Bucket: q.duration("bucket"),
	}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	filter.Until = cmp.Or(filter.Until, time.Now().UTC())
	filter.Since = cmp.Or(filter.Since, filter.Until.Add(-24*time.Hour))
	counted, err := store.Stats(r.Context(), s.db.store, filter)
	buckets := []bucket{}
	for _, b := range counted {
		buckets = append(buckets, bucket{b.Start, b.Succeeded, b.Failed, millis(b.P50), millis(b.P95), millis(b.P99)})
	}
	return reply{http.StatusOK, struct {
		Since   time.Time `json:"since"`
		Until   time.Time `json:"until"`
		Buckets []bucket  `json:"buckets"`
	}{filter.Since, filter.Until, buckets}}, err
}
