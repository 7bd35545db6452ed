package sqlstore

import (
	"context"
	"time"

	"github.com/outhook/outhook/store"
)

// Stats implements [store.StatsSource].
func (s *Store) Stats(ctx context.Context, f store.StatsFilter) ([]store.StatsBucket, error) {
	buckets := make([]store.StatsBucket, (f.Until.Sub(f.Since)-1)/f.Bucket+1)
	for i := range buckets {
		buckets[i].Start = f.Since.Add(time.Duration(i) * f.Bucket)
	}
	statement, args := s.statsQuery(f)
	err := s.read(ctx, func(q Querier) error {
		return eachRow(ctx, q, statement, args, func(rows Rows) error {
			var i, succeeded, failures, p50, p95, p99 int64
			if err := rows.Scan(&i, &succeeded, &failures, &p50, &p95, &p99); err != nil {
				return err
			}
			b := &buckets[i]
			b.Succeeded, b.Failed = int(succeeded), int(failures)
			b.P50, b.P95, b.P99 = micros(p50), micros(p95), micros(p99)
			return nil
		})
	})
	if err != nil {
		return nil, failed(ctx, "stats", err)
	}
	return buckets, nil
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// statsQuery counts attempts by bucket, and takes the one of the nearest rank
// for each percentile. The number of a bucket is computed in nanoseconds, as
// Since and Bucket may be finer than the times that are stored.
func (s *Store) statsQuery(f store.StatsFilter) (statement string, args []any) {
	q := query{dialect: s.dialect}
	since := f.Since.Truncate(time.Microsecond)
	q.args = []any{s.dialect.time(since), int64(f.Since.Sub(since)), int64(f.Bucket)}
	q.tenant(f.Tenant)
	q.equal("endpoint_id", f.EndpointID)
	q.between("started_at", f.Since, f.Until)

	nanos := s.dialect.micros("?", "started_at") + " * 1000"
	timed := "SELECT (" + nanos + " - ?)" + s.dialect.divide + "? AS bucket, succeeded, " +
		s.dialect.micros("started_at", "COALESCE(ended_at, started_at)") + " AS duration" +
		" FROM " + s.attempts.name + q.where()
	ranked := "SELECT bucket, succeeded, duration" +
		", row_number() OVER (PARTITION BY bucket ORDER BY duration) AS place" +
		", count(*) OVER (PARTITION BY bucket) AS size FROM (" + timed + ") AS timed"
	statement = "SELECT bucket, count(CASE WHEN succeeded THEN 1 END), count(CASE WHEN NOT succeeded THEN 1 END)" +
		", " + s.percentile("50") + ", " + s.percentile("95") + ", " + s.percentile("99") +
		" FROM (" + ranked + ") AS ranked GROUP BY bucket"
	return s.dialect.numberParameters(statement), q.args
}

func (s *Store) percentile(p string) string {
	return "max(CASE WHEN place = (size * " + p + " + 99)" + s.dialect.divide + "100 THEN duration END)"
}
