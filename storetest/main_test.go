package storetest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReference(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) store.Store { return memstore.New() })
}

// TestBaseInterface runs the suite on a store without optional interfaces.
func TestBaseInterface(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) store.Store { return base{memstore.New()} })
}

func BenchmarkReference(b *testing.B) {
	Bench(b, func(*testing.B) store.Store { return memstore.New() })
}

// TestBenchmarks: they are compiled by everyone and run by few.
func TestBenchmarks(t *testing.T) {
	t.Parallel()
	for _, c := range benchmarks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			op := c.prepare(t, memstore.New())
			for i := range 3 {
				if err := op(t.Context(), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
