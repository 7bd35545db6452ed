package memstore

import (
	"context"
	"math"

	"github.com/outhook/outhook/store"
)

// ListDue implements [store.DeliveryStore].
func (s *Store) ListDue(ctx context.Context, f store.DueFilter) (page store.Page[store.Delivery], err error) {
	after, err := parseCursor(f.Cursor, group{})
	if err != nil {
		return page, err
	}
	start := key{at: math.MinInt64}
	if after != nil {
		start = *after
	}
	limit, last := store.PageLimit(f.Limit), key{}
	err = s.read(ctx, func() error {
		s.due.Ascend(start, func(k key) bool {
			d := s.deliveries.rows[k.ref()]
			if !d.NextAttemptAt.Before(f.Before) {
				return false
			}
			if after != nil && k == *after || f.EndpointID != "" && (d.Tenant != f.Tenant || d.EndpointID != f.EndpointID) {
				return true
			}
			if len(page.Items) == limit {
				page.Next = last.cursor()
				return false
			}
			page.Items, last = append(page.Items, *d), k
			return true
		})
		return nil
	})
	return page, err
}

// setDue moves a delivery in the index of due ones. Either may be nil: before
// it was created, after it was removed.
func (s *Store) setDue(old, now *store.Delivery) {
	if old != nil {
		s.due.Delete(dueKey(old))
	}
	if now != nil && now.State == store.Pending && !now.NextAttemptAt.IsZero() {
		s.due.Set(dueKey(now))
	}
}

func dueKey(d *store.Delivery) key {
	return key{at: d.NextAttemptAt.UnixMicro(), id: d.ID, tenant: d.Tenant}
}
