package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/outhook/outhook/store"
)

// purgeQueries remove or empty old events. The first statement of each kind
// chooses the events and returns them; the others follow with that list.
type purgeQueries struct {
	removeEvents     string
	removeDeliveries string
	removeAttempts   string
	emptyEvents      string
	emptyAttempts    string
}

func newPurgeQueries(s *Store) purgeQueries {
	events, deliveries, attempts := s.events.name, s.deliveries.name, s.attempts.name
	old := func(condition string) string {
		return " WHERE (tenant, id) IN (SELECT tenant, id FROM " + events + " AS e WHERE " + condition + "created_at < ?" +
			" AND NOT EXISTS (SELECT 1 FROM " + deliveries + " AS d" +
			" WHERE d.tenant = e.tenant AND d.event_id = e.id AND d.state = 'pending')" +
			" ORDER BY created_at LIMIT ?) RETURNING tenant, id"
	}
	those := " WHERE (tenant, event_id) IN (SELECT tenant, id FROM " +
		s.dialect.records(referenceFields(&reference{})) + ")"
	q := purgeQueries{
		removeEvents:     "DELETE FROM " + events + old(""),
		removeDeliveries: "DELETE FROM " + deliveries + those + " RETURNING state",
		removeAttempts:   "DELETE FROM " + attempts + those,
		emptyEvents:      "UPDATE " + events + " SET payload = ?, emptied = true" + old("NOT emptied AND "),
		emptyAttempts:    "UPDATE " + attempts + " SET response_body = ?" + those,
	}
	for _, statement := range []*string{
		&q.removeEvents, &q.removeDeliveries, &q.removeAttempts, &q.emptyEvents, &q.emptyAttempts,
	} {
		*statement = s.dialect.numberParameters(*statement)
	}
	return q
}

// Purge implements [store.Purger].
func (s *Store) Purge(ctx context.Context, f store.PurgeFilter) (int, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = store.MaxLimit
	}
	handled := 0
	err := s.transact(ctx, func(q Querier) error {
		handled = 0
		if !f.Before.IsZero() {
			n, err := s.remove(ctx, q, f.Before, limit)
			if err != nil {
				return err
			}
			handled = n
		}
		if f.BodiesBefore.IsZero() || handled == limit {
			return nil
		}
		n, err := s.empty(ctx, q, f.BodiesBefore, limit-handled)
		handled += n
		return err
	})
	if err != nil {
		return 0, failed(ctx, "purge", err)
	}
	return handled, nil
}

func (s *Store) remove(ctx context.Context, q Querier, before time.Time, limit int) (int, error) {
	events, n, err := choose(ctx, q, s.queries.purge.removeEvents, s.dialect.bound(before), limit)
	if err != nil || n == 0 {
		return n, err
	}
	states, err := column(ctx, q, s.queries.purge.removeDeliveries, events)
	if err != nil {
		return 0, err
	}
	if slices.Contains(states, string(store.Pending)) {
		// Replayed since the events were chosen: it stays, and so does all.
		return 0, fmt.Errorf("a delivery is pending again: %w", store.ErrConflict)
	}
	_, err = q.Exec(ctx, s.queries.purge.removeAttempts, events)
	return n, err
}

func (s *Store) empty(ctx context.Context, q Querier, before time.Time, limit int) (int, error) {
	events, n, err := choose(ctx, q, s.queries.purge.emptyEvents, []byte{}, s.dialect.bound(before), limit)
	if err != nil || n == 0 {
		return n, err
	}
	_, err = q.Exec(ctx, s.queries.purge.emptyAttempts, []byte{}, events)
	return n, err
}

// choose runs the first statement, and returns the events that it chose as the
// parameter of the others.
func choose(ctx context.Context, q Querier, statement string, args ...any) (string, int, error) {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return "", 0, err
	}
	defer rows.Close()
	var events []reference
	for rows.Next() {
		var r reference
		if err := rows.Scan(&r.Tenant, &r.ID); err != nil {
			return "", 0, err
		}
		events = append(events, r)
	}
	if err := rows.Err(); err != nil {
		return "", 0, err
	}
	array, err := json.Marshal(events)
	return string(array), len(events), err
}

// column reads rows of one text.
func column(ctx context.Context, q Querier, statement string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}
