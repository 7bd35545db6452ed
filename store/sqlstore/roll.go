package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
)

// sumsKept is how long sums are kept: longer than the month, or quarter, that a
// page of statistics shows. What is older is counted from the attempts, if they are
// still there.
const sumsKept = 100 * 24 * time.Hour

// sumsAtOnce bounds how many sums are written by one statement.
const sumsAtOnce = 1000

// rollQueries sum up attempts.
type rollQueries struct {
	lock   string // and read the mark
	border string // the time of the last attempt of a batch; the limit follows
	read   string
	sums   string // the sums that a JSON array names
	write  string // a JSON array of sums
	expire string
	mark   string
}

var (
	sumKey    = []rowColumn{{"tenant", kindText}, {"endpoint_id", kindText}, {"hour", kindTime}}
	sumValues = []rowColumn{{"succeeded", kindInteger}, {"failed", kindInteger}, {"durations", kindText}}
	sumRow    = slices.Concat(sumKey, sumValues)
)

func newRollQueries(s *Store) rollQueries {
	d, sums, mark := s.dialect, s.tableName("stats"), s.tableName("stats_mark")
	oldest := " FROM " + s.attempts.name + s.by("attempts_all") +
		" WHERE started_at >= ? AND started_at <= ? ORDER BY started_at, id, tenant"
	join, current := " CROSS JOIN ", "" // in SQLite in this order
	if d.joins {
		// The mark was read as it is now: so are the sums, whatever the isolation.
		join, current = " STRAIGHT_JOIN ", " FOR UPDATE"
	}
	return rollQueries{
		lock:   "SELECT summed_from, summed_until, " + d.now + " FROM " + mark + " WHERE id = 1" + d.lockRows,
		border: d.numberParameters("SELECT started_at" + oldest + " LIMIT 1 OFFSET "),
		read:   d.numberParameters("SELECT tenant, endpoint_id, started_at, ended_at, succeeded" + oldest),
		sums: d.numberParameters("SELECT " + sumColumns("s.") + " FROM " + d.recordSet(sumKey) + join + sums + " AS s" + s.by("") +
			" WHERE " + onlyRows + " AND s.tenant = record.tenant AND s.endpoint_id = record.endpoint_id AND s.hour = record.hour" + current),
		write: d.numberParameters("INSERT INTO " + sums + " (" + sumColumns("") + ") SELECT " + sumColumns("") + " FROM " +
			d.recordSet(sumRow) + " WHERE " + onlyRows + d.replace("tenant, endpoint_id, hour", "succeeded", "failed", "durations")),
		expire: d.numberParameters("DELETE FROM " + sums + " WHERE hour < ?"),
		mark:   d.numberParameters("UPDATE " + mark + " SET summed_from = ?, summed_until = ? WHERE id = 1"),
	}
}

func sumColumns(alias string) string {
	names := make([]string, len(sumRow))
	for i, c := range sumRow {
		names[i] = alias + c.name
	}
	return strings.Join(names, ", ")
}

// mark says which attempts are in the sums: those that started from a time on, and
// before another.
type mark struct{ from, until time.Time }

// hourOf names a sum.
type hourOf struct {
	tenant, endpoint string
	hour             time.Time
}

// sum is what attempts add up to.
type sum struct {
	succeeded, failed int
	durations         histogram
}

func (s *sum) add(a timing) {
	if a.succeeded {
		s.succeeded++
	} else {
		s.failed++
	}
	s.durations.add(bucketOf(a.duration()), 1)
}

// timing is what statistics want to know of an attempt.
type timing struct {
	start, end time.Time
	succeeded  bool
}

// duration is that of an attempt without an end, too.
func (a timing) duration() time.Duration {
	if a.end.IsZero() {
		return 0
	}
	return a.end.Sub(a.start)
}

func (a *timing) places() []any { return []any{sortKey(&a.start), instant(&a.end), &a.succeeded} }

// RollStats implements [store.StatsRoller]. Whoever sums up holds the mark, so that
// nobody else does at the same time; others do not wait for it. Sums are kept for
// 100 days before the newest attempt that was summed up.
func (s *Store) RollStats(ctx context.Context, before time.Time, limit int) (n int, err error) {
	if limit <= 0 {
		limit = store.MaxLimit
	}
	err = s.transact(ctx, func(q Querier) error {
		n, err = s.roll(ctx, q, before, limit)
		return err
	})
	if err != nil {
		return 0, failed(ctx, "roll stats", err)
	}
	return n, nil
}

func (s *Store) roll(ctx context.Context, q Querier, before time.Time, limit int) (int, error) {
	var held mark
	var now time.Time
	err := queryOne(ctx, q, s.queries.roll.lock, nil, sortKey(&held.from), sortKey(&held.until), sortKey(&now))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil // somebody else holds it
	}
	if err != nil {
		return 0, err
	}
	// A worker whose clock is ahead would take what everybody else is going to record
	// for late, and what all of them have summed up for old.
	before = earliest(before, now)
	// What began as long ago is not worth summing up.
	next := mark{from: latest(held.from, before.Add(-sumsKept).Truncate(time.Hour))}
	first := latest(held.until, next.from)
	last := before.Add(-1).Truncate(time.Microsecond)
	if last.Before(first) {
		return 0, nil
	}
	between := []any{s.dialect.time(first), s.dialect.time(last)}
	err = queryOne(ctx, q, s.queries.roll.border+strconv.Itoa(limit-1), between, sortKey(&last))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	n, newest, added, err := s.readForSums(ctx, q, first, last)
	if err != nil || n == 0 {
		return 0, err
	}
	for some := range slices.Chunk(added, sumsAtOnce) {
		if err := s.addSums(ctx, q, some); err != nil {
			return 0, err
		}
	}
	if next.from.After(held.from) {
		if _, err := q.Exec(ctx, s.queries.roll.expire, s.dialect.time(next.from)); err != nil {
			return 0, err
		}
	}
	// Not to before: an attempt that is recorded late may still come after newest.
	next.until = newest.Add(time.Microsecond)
	_, err = q.Exec(ctx, s.queries.roll.mark, s.dialect.time(next.from), s.dialect.time(next.until))
	return n, err
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// namedSum is a sum on its way to its row.
type namedSum struct {
	hourOf
	*sum
}

// readForSums adds up the attempts that started from first to last, and returns
// their number and when the newest started.
func (s *Store) readForSums(ctx context.Context, q Querier, first, last time.Time) (n int, newest time.Time, added []namedSum, err error) {
	sums := map[hourOf]*sum{}
	args := []any{s.dialect.time(first), s.dialect.time(last)}
	err = eachRow(ctx, q, s.queries.roll.read, args, func(rows Rows) error {
		var of hourOf
		var a timing
		if err := rows.Scan(append([]any{&of.tenant, &of.endpoint}, a.places()...)...); err != nil {
			return err
		}
		of.hour = a.start.Truncate(time.Hour)
		if sums[of] == nil {
			sums[of] = &sum{}
			added = append(added, namedSum{of, sums[of]})
		}
		sums[of].add(a)
		n, newest = n+1, a.start
		return nil
	})
	return n, newest, added, err
}

// addSums adds to the rows that are there, or makes them.
func (s *Store) addSums(ctx context.Context, q Querier, added []namedSum) error {
	byHour := make(map[hourOf]*sum, len(added))
	keys := make([][]byte, 0, len(added))
	for _, a := range added {
		// A name that is no UTF-8 is no sender's, and nobody can ask for it.
		if key, ok := appendRow(nil, sumKey, s.sumKey(a.hourOf)); ok {
			byHour[a.hourOf] = a.sum
			keys = append(keys, key)
		}
	}
	err := eachRow(ctx, q, s.queries.roll.sums, []any{joinRows(keys)}, func(rows Rows) error {
		var of hourOf
		var succeeded, failures int
		var durations string
		if err := rows.Scan(&of.tenant, &of.endpoint, sortKey(&of.hour), &succeeded, &failures, &durations); err != nil {
			return err
		}
		sum := byHour[of]
		sum.succeeded += succeeded
		sum.failed += failures
		return sum.durations.addEncoded(durations)
	})
	if err != nil {
		return err
	}
	rows := make([][]byte, 0, len(keys))
	for of, sum := range byHour {
		args := append(s.sumKey(of), int64(sum.succeeded), int64(sum.failed), sum.durations.encode())
		row, _ := appendRow(nil, sumRow, args)
		rows = append(rows, row)
	}
	_, err = q.Exec(ctx, s.queries.roll.write, joinRows(rows))
	return err
}

func (s *Store) sumKey(of hourOf) []any {
	return []any{of.tenant, of.endpoint, s.dialect.time(of.hour)}
}
