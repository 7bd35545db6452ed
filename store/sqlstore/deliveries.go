package sqlstore

import (
	"context"

	"github.com/outhook/outhook/store"
)

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
	if a != nil {
		r, err := newRecording(s, d, a)
		if err != nil {
			return err
		}
		return s.record(ctx, r)
	}
	given := d.Version
	d.Version++
	args, err := s.deliveries.mutable(&d)
	if err != nil {
		return err
	}
	args = append(args, d.Tenant, d.ID, given)
	return s.write(ctx, func(q Querier) error {
		return s.deliveries.change(ctx, q, s.deliveries.update, args, d.Tenant, d.ID, given)
	})
}
