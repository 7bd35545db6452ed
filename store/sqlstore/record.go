package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/outhook/outhook/store"
)

// recording is an update of a delivery with an attempt, on its way.
type recording struct {
	identity  // of the delivery
	given     int64
	attemptID string

	// update are the parameters of the delivery's update, attempt those of the
	// attempt's insert.
	update  []any
	attempt []any
	// row has both, for a batch that is one statement.
	row []byte
}

func newRecording(s *Store, d store.Delivery, a *store.Attempt) (*recording, error) {
	r := &recording{identity: identity{d.Tenant, d.ID}, given: d.Version, attemptID: a.ID}
	d.Version++
	var err error
	if r.update, err = s.deliveries.mutable(&d); err != nil {
		return nil, err
	}
	r.update = append(r.update, d.Tenant, d.ID, r.given)
	r.attempt, err = s.attempts.all(a)
	return r, err
}

func (r *recording) exists() error {
	return fmt.Errorf("attempt %q: %w", r.attemptID, store.ErrExists)
}

// recordQueries write a batch of recordings in one statement.
type recordQueries struct {
	update, attempt []rowColumn // in the order of the parameters
	write           string
	versions        string // what the deliveries have that were not updated
}

func newRecordQueries(s *Store) recordQueries {
	d := s.dialect
	mutable := slices.DeleteFunc(s.deliveries.fields(&store.Delivery{}), func(f field) bool { return f.fixed })
	attempts := s.attempts.fields(&store.Attempt{})
	q := recordQueries{update: shortNames("d", mutable), attempt: shortNames("a", attempts)}
	assignments := make([]string, len(mutable))
	for i, f := range mutable {
		assignments[i] = f.name + " = record." + q.update[i].name
	}
	key := []rowColumn{{"tenant", kindText}, {"id", kindText}, {"given", kindInteger}}
	q.update = append(q.update, key...)
	values := make([]string, len(attempts))
	for i, c := range q.attempt {
		values[i] = c.written()
	}
	const those = onlyRows + " AND stored.tenant = record.tenant AND stored.id = record.id"
	q.write = d.numberParameters("WITH changed AS (UPDATE " + s.deliveries.name + " AS stored SET " +
		strings.Join(assignments, ", ") + " FROM " + d.recordSet(slices.Concat(q.update, q.attempt)) +
		" WHERE " + those + " AND stored.version = record.given RETURNING record.*)" +
		", written AS (INSERT INTO " + s.attempts.name + " (" + list(attempts, columnName) + ")" +
		" SELECT " + strings.Join(values, ", ") + " FROM changed) SELECT place FROM changed")
	q.versions = d.numberParameters("SELECT record.place, stored.version FROM " + d.recordSet(key) +
		" JOIN " + s.deliveries.name + " AS stored ON " + those)
	return q
}

// record makes a recording, perhaps together with those of others.
func (s *Store) record(ctx context.Context, r *recording) error {
	if s.tx != nil {
		return s.recordAlone(ctx, r)
	}
	return s.batches.record.do(ctx, r.identity, r, func() int { return s.keepRecording(r) })
}

// keepRecording makes r independent of the caller's memory.
func (s *Store) keepRecording(r *recording) int {
	size := 0
	for i, arg := range r.attempt {
		switch arg := arg.(type) {
		case []byte:
			if size += len(arg); size > maxBatchRow {
				return -1
			}
			r.attempt[i] = bytes.Clone(arg)
		case string:
			size += len(arg)
		}
	}
	if !s.dialect.withWrites {
		return size
	}
	q := &s.queries.recordAll
	row := make([]byte, 0, 1024+2*size)
	row, ok := appendRow(row, q.update, r.update)
	if ok {
		row, ok = appendRow(row, q.attempt, r.attempt)
	}
	if !ok {
		return -1
	}
	r.row = row
	return len(row)
}

// recordAlone makes one recording.
func (s *Store) recordAlone(ctx context.Context, r *recording) error {
	if !s.dialect.withWrites || s.tx != nil {
		return s.transact(ctx, func(q Querier) error { return s.recordIn(ctx, q, r) })
	}
	return s.write(ctx, func(q Querier) error {
		err := s.deliveries.change(ctx, q, s.queries.record, slices.Concat(r.update, r.attempt), r.tenant, r.id, r.given)
		if isDuplicate(err) {
			return r.exists()
		}
		return err
	})
}

// recordIn makes a recording in two statements, both or neither of which are
// taken back by whoever began the transaction.
func (s *Store) recordIn(ctx context.Context, q Querier, r *recording) error {
	err := s.deliveries.change(ctx, q, s.deliveries.update, r.update, r.tenant, r.id, r.given)
	if err != nil {
		return err
	}
	n, err := affected(ctx, q, s.attempts.insert, r.attempt...)
	if err == nil && n == 0 {
		err = r.exists()
	}
	return err
}

// recordTogether makes recordings in one statement.
func (s *Store) recordTogether(ctx context.Context, calls []*recording) ([]error, error) {
	rows := make([][]byte, len(calls))
	for i, r := range calls {
		rows[i] = r.row
	}
	done := make([]bool, len(calls))
	err := s.write(ctx, func(q Querier) error {
		clear(done)
		return eachRow(ctx, q, s.queries.recordAll.write, []any{joinRows(rows)}, func(rows Rows) error {
			var place int
			err := rows.Scan(&place)
			if err == nil {
				done[place] = true
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return s.explainMissed(ctx, calls, done), nil
}

// explainMissed says why some recordings met no row.
func (s *Store) explainMissed(ctx context.Context, calls []*recording, done []bool) []error {
	if !slices.Contains(done, false) {
		return nil
	}
	key := s.queries.recordAll.update[len(s.queries.recordAll.update)-3:]
	errs := make([]error, len(calls))
	var rows [][]byte
	var places []int
	for i, r := range calls {
		if done[i] {
			continue
		}
		row, _ := appendRow(nil, key, r.update[len(r.update)-len(key):]) // it could before
		rows, places = append(rows, row), append(places, i)
		errs[i] = sql.ErrNoRows
	}
	err := s.read(ctx, func(q Querier) error {
		return eachRow(ctx, q, s.queries.recordAll.versions, []any{joinRows(rows)}, func(rows Rows) error {
			var place int
			var stored int64
			err := rows.Scan(&place, &stored)
			if err == nil {
				errs[places[place]] = versionConflict(stored, calls[places[place]].given)
			}
			return err
		})
	})
	if err != nil {
		for _, i := range places {
			errs[i] = err
		}
	}
	return errs
}

// recordInOne makes recordings in one transaction.
func (s *Store) recordInOne(ctx context.Context, calls []*recording) ([]error, error) {
	return inOne(ctx, s, calls, s.recordIn, func(err error) bool {
		return errors.Is(err, store.ErrConflict) || errors.Is(err, sql.ErrNoRows)
	})
}

// eachRow calls f at each row of a statement.
func eachRow(ctx context.Context, q Querier, statement string, args []any, f func(rows Rows) error) error {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
