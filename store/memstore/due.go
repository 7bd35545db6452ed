package memstore

import (
	"context"
	"math"

	"github.com/outhook/outhook/store"
)

// ListDue implements [store.DeliveryStore].
func (s *Store) ListDue(ctx context.Context, f store.DueFilter) (page store.Page[store.Delivery], err error) {
	if err := store.CheckDueFilter(f); err != nil {
		return page, err
	}
	g := group{kind: everything}
	if f.EndpointID != "" {
		g = group{byEndpoint, f.Tenant, f.EndpointID}
	}
	after, err := parseCursor(f.Cursor, g)
	if err != nil {
		return page, err
	}
	start := key{group: g, at: math.MinInt64}
	if after != nil {
		start = *after
	}
	limit, last := store.PageLimit(f.Limit), key{}
	err = s.read(ctx, func() error {
		s.due.Ascend(start, func(k key) bool {
			d := s.deliveries.rows[k.ref()]
			if k.group != g || !d.NextAttemptAt.Before(f.Before) {
				return false
			}
			if after != nil && k == *after {
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

// setPending counts a pending delivery, and moves it in the index of due ones.
// Either may be nil: before it was created, after it was removed.
func (s *Store) setPending(old, now *store.Delivery) {
	if old != nil && old.State == store.Pending {
		if s.pending[old.Tenant]--; s.pending[old.Tenant] == 0 {
			delete(s.pending, old.Tenant)
		}
		for _, k := range dueKeys(old) {
			s.due.Delete(k)
		}
	}
	if now != nil && now.State == store.Pending {
		s.pending[now.Tenant]++
		for _, k := range dueKeys(now) {
			s.due.Set(k)
		}
	}
}

// dueKeys are a delivery's places among all, and among those of its endpoint:
// none if it is not due.
func dueKeys(d *store.Delivery) []key {
	if d.NextAttemptAt.IsZero() {
		return nil
	}
	k := key{group: group{kind: everything}, at: d.NextAttemptAt.UnixMicro(), id: d.ID, tenant: d.Tenant}
	of := k
	of.group = group{byEndpoint, d.Tenant, d.EndpointID}
	return []key{k, of}
}
