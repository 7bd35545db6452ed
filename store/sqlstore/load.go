package sqlstore

import (
	"context"
	"database/sql"

	"github.com/outhook/outhook/store"
)

// loading is a job that somebody asks for.
type loading struct {
	identity // of the delivery

	row []byte // for a batch
	job store.Job
}

// loadQueries read a batch of jobs.
type loadQueries struct {
	key  []rowColumn
	read string
}

// jobColumns are a delivery, and what may be gone: its event and its endpoint.
func jobColumns(s *Store) string {
	of := func(alias string) func(field) string {
		return func(f field) string { return alias + "." + f.name }
	}
	return list(s.deliveries.fields(&store.Delivery{}), of("d")) +
		", e.id IS NOT NULL, " + list(s.events.fields(&store.Event{}), of("e")) +
		", p.id IS NOT NULL, " + list(s.endpoints.fields(&store.Endpoint{}), of("p"))
}

func jobJoins(s *Store) string {
	return " LEFT JOIN " + s.events.name + " AS e ON e.tenant = d.tenant AND e.id = d.event_id" +
		" LEFT JOIN " + s.endpoints.name + " AS p ON p.tenant = d.tenant AND p.id = d.endpoint_id"
}

func jobQuery(s *Store) string {
	// The limit keeps the planner from looking for events by the tenant alone.
	return s.dialect.numberParameters("SELECT " + jobColumns(s) + " FROM (" + s.deliveries.selectAll + byID +
		" LIMIT 1) AS d" + jobJoins(s))
}

func newLoadQueries(s *Store) loadQueries {
	q := loadQueries{key: []rowColumn{{"tenant", kindText}, {"id", kindText}}}
	q.read = s.dialect.numberParameters("SELECT record.place, " + jobColumns(s) + " FROM " + s.dialect.recordSet(q.key) +
		" JOIN " + s.deliveries.name + " AS d ON d.tenant = record.tenant AND d.id = record.id" +
		jobJoins(s) + " WHERE " + onlyRows)
	return q
}

// LoadJob implements [store.JobLoader].
func (s *Store) LoadJob(ctx context.Context, tenant, deliveryID string) (store.Job, error) {
	l := &loading{identity: identity{tenant, deliveryID}}
	var err error
	if s.tx == nil && s.batches.load != nil {
		err = s.batches.load.do(ctx, l.identity, l, func() int { return s.keepLoading(l) })
	} else {
		err = s.loadAlone(ctx, l)
	}
	if err != nil {
		return store.Job{}, recordError(ctx, "delivery", deliveryID, err)
	}
	return l.job, nil
}

func (s *Store) keepLoading(l *loading) int {
	row, ok := appendRow(nil, s.queries.loadAll.key, []any{l.tenant, l.id})
	if !ok {
		return -1
	}
	l.row = row
	return len(row)
}

// loadAlone loads one job.
func (s *Store) loadAlone(ctx context.Context, l *loading) error {
	return s.read(ctx, func(q Querier) error {
		r := newJobRow(s)
		err := queryOne(ctx, q, s.queries.loadJob, []any{l.tenant, l.id}, r.places...)
		if err == nil {
			l.job = r.job()
		}
		return err
	})
}

// loadTogether loads jobs in one statement.
func (s *Store) loadTogether(ctx context.Context, calls []*loading) ([]error, error) {
	rows := make([][]byte, len(calls))
	errs := make([]error, len(calls))
	for i, l := range calls {
		rows[i] = l.row
		errs[i] = sql.ErrNoRows
	}
	err := s.read(ctx, func(q Querier) error {
		return eachRow(ctx, q, s.queries.loadAll.read, []any{joinRows(rows)}, func(rows Rows) error {
			var place int
			r := newJobRow(s)
			err := rows.Scan(append([]any{&place}, r.places...)...)
			if err == nil {
				calls[place].job, errs[place] = r.job(), nil
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

// jobRow is where a row of jobColumns is scanned to.
type jobRow struct {
	delivery              store.Delivery
	event                 store.Event
	endpoint              store.Endpoint
	hasEvent, hasEndpoint bool

	places []any
}

func newJobRow(s *Store) *jobRow {
	r := &jobRow{}
	r.places = s.deliveries.places(&r.delivery)
	r.places = append(append(r.places, &r.hasEvent), s.events.places(&r.event)...)
	r.places = append(append(r.places, &r.hasEndpoint), s.endpoints.places(&r.endpoint)...)
	return r
}

func (r *jobRow) job() store.Job {
	job := store.Job{Delivery: r.delivery}
	if r.hasEvent {
		job.Event = &r.event
	}
	if r.hasEndpoint {
		job.Endpoint = &r.endpoint
	}
	return job
}
