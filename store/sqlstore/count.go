package sqlstore

import (
	"context"
	"strconv"

	"github.com/outhook/outhook/store"
)

// CountPending implements [store.PendingCounter]. It reads entries of an index, as
// many as it counts: without an order PostgreSQL reads the table from its
// beginning, where it takes most rows for pending, and may find none for long.
func (s *Store) CountPending(ctx context.Context, tenant string, most int) (n int, err error) {
	q, order := query{dialect: s.dialect, index: s.by("deliveries_due")}, " ORDER BY next_attempt_at"
	if tenant == store.AllTenants {
		q.and("state = 'pending'")
	} else {
		s.pendingOf(&q, "deliveries_state", tenant)
		order = " ORDER BY endpoint_id, next_attempt_at"
	}
	if s.dialect.hints {
		order = ""
	}
	statement := s.dialect.numberParameters("SELECT count(*) FROM (SELECT 1 AS one FROM " + s.deliveries.name +
		q.index + q.where() + order + " LIMIT " + strconv.Itoa(most) + ") AS pending")
	err = s.read(ctx, func(db Querier) error {
		return queryOne(ctx, db, statement, q.args, &n)
	})
	if err != nil {
		return 0, failed(ctx, "count of pending deliveries", err)
	}
	return n, nil
}
