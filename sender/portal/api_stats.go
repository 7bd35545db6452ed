package portal

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/outhook/outhook/store"
)

// statsJSON count attempts.
type statsJSON struct {
	Since   time.Time    `json:"since"`
	Until   time.Time    `json:"until"`
	Buckets []bucketJSON `json:"buckets"`
}

// bucketJSON is what happened in one stretch of time.
type bucketJSON struct {
	Start     time.Time `json:"start"`
	Succeeded int       `json:"succeeded"`
	Failed    int       `json:"failed"`
	P50       float64   `json:"p50_ms"`
	P95       float64   `json:"p95_ms"`
	P99       float64   `json:"p99_ms"`
}

// apiStats counts attempts: those of the last day, unless the client says otherwise.
func (p *portal) apiStats(v *visit, q *query) (reply, error) {
	filter := store.StatsFilter{
		Tenant: v.Tenant, EndpointID: q.text("endpoint"),
		Since: q.time("since"), Until: q.time("until"), Bucket: q.duration("bucket"),
	}
	filter.Until = cmp.Or(filter.Until, endOfHour(time.Now())) // a Store sums up whole hours
	filter.Since = cmp.Or(filter.Since, filter.Until.Add(-24*time.Hour).Truncate(time.Hour))
	checkRange(q, filter)
	if err := q.err(); err != nil {
		return reply{}, err
	}
	counted, err := store.Stats(v.Context(), p.store, filter)
	answer := statsJSON{filter.Since, filter.Until, []bucketJSON{}}
	for _, b := range counted {
		answer.Buckets = append(answer.Buckets, bucketJSON{b.Start, b.Succeeded, b.Failed, millis(b.P50), millis(b.P95), millis(b.P99)})
	}
	return reply{http.StatusOK, answer}, err
}

// exactRange is how long a time may be of which statistics are counted by the attempt,
// and not by whole hours, of which a Store has sums: a month of a large tenant's would
// take its database seconds.
const exactRange = 6 * time.Hour

// checkRange reports what store.Stats would, by the names of the parameters, and what
// would cost too much.
func checkRange(q *query, f store.StatsFilter) {
	span := f.Until.Sub(f.Since)
	switch {
	case len(q.problems) > 0:
	case span <= 0:
		q.add("until", "must be after since")
	case span == math.MaxInt64: // where Sub saturates
		q.add("since", "must be less than 292 years before until")
	case f.Bucket > 0 && (span-1)/f.Bucket >= store.MaxStatsBuckets:
		q.add("bucket", fmt.Sprintf("makes more than %d buckets of the time between since and until", store.MaxStatsBuckets))
	case span > exactRange:
		q.wholeHours("since", f.Since.Equal(f.Since.Truncate(time.Hour)))
		q.wholeHours("until", f.Until.Equal(f.Until.Truncate(time.Hour)))
		q.wholeHours("bucket", f.Bucket%time.Hour == 0)
	}
}

func (q *query) wholeHours(name string, are bool) {
	if !are {
		q.add(name, "must be of whole hours (UTC), because since and until are more than 6 hours apart")
	}
}
