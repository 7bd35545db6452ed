package sqlstore

import (
	"github.com/outhook/outhook/store"
)

// queries are the statements that are about more than one table.
type queries struct {
	createEvent string // an event with its deliveries, in one statement
	createAll   createQueries
	record      string // an update of a delivery with an attempt, in one statement
	recordAll   recordQueries
	loadJob     string
	loadAll     loadQueries
	purge       purgeQueries
	roll        rollQueries
}

func newQueries(s *Store) queries {
	d := s.dialect
	q := queries{loadJob: jobQuery(s), purge: newPurgeQueries(s), roll: newRollQueries(s)}
	if d.batchLoads {
		q.loadAll = newLoadQueries(s)
	}
	if !d.withWrites {
		return q
	}
	events, deliveries := s.events.fields(&store.Event{}), s.deliveries.fields(&store.Delivery{})
	attempts := s.attempts.fields(&store.Attempt{})
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
	q.createAll = newCreateQueries(s)
	q.recordAll = newRecordQueries(s)
	return q
}

// batches are the calls that are made together.
type batches struct {
	create *batcher[creation]
	record *batcher[recording]
	load   *batcher[loading] // nil where loads are made alone
}

func newBatches(s *Store) batches {
	after := stalls
	if s.dialect.singleWriter {
		after = stallsAlone
	}
	b := batches{
		create: &batcher[creation]{alone: s.createAlone, together: s.createInOne, stalls: after},
		record: &batcher[recording]{alone: s.recordAlone, together: s.recordInOne, stalls: after},
	}
	if s.dialect.withWrites {
		b.create.together = s.createTogether
		b.record.together = s.recordTogether
	}
	if s.dialect.batchLoads {
		b.load = &batcher[loading]{alone: s.loadAlone, together: s.loadTogether, stalls: after}
	}
	return b
}
