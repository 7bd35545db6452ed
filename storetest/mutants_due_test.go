package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// inclusive moves a bound that excludes so that it includes.
func inclusive(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(time.Microsecond)
}

// dueBy is ListDue by reading everything, of those that keep leaves.
func dueBy(keep func(d store.Delivery, before time.Time) bool) func() store.Store {
	return breakIt(func(b *broken, m *memstore.Store) {
		b.listDue = func(c ctx, f store.DueFilter) (page store.Page[store.Delivery], err error) {
			for d, err := range store.AllDeliveries(c, m, store.DeliveryFilter{Tenant: store.AllTenants}) {
				if err != nil {
					return page, err
				}
				if keep(d, f.Before) {
					page.Items = append(page.Items, d)
				}
			}
			slices.SortFunc(page.Items, func(a, b store.Delivery) int {
				return cmp.Or(a.NextAttemptAt.Compare(b.NextAttemptAt), cmp.Compare(a.ID, b.ID))
			})
			return page, nil
		}
	})
}

func dueMutants() []mutant {
	return []mutant{
		{
			"ListDue includes what succeeded",
			[]string{"ListDue/Pending", "ListDue/StateChange"},
			dueBy(func(d store.Delivery, before time.Time) bool {
				return (d.State == store.Pending || d.State == store.Succeeded) && d.NextAttemptAt.Before(before)
			}), "",
		},
		{
			"ListDue goes by the first state",
			[]string{"ListDue/StateChange"},
			dueBy(func(d store.Delivery, before time.Time) bool { return d.NextAttemptAt.Before(before) }), "",
		},
		{
			"ListDue includes what has no time",
			[]string{"ListDue/ZeroTime"},
			dueBy(func(d store.Delivery, before time.Time) bool {
				return d.State == store.Pending && d.NextAttemptAt.Before(before)
			}), "",
		},
		{
			"ListDue of one tenant",
			[]string{"ListDue/AllTenants"},
			dueBy(func(d store.Delivery, before time.Time) bool {
				return d.State == store.Pending && d.NextAttemptAt.Before(before) && d.Tenant == "t_a"
			}), "",
		},
		{
			"ListDue goes by CreatedAt",
			[]string{"ListDue/Rescheduled"},
			dueBy(func(d store.Delivery, before time.Time) bool {
				return d.State == store.Pending && d.CreatedAt.Before(before)
			}), "",
		},
		{"ListDue includes Before", []string{"ListDue/Before"}, breakIt(func(b *broken, m *memstore.Store) {
			b.listDue = changeFilter(m.ListDue, func(f *store.DueFilter) { f.Before = inclusive(f.Before) })
		}), ""},
		{"ListDue keeps the first Before", []string{"ListDue/BeforeMayDiffer"}, breakIt(func(b *broken, m *memstore.Store) {
			var first time.Time
			b.listDue = changeFilter(m.ListDue, func(f *store.DueFilter) {
				if f.Cursor == "" {
					first = f.Before
				}
				f.Before = first
			})
		}), ""},
	}
}
