package store

import (
	"context"
	"fmt"
	"iter"
)

// DeliveryCounter is a Store that counts deliveries itself.
type DeliveryCounter interface {
	// CountDeliveries returns how many deliveries match. It stops counting at
	// most, so that its cost is bounded. f.Cursor counts those that come after it
	// in the list; f.Limit is ignored. The tenant and most have been checked.
	// Those of one tenant that are pending are counted before many a Send.
	CountDeliveries(ctx context.Context, f DeliveryFilter, most int) (int, error)
}

// CountDeliveries returns how many deliveries match: at most most, where it stops
// counting. With a Cursor it counts those that come after it in the list, and it
// ignores the Limit. If s is a [DeliveryCounter] it calls that, otherwise it lists
// them. An empty tenant, and a most below one, give an error wrapping
// [ErrInvalidFilter].
func CountDeliveries(ctx context.Context, s Store, f DeliveryFilter, most int) (int, error) {
	if err := checkCount(f.Tenant, most); err != nil {
		return 0, err
	}
	if counter, ok := As[DeliveryCounter](s); ok {
		return counter.CountDeliveries(ctx, f, most)
	}
	f.Limit = most
	return count(AllDeliveries(ctx, s, f), most)
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
