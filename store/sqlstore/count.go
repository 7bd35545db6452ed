package sqlstore

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/outhook/outhook/store"
)

// CountDeliveries implements [store.DeliveryCounter]. It reads entries of an index
// in its order, as many as it counts: without an order PostgreSQL reads the table
// from its beginning, where it takes most rows for those that are meant, and may
// find none for long.
func (s *Store) CountDeliveries(ctx context.Context, f store.DeliveryFilter, most int) (n int, err error) {
	queries, order, err := s.counts(f)
	if err != nil {
		return 0, err
	}
	tail := " LIMIT " + strconv.Itoa(most)
	parts, args := make([]string, len(queries)), []any(nil)
	for i, q := range queries {
		parts[i] = "SELECT 1 AS one FROM " + s.deliveries.name + q.index + q.where() + order + tail
		args = append(args, q.args...)
	}
	if len(parts) > 1 {
		for i, part := range parts {
			parts[i] = "SELECT one FROM (" + part + ") AS part" + strconv.Itoa(i)
		}
		parts = []string{strings.Join(parts, " UNION ALL ") + tail}
	}
	statement := s.dialect.numberParameters("SELECT count(*) FROM (" + parts[0] + ") AS counted")
	err = s.read(ctx, func(db Querier) error {
		return queryOne(ctx, db, statement, args, &n)
	})
	if err != nil {
		return 0, failed(ctx, "count of deliveries", err)
	}
	return n, nil
}

// counts returns the queries of a count, one for each state, and their order. What
// is pending, and nothing else, has indexes of its own, that are small.
func (s *Store) counts(f store.DeliveryFilter) (queries []query, by string, err error) {
	if onlyPending(f) {
		q, by := query{dialect: s.dialect, index: s.by("deliveries_due")}, " ORDER BY next_attempt_at"
		if f.Tenant == store.AllTenants {
			q.and("state = 'pending'")
		} else {
			s.pendingOf(&q, "deliveries_state", f.Tenant)
			by = " ORDER BY endpoint_id, next_attempt_at"
		}
		if s.dialect.hints {
			by = ""
		}
		return []query{q}, by, nil
	}
	order := newestFirst("created_at")
	queries = s.deliveriesOf(f)
	if err := follow(queries, order, f.Cursor); err != nil {
		return nil, "", err
	}
	return queries, order.by(queries[0].oneTenant), nil
}

func onlyPending(f store.DeliveryFilter) bool {
	return slices.Equal(f.States, []store.DeliveryState{store.Pending}) &&
		f.EndpointID == "" && f.EventID == "" && f.EventType == "" &&
		f.Since.IsZero() && f.Until.IsZero() && f.Cursor == ""
}
