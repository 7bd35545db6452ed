package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/store"
)

// The history that the benchmarks run on: large enough that a Store which
// scans it is slow, small enough to be written before each of them.
const (
	benchEvents     = 200
	benchDeliveries = 50 // of each event
	benchDue        = 100
)

// Bench measures what a Store does all day, each in one goroutine and in
// parallel. newStore is as in [Run].
func Bench(b *testing.B, newStore func(b *testing.B) store.Store) {
	b.Helper()
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			op := c.prepare(b, newStore(b))
			for i := 0; b.Loop(); i++ {
				if err := op(b.Context(), i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"Parallel", func(b *testing.B) {
			op := c.prepare(b, newStore(b))
			b.ResetTimer()
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := op(b.Context(), int(n.Add(1))); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// operation is what is measured. i differs in each call.
type operation func(ctx context.Context, i int) error

var benchmarks = []struct {
	name    string
	prepare func(tb testing.TB, s store.Store) operation
}{
	{"CreateEvent", benchCreate},
	{"UpdateDelivery", benchUpdate},
	{"LoadJob", benchLoadJob},
	{"ListDeliveries", benchListDeliveries},
	{"ListDue", benchListDue},
}

// writeHistory writes deliveries of which only benchDue are due, and returns
// their ids.
func writeHistory(tb testing.TB, s store.Store) []string {
	tb.Helper()
	if err := s.PutEndpoint(tb.Context(), newEndpoint(tenant, "ep_1")); err != nil {
		tb.Fatal(err)
	}
	var written []string
	for i := range benchEvents {
		e := newEvent(tenant, fmt.Sprintf("evt_%d", i))
		e.CreatedAt = later(i)
		deliveries := make([]store.Delivery, benchDeliveries)
		for j := range deliveries {
			n := len(written)
			deliveries[j] = newDelivery(e, fmt.Sprintf("dlv_%d", n))
			if n >= benchDue {
				deliveries[j].NextAttemptAt = later(1_000_000 + n)
			}
			written = append(written, deliveries[j].ID)
		}
		if err := s.CreateEvent(tb.Context(), e, deliveries); err != nil {
			tb.Fatal(err)
		}
	}
	return written
}

func benchCreate(tb testing.TB, s store.Store) operation {
	writeHistory(tb, s)
	return func(ctx context.Context, i int) error {
		e := newEvent(tenant, fmt.Sprintf("evt_new_%d", i))
		d := newDelivery(e, fmt.Sprintf("dlv_new_%d", i))
		d.NextAttemptAt = later(1_000_000 + i)
		return s.CreateEvent(ctx, e, []store.Delivery{d})
	}
}

// benchUpdate reads a delivery and writes it with an attempt. Neighbouring
// calls take different ones, so that they do not get into each other's way.
func benchUpdate(tb testing.TB, s store.Store) operation {
	deliveries := writeHistory(tb, s)
	return func(ctx context.Context, i int) error {
		d, err := s.GetDelivery(ctx, tenant, deliveries[i%len(deliveries)])
		if err != nil {
			return err
		}
		return s.UpdateDelivery(ctx, d, newAttempt(d, fmt.Sprintf("att_%d", i)))
	}
}

func benchLoadJob(tb testing.TB, s store.Store) operation {
	deliveries := writeHistory(tb, s)
	return func(ctx context.Context, i int) error {
		_, err := store.LoadJob(ctx, s, tenant, deliveries[i%len(deliveries)])
		return err
	}
}

func benchListDeliveries(tb testing.TB, s store.Store) operation {
	writeHistory(tb, s)
	return func(ctx context.Context, _ int) error {
		page, err := s.ListDeliveries(ctx, store.DeliveryFilter{Tenant: tenant, EndpointID: "ep_1"})
		if err == nil && len(page.Items) != store.DefaultLimit {
			err = fmt.Errorf("ListDeliveries: got %d items", len(page.Items))
		}
		return err
	}
}

func benchListDue(tb testing.TB, s store.Store) operation {
	writeHistory(tb, s)
	return func(ctx context.Context, _ int) error {
		page, err := s.ListDue(ctx, store.DueFilter{Before: later(1), Limit: store.MaxLimit})
		if err == nil && len(page.Items) != benchDue {
			err = fmt.Errorf("ListDue: got %d items", len(page.Items))
		}
		return err
	}
}
