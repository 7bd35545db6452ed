package store

import (
	"context"
	"fmt"
	"iter"
)

// PendingCounter is a Store that counts pending deliveries itself.
type PendingCounter interface {
	// CountPending returns how many deliveries of the tenant, or of
	// AllTenants, are pending. It stops counting at most, so that its cost is
	// bounded. The arguments have been checked.
	CountPending(ctx context.Context, tenant string, most int) (int, error)
}

// CountPending returns how many deliveries of the tenant, or of [AllTenants],
// are pending: at most most, where it stops counting. If s is a
// [PendingCounter] it calls that, otherwise it lists them. An empty tenant, and
// a most below one, give an error wrapping [ErrInvalidFilter].
func CountPending(ctx context.Context, s Store, tenant string, most int) (int, error) {
	if err := checkCount(tenant, most); err != nil {
		return 0, err
	}
	if counter, ok := As[PendingCounter](s); ok {
		return counter.CountPending(ctx, tenant, most)
	}
	return count(AllDeliveries(ctx, s, DeliveryFilter{
		Tenant: tenant, States: []DeliveryState{Pending}, Limit: most,
	}), most)
}

// CountEndpoints returns how many endpoints the tenant has, or [AllTenants]
// have: at most most, where it stops counting. It lists them. An empty tenant,
// and a most below one, give an error wrapping [ErrInvalidFilter].
func CountEndpoints(ctx context.Context, s EndpointStore, tenant string, most int) (int, error) {
	if err := checkCount(tenant, most); err != nil {
		return 0, err
	}
	return count(AllEndpoints(ctx, s, EndpointFilter{Tenant: tenant, Limit: most}), most)
}

func checkCount(tenant string, most int) error {
	if most < 1 {
		return fmt.Errorf("%w: most is %d, must be at least 1", ErrInvalidFilter, most)
	}
	return CheckTenantFilter(tenant)
}

func count[T any](records iter.Seq2[T, error], most int) (int, error) {
	n := 0
	for _, err := range records {
		if err != nil {
			return 0, err
		}
		if n++; n == most {
			break
		}
	}
	return n, nil
}
