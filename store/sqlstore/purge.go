package sqlstore

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/outhook/outhook/store"
)

// purgeQueries remove or empty old events. The first two choose the events and
// return them, with the number of their deliveries; the others follow with
// those of them that nobody else has a hand on. The last one chooses replays.
type purgeQueries struct {
	chooseToRemove string
	chooseToEmpty  string
	lock           string // returns the event and the state of each delivery that it has locked
	remove         []string
	empty          []string
	chooseReplays  string
}

func newPurgeQueries(s *Store) purgeQueries {
	d := s.dialect
	events, deliveries, attempts := s.events.name, s.deliveries.name, s.attempts.name
	// To count leaves no choice but to look at the deliveries of one event after
	// the other: NOT EXISTS may read those of all events first.
	count := "(SELECT count(*) FROM " + deliveries + " AS d WHERE d.tenant = e.tenant AND d.event_id = e.id"
	choose := func(index, condition string) string {
		return d.numberParameters("SELECT tenant, id, " + count + ") FROM " + events + " AS e" + s.by(index) +
			" WHERE created_at < ?" + condition + " AND " + count + " AND d.state = 'pending') = 0 ORDER BY created_at LIMIT ?" + d.lockRows)
	}
	return purgeQueries{
		chooseToRemove: choose("events_purge", ""),
		chooseToEmpty:  choose("events_empty", " AND created_at >= ? AND emptied = false"),
		lock: s.ofEvents("SELECT old.tenant, old.event_id, old.state FROM", deliveries, "event_id", "deliveries_event", "") +
			d.lockRows,
		remove: []string{
			s.ofEvents(d.delete, attempts, "event_id", "attempts_event", ""),
			s.ofEvents(d.delete, deliveries, "event_id", "deliveries_event", ""),
			s.ofEvents(d.delete, events, "id", "", ""),
		},
		empty: []string{
			s.ofEvents("UPDATE", attempts, "event_id", "attempts_event", " SET response_body = "+d.noBytes),
			s.ofEvents("UPDATE", events, "id", "", " SET emptied = true, payload = "+d.noBytes),
		},
		chooseReplays: d.numberParameters("SELECT tenant, id FROM " + s.replays.name + s.by("replays_all") +
			" WHERE created_at < ? AND state <> 'running' ORDER BY created_at LIMIT ?" + d.lockRows),
	}
}

// ofEvents makes a statement about the rows of a table, called old, that belong
// to the events of a JSON array of references, which is its only parameter. The
// column has the event's id, and the index begins with tenant and column; "" is
// the primary key.
func (s *Store) ofEvents(verb, table, column, index, set string) string {
	d := s.dialect
	records := d.records(referenceFields(&reference{}))
	if d.joins {
		return verb + " " + records + " STRAIGHT_JOIN " + table + " AS old" + s.by(index) +
			" ON old.tenant = record.tenant AND old." + column + " = record.id" + set
	}
	return d.numberParameters(verb + " " + table + " AS old" + set +
		" WHERE (old.tenant, old." + column + ") IN (SELECT tenant, id FROM " + records + ")")
}

// by makes MySQL use an index, "" for the primary key, though a small table is
// read faster from end to end: it locks what it reads, and waits for the locks
// of others.
func (s *Store) by(index string) string {
	switch {
	case !s.dialect.hints:
		return ""
	case index == "":
		return " FORCE INDEX (PRIMARY)"
	default:
		return " FORCE INDEX (" + s.options.TablePrefix + index + ")"
	}
}

// Purge implements [store.Purger]. It waits for nobody: what another Purge is
// about to remove, or somebody is about to replay, is left to them. So many
// processes may purge at once. It leaves statistics as they are: see
// [Store.RollStats].
func (s *Store) Purge(ctx context.Context, f store.PurgeFilter) (int, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = store.MaxLimit
	}
	handled := 0
	err := s.transact(ctx, func(q Querier) error {
		handled = 0
		if !f.Before.IsZero() {
			n, err := s.purge(ctx, q, s.queries.purge.remove, limit, s.queries.purge.chooseToRemove, s.dialect.bound(f.Before))
			if err != nil {
				return err
			}
			handled = n
			if err := s.purgeReplays(ctx, q, f, limit); err != nil {
				return err
			}
		}
		if f.BodiesBefore.IsZero() || handled == limit {
			return nil
		}
		// What is to be removed is not emptied, though others have it in hand now.
		n, err := s.purge(ctx, q, s.queries.purge.empty, limit-handled, s.queries.purge.chooseToEmpty,
			s.dialect.bound(f.BodiesBefore), s.dialect.bound(f.Before))
		handled += n
		return err
	})
	if err != nil {
		return 0, failed(ctx, "purge", err)
	}
	return handled, nil
}

// purge runs the statements for the oldest events that choose finds, and returns
// their number: fewer than the limit if there are no more. Those that it has to
// leave alone do not make it fewer: it chooses again, and so many more. Whoever
// has a hand on one does not keep it for long, so that three times are enough.
func (s *Store) purge(ctx context.Context, q Querier, statements []string, limit int, choose string, args ...any) (int, error) {
	handled, left := 0, 0
	for range 3 {
		wanted := limit - handled + left
		chosen, err := readRows(ctx, q, func(c *candidate) []any { return []any{&c.Tenant, &c.ID, &c.deliveries} },
			choose, append(slices.Clone(args), wanted)...)
		if err != nil || len(chosen) == 0 {
			return handled, err
		}
		free, err := s.lockDeliveries(ctx, q, chosen)
		if err != nil {
			return handled, err
		}
		left = len(chosen) - len(free)
		free = free[:min(len(free), limit-handled)]
		if err := runFor(ctx, q, free, statements); err != nil {
			return handled, err
		}
		handled += len(free)
		if handled == limit || len(chosen) < wanted {
			break
		}
	}
	return handled, nil
}

// candidate is an event that is old enough.
type candidate struct {
	reference

	deliveries int
}

// lockDeliveries locks the deliveries of the events that were chosen, so that
// none can be replayed from now on, and returns the events of which it has got
// them all, and none is pending. They may have been replayed since they were
// chosen.
func (s *Store) lockDeliveries(ctx context.Context, q Querier, chosen []candidate) ([]reference, error) {
	references := make([]reference, len(chosen))
	for i, c := range chosen {
		references[i] = c.reference
	}
	array, err := json.Marshal(references)
	if err != nil {
		return nil, err
	}
	type delivery struct {
		event reference
		state store.DeliveryState
	}
	deliveries, err := readRows(ctx, q, func(d *delivery) []any { return []any{&d.event.Tenant, &d.event.ID, &d.state} },
		s.queries.purge.lock, string(array))
	if err != nil {
		return nil, err
	}
	locked := map[reference]int{}
	for _, d := range deliveries {
		if d.state != store.Pending {
			locked[d.event]++
		}
	}
	var free []reference
	for _, c := range chosen {
		if locked[c.reference] == c.deliveries {
			free = append(free, c.reference)
		}
	}
	return free, nil
}

// runFor runs statements with the events as their parameter.
func runFor(ctx context.Context, q Querier, events []reference, statements []string) error {
	if len(events) == 0 {
		return nil
	}
	array, err := json.Marshal(events)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := q.Exec(ctx, statement, string(array)); err != nil {
			return err
		}
	}
	return nil
}

// readRows reads all rows of a query, each to the places of a T.
func readRows[T any](ctx context.Context, q Querier, places func(*T) []any, statement string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var row T
		if err := rows.Scan(places(&row)...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
