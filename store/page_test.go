package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

func TestPageLimit(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{
		-1: store.DefaultLimit, 0: store.DefaultLimit, 1: 1, 51: 51,
		store.MaxLimit: store.MaxLimit, store.MaxLimit + 1: store.MaxLimit,
	} {
		if got := store.PageLimit(n); got != want {
			t.Errorf("PageLimit(%d): got %d, want %d", n, got, want)
		}
	}
}

func TestCheckTenantFilter(t *testing.T) {
	t.Parallel()
	if err := store.CheckTenantFilter(""); !errors.Is(err, store.ErrInvalidFilter) {
		t.Errorf("got error %v, want ErrInvalidFilter", err)
	}
	for _, tenant := range []string{"ws_1", store.AllTenants} {
		if err := store.CheckTenantFilter(tenant); err != nil {
			t.Errorf("tenant %q: %v", tenant, err)
		}
	}
}

func TestCheckDueFilter(t *testing.T) {
	t.Parallel()
	for _, f := range []store.DueFilter{{}, {Tenant: "ws_1", EndpointID: "ep_1"}} {
		if err := store.CheckDueFilter(f); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, f := range []store.DueFilter{
		{Tenant: "ws_1"}, {EndpointID: "ep_1"}, {Tenant: store.AllTenants}, {Tenant: store.AllTenants, EndpointID: "ep_1"},
	} {
		if err := store.CheckDueFilter(f); !errors.Is(err, store.ErrInvalidFilter) {
			t.Errorf("%+v: got error %v, want ErrInvalidFilter", f, err)
		}
	}
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []store.Position{
		{Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC), ID: "dlv_1"},
		{Time: time.Time{}, ID: "of the zero time"},
		{Time: time.Unix(-1, 0), ID: "a b  c "},
		{Time: time.Unix(0, 0), ID: "日本語\x00\xff"},
		{Time: time.Unix(0, 999).In(time.FixedZone("east", 3600)), ID: "finer than a microsecond"},
	} {
		got, err := store.ParseCursor(want.Cursor())
		want.Time = want.Time.Truncate(time.Microsecond)
		if err != nil || !got.Time.Equal(want.Time) || got.ID != want.ID {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if got, err := store.ParseCursor(""); err != nil || got != (store.Position{}) {
		t.Errorf("the empty cursor: got %+v, %v", got, err)
	}
}

func TestParseCursorRefuses(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{
		"garbage!", "Z2FyYmFnZQ", // base64 of what is no position
		"MTIz", "MTIzIA", // a time without an id, and with an empty one
		store.Position{ID: "x"}.Cursor() + "=",
	} {
		if _, err := store.ParseCursor(cursor); !errors.Is(err, store.ErrInvalidFilter) {
			t.Errorf("%q: got error %v, want ErrInvalidFilter", cursor, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("", int64(0), "")
	f.Add("garbage", int64(-62135596800000000), "dlv_1")
	f.Add(store.Position{Time: time.Unix(1, 0), ID: "x y"}.Cursor(), int64(1), " ")
	f.Fuzz(func(t *testing.T, cursor string, micros int64, id string) {
		// What is accepted is a position that makes a cursor again.
		if p, err := store.ParseCursor(cursor); err == nil && cursor != "" {
			again, err := store.ParseCursor(p.Cursor())
			if err != nil || again != p {
				t.Errorf("%q: got %+v, then %+v, %v", cursor, p, again, err)
			}
		}
		if id == "" {
			return
		}
		want := store.Position{Time: time.UnixMicro(micros).UTC(), ID: id}
		got, err := store.ParseCursor(want.Cursor())
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if !utf8.ValidString(want.Cursor()) {
			t.Errorf("the cursor %q is no text", want.Cursor())
		}
	})
}

// many returns a store with n endpoints, and a delivery with n attempts among
// n deliveries.
func many(t *testing.T, n int) store.Store {
	t.Helper()
	s := memstore.New()
	e := store.Event{ID: "evt_1", Tenant: "ws_1"}
	var deliveries []store.Delivery
	for i := range n {
		deliveries = append(deliveries, store.Delivery{ID: fmt.Sprint("dlv_", i), Tenant: "ws_1", EventID: "evt_1"})
		if err := s.PutEndpoint(t.Context(), store.Endpoint{ID: fmt.Sprint("ep_", i), Tenant: "ws_1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateEvent(t.Context(), e, deliveries); err != nil {
		t.Fatal(err)
	}
	d := deliveries[0]
	d.Version = 1
	for i := range n {
		addAttempts(t, s, d, store.Attempt{ID: fmt.Sprint("att_", i)})
		d.Version++
	}
	return s
}

// drain counts what an iterator yields, up to stop, and its errors.
func drain[T any](seq iter.Seq2[T, error], stop int) (items int, errs []error) {
	for _, err := range seq {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if items++; items == stop {
			break
		}
	}
	return items, errs
}

func TestAll(t *testing.T) {
	t.Parallel()
	s := many(t, 7)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, all := range map[string]func(ctx context.Context, limit, stop int) (int, []error){
		"AllEndpoints": func(ctx context.Context, limit, stop int) (int, []error) {
			return drain(store.AllEndpoints(ctx, s, store.EndpointFilter{Tenant: "ws_1", Limit: limit}), stop)
		},
		"AllDeliveries": func(ctx context.Context, limit, stop int) (int, []error) {
			return drain(store.AllDeliveries(ctx, s, store.DeliveryFilter{Tenant: "ws_1", Limit: limit}), stop)
		},
		"AllAttempts": func(ctx context.Context, limit, stop int) (int, []error) {
			return drain(store.AllAttempts(ctx, s, store.AttemptFilter{Tenant: "ws_1", Limit: limit}), stop)
		},
	} {
		for limit := range 9 {
			if items, errs := all(t.Context(), limit, 0); items != 7 || len(errs) > 0 {
				t.Errorf("%s in pages of %d: got %d items and errors %v", name, limit, items, errs)
			}
		}
		if items, errs := all(t.Context(), 2, 3); items != 3 || len(errs) > 0 {
			t.Errorf("%s, left after 3: got %d items and errors %v", name, items, errs)
		}
		if items, errs := all(canceled, 2, 0); items != 0 || len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
			t.Errorf("%s, canceled: got %d items and errors %v", name, items, errs)
		}
	}
}

func TestAllReadsNoFurtherThanAsked(t *testing.T) {
	t.Parallel()
	s := &failing{Store: many(t, 7)}
	f := store.AttemptFilter{Tenant: "ws_1", Limit: 3}
	drain(store.AllAttempts(t.Context(), s, f), 3)
	if s.lists != 1 {
		t.Errorf("three items took %d pages of three", s.lists)
	}
}

func TestAllEndsAfterAnError(t *testing.T) {
	t.Parallel()
	s := &failing{Store: many(t, 7), list: true}
	f := store.AttemptFilter{Tenant: "ws_1", Limit: 3}
	items, errs := drain(store.AllAttempts(t.Context(), s, f), 0)
	if items != 3 || len(errs) != 1 || !errors.Is(errs[0], errBroken) {
		t.Errorf("got %d items and errors %v, want the first page and one error", items, errs)
	}
}

// TestAllTwice: an iterator can be ranged over again, and begins where its
// filter says.
func TestAllTwice(t *testing.T) {
	t.Parallel()
	s := many(t, 7)
	page, err := s.ListAttempts(t.Context(), store.AttemptFilter{Tenant: "ws_1", Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	seq := store.AllAttempts(t.Context(), s, store.AttemptFilter{Tenant: "ws_1", Limit: 3, Cursor: page.Next})
	for range 2 {
		if items, errs := drain(seq, 0); items != 4 || len(errs) > 0 {
			t.Errorf("got %d items and errors %v, want 4", items, errs)
		}
	}
}
