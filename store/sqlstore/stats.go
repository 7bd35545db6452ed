package sqlstore

import (
	"context"
	"time"

	"github.com/outhook/outhook/store"
)

// Stats implements [store.StatsSource]. Of whole hours it reads the sums, as far as
// [Store.RollStats] has got, and the attempts after that; of anything else the
// attempts.
func (s *Store) Stats(ctx context.Context, f store.StatsFilter) ([]store.StatsBucket, error) {
	buckets := make([]store.StatsBucket, (f.Until.Sub(f.Since)-1)/f.Bucket+1)
	for i := range buckets {
		buckets[i].Start = f.Since.Add(time.Duration(i) * f.Bucket)
	}
	err := s.read(ctx, func(q Querier) error {
		if wholeHours(f.Since) && (f.Bucket%time.Hour == 0 || len(buckets) == 1) {
			found, err := s.readStatsOfSums(ctx, q, f, buckets)
			if found || err != nil {
				return err
			}
		}
		return s.readStats(ctx, q, f, buckets)
	})
	if err != nil {
		return nil, failed(ctx, "stats", err)
	}
	return buckets, nil
}

func wholeHours(t time.Time) bool { return t.Truncate(time.Hour).Equal(t) }

// readStats reads all of it from the attempts, and is exact.
func (s *Store) readStats(ctx context.Context, q Querier, f store.StatsFilter, buckets []store.StatsBucket) error {
	statement, args := s.statsQuery(f)
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
}

// readStatsOfSums reads sums, and the attempts that are not in them. It reports
// false, and has changed nothing, if there are no sums that fit.
func (s *Store) readStatsOfSums(ctx context.Context, q Querier, f store.StatsFilter, buckets []store.StatsBucket) (bool, error) {
	sums := make([]sum, len(buckets))
	at := func(t time.Time) *sum { return &sums[t.Sub(f.Since)/f.Bucket] }
	summed, found, err := s.readSums(ctx, q, f, at)
	if err != nil || !found || !wholeHours(f.Until) && f.Until.Before(summed.until) {
		return false, err
	}
	before, after := f, f
	before.Until = earliest(f.Until, summed.from)
	after.Since = latest(f.Since, summed.until)
	for _, rest := range []store.StatsFilter{before, after} {
		if err := s.readTimings(ctx, q, rest, at); err != nil {
			return false, err
		}
	}
	for i, sum := range sums {
		b, size := &buckets[i], sum.succeeded+sum.failed
		b.Succeeded, b.Failed = sum.succeeded, sum.failed
		b.P50, b.P95, b.P99 = sum.durations.percentile(50, size), sum.durations.percentile(95, size), sum.durations.percentile(99, size)
	}
	return true, nil
}

// readSums reads the sums of the hours that f is about, and the mark that belongs to
// them: in one statement, as both may change at any time.
func (s *Store) readSums(ctx context.Context, q Querier, f store.StatsFilter, at func(time.Time) *sum) (summed mark, found bool, err error) {
	of := query{dialect: s.dialect}
	of.tenant(f.Tenant)
	of.equal("endpoint_id", f.EndpointID)
	of.between("hour", f.Since, f.Until)
	statement := s.dialect.numberParameters("SELECT 1, summed_from, 0, 0, '', summed_until FROM " + s.tableName("stats_mark") +
		" WHERE id = 1 UNION ALL SELECT 0, hour, succeeded, failed, durations, hour FROM " + s.tableName("stats") + of.where())
	err = eachRow(ctx, q, statement, of.args, func(rows Rows) error {
		var row mark
		var isMark, succeeded, failures int
		var durations string
		if err := rows.Scan(&isMark, sortKey(&row.from), &succeeded, &failures, &durations, sortKey(&row.until)); err != nil {
			return err
		}
		if isMark == 1 {
			summed = row
			return nil
		}
		found = true
		sum := at(row.from)
		sum.succeeded += succeeded
		sum.failed += failures
		return sum.durations.addEncoded(durations)
	})
	return summed, found, err
}

// readTimings adds the attempts themselves. Their order keeps PostgreSQL, when it
// plans for an empty table, from the primary key, in which the tenant's attempts of
// all time are.
func (s *Store) readTimings(ctx context.Context, q Querier, f store.StatsFilter, at func(time.Time) *sum) error {
	if !f.Since.Before(f.Until) {
		return nil
	}
	of := query{dialect: s.dialect}
	of.tenant(f.Tenant)
	of.equal("endpoint_id", f.EndpointID)
	of.between("started_at", f.Since, f.Until)
	statement := s.dialect.numberParameters("SELECT started_at, ended_at, succeeded FROM " + s.attempts.name + of.where() + " ORDER BY started_at")
	return eachRow(ctx, q, statement, of.args, func(rows Rows) error {
		var a timing
		if err := rows.Scan(a.places()...); err != nil {
			return err
		}
		at(a.start).add(a)
		return nil
	})
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
