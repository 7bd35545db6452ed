package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// PageLimit returns the page size that a filter's Limit asks for: n within
// 1 and [MaxLimit], or [DefaultLimit] if n is not positive. It is for
// implementations of Store.
func PageLimit(n int) int {
	if n <= 0 {
		return DefaultLimit
	}
	return min(n, MaxLimit)
}

// Position is a place in a list: the time and id of the last record of a page.
// Implementations of Store may use it as their cursor.
type Position struct {
	Time time.Time
	ID   string
}

// Cursor returns p as an opaque string for [Page].Next.
func (p Position) Cursor() string {
	text := strconv.FormatInt(p.Time.UnixMicro(), 10) + " " + p.ID
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// ParseCursor is the inverse of [Position.Cursor]. The empty cursor is the
// zero Position. A string that is no cursor gives an error wrapping
// [ErrInvalidFilter].
func ParseCursor(cursor string) (Position, error) {
	if cursor == "" {
		return Position{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return Position{}, fmt.Errorf("%w: Cursor is not one that this store gave out", ErrInvalidFilter)
	}
	micros, id, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || id == "" {
		return Position{}, fmt.Errorf("%w: Cursor is not one that this store gave out", ErrInvalidFilter)
	}
	return Position{Time: time.UnixMicro(n).UTC(), ID: id}, nil
}

// CheckTenantFilter returns an error wrapping [ErrInvalidFilter] if a filter's
// Tenant is empty: an oversight in the host must not list everybody's records.
// It is for implementations of Store.
func CheckTenantFilter(tenant string) error {
	if tenant == "" {
		return fmt.Errorf("%w: Tenant is empty; name one, or store.AllTenants", ErrInvalidFilter)
	}
	return nil
}

// CheckDueFilter returns an error wrapping [ErrInvalidFilter] if f names half of
// an endpoint: only one of Tenant and EndpointID, or AllTenants. It is for
// implementations of Store.
func CheckDueFilter(f DueFilter) error {
	if (f.Tenant == "") != (f.EndpointID == "") {
		return fmt.Errorf("%w: Tenant is %q and EndpointID is %q; set both, or neither", ErrInvalidFilter, f.Tenant, f.EndpointID)
	}
	if f.Tenant == AllTenants {
		return fmt.Errorf("%w: Tenant is store.AllTenants; name the one whose endpoint it is", ErrInvalidFilter)
	}
	return nil
}

// AllEndpoints ranges over every endpoint that matches, page by page. It ends
// after an error.
func AllEndpoints(ctx context.Context, s EndpointStore, f EndpointFilter) iter.Seq2[Endpoint, error] {
	return all(f.Cursor, func(cursor string) (Page[Endpoint], error) {
		f.Cursor = cursor
		return s.ListEndpoints(ctx, f)
	})
}

// AllDeliveries ranges over every delivery that matches, page by page. It ends
// after an error.
func AllDeliveries(ctx context.Context, s DeliveryStore, f DeliveryFilter) iter.Seq2[Delivery, error] {
	return all(f.Cursor, func(cursor string) (Page[Delivery], error) {
		f.Cursor = cursor
		return s.ListDeliveries(ctx, f)
	})
}

// AllAttempts ranges over every attempt that matches, page by page. It ends
// after an error.
func AllAttempts(ctx context.Context, s DeliveryStore, f AttemptFilter) iter.Seq2[Attempt, error] {
	return all(f.Cursor, func(cursor string) (Page[Attempt], error) {
		f.Cursor = cursor
		return s.ListAttempts(ctx, f)
	})
}

func all[T any](cursor string, list func(cursor string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for next := cursor; ; {
			page, err := list(next)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			next = page.Next
		}
	}
}
