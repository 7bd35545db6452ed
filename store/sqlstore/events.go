package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/outhook/outhook/store"
)

// creation is an event with its deliveries, on its way.
type creation struct {
	identity // of the event

	event      []any  // the parameters of the event's insert
	deliveries string // as the parameter of insertAll
	number     int    // of deliveries
	// own reports whether the deliveries are those of the event.
	own bool
	// row is the event, for a batch that is one statement.
	row []byte
}

func newCreation(s *Store, e store.Event, deliveries []store.Delivery) (*creation, error) {
	c := &creation{identity: identity{e.Tenant, e.ID}, number: len(deliveries), own: true}
	first := make([]store.Delivery, len(deliveries))
	for i, d := range deliveries {
		d.Version = 1
		first[i] = d
		c.own = c.own && d.Tenant == e.Tenant && d.EventID == e.ID
	}
	var err error
	if c.event, err = s.events.all(&e); err != nil {
		return nil, err
	}
	c.deliveries, err = s.deliveries.array(first)
	return c, err
}

// createQueries write a batch of creations in one statement.
type createQueries struct {
	event []rowColumn
	write string
}

func newCreateQueries(s *Store) createQueries {
	d := s.dialect
	events, deliveries := s.events.fields(&store.Event{}), s.deliveries.fields(&store.Delivery{})
	q := createQueries{event: make([]rowColumn, len(events))}
	for i, f := range events {
		q.event[i] = rowColumn{f.name, f.value.kind()}
	}
	q.write = d.numberParameters("WITH event AS (INSERT INTO " + s.events.name + " (" + list(events, columnName) + ")" +
		" SELECT " + list(events, columnName) + " FROM " + d.recordSet(q.event) +
		" WHERE " + onlyRows + " ON CONFLICT DO NOTHING RETURNING tenant, id)" +
		", written AS (INSERT INTO " + s.deliveries.name + " (" + list(deliveries, columnName) + ")" +
		" SELECT " + list(deliveries, columnName) + " FROM " + d.records(deliveries) +
		" WHERE (tenant, event_id) IN (SELECT tenant, id FROM event)) SELECT tenant, id FROM event")
	return q
}

// CreateEvent implements [store.EventStore].
func (s *Store) CreateEvent(ctx context.Context, e store.Event, deliveries []store.Delivery) error {
	c, err := newCreation(s, e, deliveries)
	switch {
	case err != nil:
	case s.tx != nil:
		err = s.createAlone(ctx, c)
	default:
		err = s.batches.create.do(ctx, c.identity, c, func() int { return s.keepCreation(c) })
	}
	if err != nil {
		return recordError(ctx, "event", e.ID, err)
	}
	return nil
}

// keepCreation makes c independent of the caller's memory.
func (s *Store) keepCreation(c *creation) int {
	size := len(c.deliveries)
	for i, arg := range c.event {
		if payload, ok := arg.([]byte); ok {
			if size += len(payload); size > maxBatchRow {
				return -1
			}
			c.event[i] = bytes.Clone(payload)
		}
	}
	if !s.dialect.withWrites {
		return size
	}
	row, ok := appendRow(make([]byte, 0, 256+2*size), s.queries.createAll.event, c.event)
	if !ok || !c.own {
		return -1
	}
	c.row = row
	return len(row) + len(c.deliveries)
}

var errDelivery = fmt.Errorf("one of its deliveries: %w", store.ErrExists)

// createAlone makes one creation.
func (s *Store) createAlone(ctx context.Context, c *creation) error {
	// In PostgreSQL an error ends the host's transaction: there it takes a
	// savepoint.
	if !s.dialect.withWrites || s.tx != nil {
		return s.transact(ctx, func(q Querier) error { return s.createIn(ctx, q, c) })
	}
	return s.write(ctx, func(q Querier) error {
		var events int
		err := queryOne(ctx, q, s.queries.createEvent, append(slices.Clip(c.event), c.deliveries), &events)
		switch {
		case isDuplicate(err):
			return errDelivery
		case err == nil && events == 0:
			return store.ErrExists
		default:
			return err
		}
	})
}

// createIn makes a creation in two statements, both or neither of which are
// taken back by whoever began the transaction.
func (s *Store) createIn(ctx context.Context, q Querier, c *creation) error {
	n, err := affected(ctx, q, s.events.insert, c.event...)
	if err == nil && n == 0 {
		err = store.ErrExists
	}
	if err != nil || c.number == 0 {
		return err
	}
	n, err = affected(ctx, q, s.deliveries.insertAll, c.deliveries)
	if err == nil && n != int64(c.number) {
		err = errDelivery
	}
	return err
}

// createTogether makes creations in one statement.
func (s *Store) createTogether(ctx context.Context, calls []*creation) ([]error, error) {
	rows := make([][]byte, len(calls))
	deliveries := []byte{'['}
	for i, c := range calls {
		rows[i] = c.row
		if c.number == 0 {
			continue
		}
		if len(deliveries) > 1 {
			deliveries = append(deliveries, ',')
		}
		deliveries = append(deliveries, c.deliveries[1:len(c.deliveries)-1]...)
	}
	deliveries = append(deliveries, ']')
	created := make(map[identity]bool, len(calls))
	err := s.write(ctx, func(q Querier) error {
		clear(created)
		return eachRow(ctx, q, s.queries.createAll.write, []any{joinRows(rows), string(deliveries)}, func(rows Rows) error {
			var id identity
			err := rows.Scan(&id.tenant, &id.id)
			created[id] = true
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(calls))
	for i, c := range calls {
		if !created[c.identity] {
			errs[i] = store.ErrExists
		}
	}
	return errs, nil
}

// createInOne makes creations in one transaction.
func (s *Store) createInOne(ctx context.Context, calls []*creation) ([]error, error) {
	return inOne(ctx, s, calls, s.createIn, func(err error) bool {
		return errors.Is(err, store.ErrExists) && !errors.Is(err, errDelivery)
	})
}

// GetEvent implements [store.EventStore].
func (s *Store) GetEvent(ctx context.Context, tenant, id string) (store.Event, error) {
	return getRecord(ctx, s, &s.events, tenant, id)
}
