package sqlstore

import (
	"context"
	"fmt"

	"github.com/outhook/outhook/store"
)

// queries are the statements that are about more than one table.
type queries struct {
	createEvent string // an event with its deliveries, in one statement
	record      string // an update of a delivery with an attempt, in one statement
	loadJob     string
	purge       purgeQueries
}

func newQueries(s *Store) queries {
	d := s.dialect
	events, deliveries := s.events.fields(&store.Event{}), s.deliveries.fields(&store.Delivery{})
	attempts := s.attempts.fields(&store.Attempt{})
	q := queries{loadJob: jobQuery(s), purge: newPurgeQueries(s)}
	if !d.withWrites {
		return q
	}
	// Deliveries have no ON CONFLICT: one that exists must undo the event, and
	// an error does.
	q.createEvent = d.numberParameters("WITH event AS (INSERT INTO " + s.events.name +
		" (" + list(events, columnName) + ") VALUES (" + list(events, placeholder) + ") ON CONFLICT DO NOTHING RETURNING 1)" +
		", written AS (INSERT INTO " + s.deliveries.name + " (" + list(deliveries, columnName) + ")" +
		" SELECT " + list(deliveries, columnName) + " FROM " + d.records(deliveries) +
		" WHERE EXISTS (SELECT 1 FROM event)) SELECT count(*) FROM event")
	q.record = d.numberParameters("WITH changed AS (" + updateVersion(s.deliveries.name, deliveries) + " RETURNING 1)" +
		" INSERT INTO " + s.attempts.name + " (" + list(attempts, columnName) + ")" +
		" SELECT " + list(attempts, typedPlaceholder) + " FROM changed")
	return q
}

// CreateEvent implements [store.EventStore].
func (s *Store) CreateEvent(ctx context.Context, e store.Event, deliveries []store.Delivery) error {
	err := s.createEvent(ctx, e, deliveries)
	if err != nil {
		return recordError(ctx, "event", e.ID, err)
	}
	return nil
}

func (s *Store) createEvent(ctx context.Context, e store.Event, deliveries []store.Delivery) error {
	args, err := s.events.all(&e)
	if err != nil {
		return err
	}
	first := make([]store.Delivery, len(deliveries))
	for i, d := range deliveries {
		d.Version = 1
		first[i] = d
	}
	array, err := s.deliveries.array(first)
	if err != nil {
		return err
	}
	// In PostgreSQL an error ends the host's transaction: there it takes a
	// savepoint.
	if s.dialect.withWrites && s.tx == nil {
		return s.createAtOnce(ctx, append(args, array))
	}
	return s.transact(ctx, func(q Querier) error {
		n, err := q.Exec(ctx, s.events.insert, args...)
		if err == nil && n == 0 {
			err = store.ErrExists
		}
		if err != nil || len(first) == 0 {
			return err
		}
		n, err = q.Exec(ctx, s.deliveries.insertAll, array)
		if err == nil && n != int64(len(first)) {
			err = errDelivery
		}
		return err
	})
}

var errDelivery = fmt.Errorf("one of its deliveries: %w", store.ErrExists)

func (s *Store) createAtOnce(ctx context.Context, args []any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var events int
	err := queryOne(ctx, s.reader(), s.queries.createEvent, args, &events)
	switch {
	case isDuplicate(err):
		return errDelivery
	case err == nil && events == 0:
		return store.ErrExists
	default:
		return err
	}
}

// GetEvent implements [store.EventStore].
func (s *Store) GetEvent(ctx context.Context, tenant, id string) (store.Event, error) {
	return getRecord(ctx, s, &s.events, tenant, id)
}

// GetDelivery implements [store.DeliveryStore].
func (s *Store) GetDelivery(ctx context.Context, tenant, id string) (store.Delivery, error) {
	return getRecord(ctx, s, &s.deliveries, tenant, id)
}

// UpdateDelivery implements [store.DeliveryStore].
func (s *Store) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	err := s.updateDelivery(ctx, d, a)
	if err != nil {
		return recordError(ctx, "delivery", d.ID, err)
	}
	return nil
}

func (s *Store) updateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	given := d.Version
	d.Version++
	args, err := s.deliveries.mutable(&d)
	if err != nil {
		return err
	}
	args = append(args, d.Tenant, d.ID, given)
	// update runs the statement, and says why if it met no row.
	update := func(q Querier, statement string) error {
		n, err := q.Exec(ctx, statement, args...)
		if err == nil && n == 0 {
			err = missed(ctx, q, s.deliveries.version, d.Tenant, d.ID, given)
		}
		return err
	}
	if a == nil {
		return s.write(ctx, func(q Querier) error { return update(q, s.deliveries.update) })
	}
	attempt, err := s.attempts.all(a)
	if err != nil {
		return err
	}
	if s.dialect.withWrites && s.tx == nil {
		args = append(args, attempt...)
		err := s.write(ctx, func(q Querier) error { return update(q, s.queries.record) })
		if isDuplicate(err) {
			err = attemptExists(a)
		}
		return err
	}
	return s.transact(ctx, func(q Querier) error {
		if err := update(q, s.deliveries.update); err != nil {
			return err
		}
		n, err := q.Exec(ctx, s.attempts.insert, attempt...)
		if err == nil && n == 0 {
			err = attemptExists(a)
		}
		return err
	})
}

func attemptExists(a *store.Attempt) error {
	return fmt.Errorf("attempt %q: %w", a.ID, store.ErrExists)
}

// jobQuery joins a delivery with what may be gone: its event and its endpoint.
func jobQuery(s *Store) string {
	of := func(alias string) func(field) string {
		return func(f field) string { return alias + "." + f.name }
	}
	return s.dialect.numberParameters("SELECT " + list(s.deliveries.fields(&store.Delivery{}), of("d")) +
		", e.id IS NOT NULL, " + list(s.events.fields(&store.Event{}), of("e")) +
		", p.id IS NOT NULL, " + list(s.endpoints.fields(&store.Endpoint{}), of("p")) +
		" FROM " + s.deliveries.name + " AS d" +
		" LEFT JOIN " + s.events.name + " AS e ON e.tenant = d.tenant AND e.id = d.event_id" +
		" LEFT JOIN " + s.endpoints.name + " AS p ON p.tenant = d.tenant AND p.id = d.endpoint_id" +
		" WHERE d.tenant = ? AND d.id = ?")
}

// LoadJob implements [store.JobLoader].
func (s *Store) LoadJob(ctx context.Context, tenant, deliveryID string) (store.Job, error) {
	var job store.Job
	var event store.Event
	var endpoint store.Endpoint
	var hasEvent, hasEndpoint bool
	places := s.deliveries.places(&job.Delivery)
	places = append(append(places, &hasEvent), s.events.places(&event)...)
	places = append(append(places, &hasEndpoint), s.endpoints.places(&endpoint)...)
	err := queryOne(ctx, s.reader(), s.queries.loadJob, []any{tenant, deliveryID}, places...)
	if err != nil {
		return store.Job{}, recordError(ctx, "delivery", deliveryID, err)
	}
	if hasEvent {
		job.Event = &event
	}
	if hasEndpoint {
		job.Endpoint = &endpoint
	}
	return job, nil
}
