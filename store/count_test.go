package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

func pendingOf(tenant string) store.DeliveryFilter {
	return store.DeliveryFilter{Tenant: tenant, States: []store.DeliveryState{store.Pending}}
}

func TestCountDeliveries(t *testing.T) {
	t.Parallel()
	m, d := setup(t)
	e := store.Event{ID: "evt_more", Tenant: "ws_1"}
	more := []store.Delivery{
		{ID: "dlv_done", Tenant: "ws_1", EventID: e.ID, State: store.Succeeded},
		{ID: "dlv_more", Tenant: "ws_1", EventID: e.ID, State: store.Pending}, // not due
	}
	if err := m.CreateEvent(t.Context(), e, more); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]store.Store{"DeliveryCounter": wrapped{m}, "fallback": base{m}} {
		for _, tc := range []struct {
			tenant     string
			most, want int
		}{
			{"ws_1", 9, 2}, {"ws_1", 2, 2}, {"ws_1", 1, 1}, {"ws_2", 9, 0}, {store.AllTenants, 9, 2}, {store.AllTenants, 1, 1},
		} {
			if got, err := store.CountDeliveries(t.Context(), s, pendingOf(tc.tenant), tc.most); got != tc.want || err != nil {
				t.Errorf("%s: of %q, at most %d: got %d, %v, want %d", name, tc.tenant, tc.most, got, err, tc.want)
			}
		}
	}
	d.State = store.Failed
	if err := m.UpdateDelivery(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := store.CountDeliveries(t.Context(), m, pendingOf("ws_1"), 9); got != 1 || err != nil {
		t.Errorf("after one has failed: got %d, %v, want 1", got, err)
	}
}

// TestCountMany counts over several pages.
func TestCountMany(t *testing.T) {
	t.Parallel()
	const n = store.MaxLimit + 500
	s := base{many(t, n)}
	for d, err := range store.AllDeliveries(t.Context(), s, store.DeliveryFilter{Tenant: "ws_1"}) {
		d.State = store.Pending
		if err := errors.Join(err, s.UpdateDelivery(t.Context(), d, nil)); err != nil {
			t.Fatal(err)
		}
	}
	for most, want := range map[int]int{n + 1: n, n - 1: n - 1, store.MaxLimit: store.MaxLimit} {
		if got, err := store.CountDeliveries(t.Context(), s, pendingOf("ws_1"), most); got != want || err != nil {
			t.Errorf("CountDeliveries, at most %d: got %d, %v, want %d", most, got, err, want)
		}
		if got, err := store.CountEndpoints(t.Context(), s, "ws_1", most); got != want || err != nil {
			t.Errorf("CountEndpoints, at most %d: got %d, %v, want %d", most, got, err, want)
		}
	}
}

func TestCountRefuses(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, count := range map[string]func(ctx context.Context, tenant string, most int) (int, error){
		"CountDeliveries": func(ctx context.Context, tenant string, most int) (int, error) {
			return store.CountDeliveries(ctx, memstore.New(), pendingOf(tenant), most)
		},
		"CountDeliveries by listing": func(ctx context.Context, tenant string, most int) (int, error) {
			return store.CountDeliveries(ctx, base{memstore.New()}, pendingOf(tenant), most)
		},
		"CountEndpoints": func(ctx context.Context, tenant string, most int) (int, error) {
			return store.CountEndpoints(ctx, memstore.New(), tenant, most)
		},
	} {
		if _, err := count(t.Context(), "", 9); !errors.Is(err, store.ErrInvalidFilter) {
			t.Errorf("%s of no tenant: got error %v, want ErrInvalidFilter", name, err)
		}
		for _, most := range []int{0, -1} {
			if _, err := count(t.Context(), "ws_1", most); !errors.Is(err, store.ErrInvalidFilter) {
				t.Errorf("%s, at most %d: got error %v, want ErrInvalidFilter", name, most, err)
			}
		}
		if _, err := count(canceled, "ws_1", 9); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want context.Canceled", name, err)
		}
	}
}
