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
	return dueIf(func(d store.Delivery, f store.DueFilter) bool { return keep(d, f.Before) })
}

func dueIf(keep func(d store.Delivery, f store.DueFilter) bool) func() store.Store {
	return breakIt(func(b *broken, m *memstore.Store) {
		b.listDue = func(c ctx, f store.DueFilter) (page store.Page[store.Delivery], err error) {
			for d, err := range store.AllDeliveries(c, m, store.DeliveryFilter{Tenant: store.AllTenants}) {
				if err != nil {
					return page, err
				}
				if keep(d, f) {
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

// isDue is what ListDue goes by, apart from the endpoint.
func isDue(d store.Delivery, f store.DueFilter) bool {
	return d.State == store.Pending && !d.NextAttemptAt.IsZero() && d.NextAttemptAt.Before(f.Before)
}

func dueOfEndpointMutants() []mutant {
	type d = store.Delivery
	type f = store.DueFilter
	filter := func(change func(f *f)) func() store.Store {
		return breakIt(func(b *broken, m *memstore.Store) { b.listDue = changeFilter(m.ListDue, change) })
	}
	return []mutant{
		{
			"ListDue does not know endpoints",
			[]string{"ListDue/Endpoint", "ListDue/EndpointBefore", "ListDueOfEndpoint/Order", "ListDue/EndpointInvalid"},
			filter(func(f *f) { f.Tenant, f.EndpointID = "", "" }), "",
		},
		{"ListDue ignores the tenant of an endpoint", []string{"ListDue/Endpoint", "ListDueOfEndpoint/Order"}, dueIf(func(d d, f f) bool {
			return isDue(d, f) && (f.EndpointID == "" || d.EndpointID == f.EndpointID)
		}), ""},
		{"ListDue ignores the id of an endpoint", []string{"ListDue/Endpoint", "ListDueOfEndpoint/Order"}, dueIf(func(d d, f f) bool {
			return isDue(d, f) && (f.Tenant == "" || d.Tenant == f.Tenant)
		}), ""},
		{"ListDue forgets the endpoint after the first page", []string{"ListDueOfEndpoint/Pages"}, filter(func(f *f) {
			if f.Cursor != "" {
				f.Tenant, f.EndpointID = "", ""
			}
		}), ""},
		{"ListDue of an endpoint includes Before", []string{"ListDue/EndpointBefore"}, filter(func(f *f) {
			if f.EndpointID != "" {
				f.Before = inclusive(f.Before)
			}
		}), ""},
		{"ListDue of an endpoint includes what has no time", []string{"ListDue/EndpointBefore", "ListDue/EndpointChange"}, dueIf(func(d d, f f) bool {
			return d.State == store.Pending && d.NextAttemptAt.Before(f.Before) && d.EndpointID == f.EndpointID && d.Tenant == f.Tenant
		}), ""},
		{"ListDue of an endpoint goes by the first state", []string{"ListDue/EndpointChange"}, dueIf(func(d d, f f) bool {
			return d.NextAttemptAt.Before(f.Before) && d.EndpointID == f.EndpointID && d.Tenant == f.Tenant
		}), ""},
		{"ListDue takes half an endpoint for none", []string{"ListDue/EndpointInvalid"}, filter(func(f *f) {
			if f.Tenant == "" || f.EndpointID == "" {
				f.Tenant, f.EndpointID = "", ""
			}
		}), ""},
		{"ListDue takes all tenants for one", []string{"ListDue/EndpointInvalid"}, filter(func(f *f) {
			if f.Tenant == store.AllTenants {
				f.Tenant = "t_a"
			}
		}), ""},
		{"ListDue has a plain error for half an endpoint", []string{"ListDue/EndpointInvalid"}, breakIt(func(b *broken, m *memstore.Store) {
			b.listDue = func(c ctx, f store.DueFilter) (store.Page[store.Delivery], error) {
				page, err := m.ListDue(c, f)
				return page, instead(err, store.ErrInvalidFilter, errPlain)
			}
		}), ""},
	}
}
