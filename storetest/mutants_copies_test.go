package storetest

import (
	"sync"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// kept returns what was first returned for a key, memory and all.
type kept[T any] struct {
	mu    sync.Mutex
	first map[string]T
}

func (k *kept[T]) keep(key string, v T) T {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.first == nil {
		k.first = map[string]T{}
	}
	if first, ok := k.first[key]; ok {
		return first
	}
	k.first[key] = v
	return v
}

func copyMutants() []mutant {
	type mem = *memstore.Store
	return append(leaksOut(),
		mutant{"endpoint headers not copied", []string{"Copies/EndpointIn"}, breakIt(func(b *broken, m mem) {
			var in store.Endpoint
			b.putEndpoint = func(c ctx, e store.Endpoint) error {
				in = e
				return m.PutEndpoint(c, e)
			}
			b.getEndpoint = changeGet(m.GetEndpoint, func(e *store.Endpoint) { e.Headers = in.Headers })
		}), "Headers"},
		mutant{"payload not copied", []string{"Copies/EventIn"}, breakIt(func(b *broken, m mem) {
			var in store.Event
			b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
				in = e
				return m.CreateEvent(c, e, ds)
			}
			b.getEvent = changeGet(m.GetEvent, func(e *store.Event) { e.Payload = in.Payload })
		}), "Payload"},
		mutant{"deliveries not copied", []string{"Copies/EventIn"}, breakIt(func(b *broken, m mem) {
			var in []store.Delivery
			b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
				in = ds
				return m.CreateEvent(c, e, ds)
			}
			b.getDelivery = changeGet(m.GetDelivery, func(d *store.Delivery) { *d = in[0] })
		}), "GetDelivery"},
		mutant{"versions written into the argument", []string{"Copies/EventIn"}, breakIt(func(b *broken, m mem) {
			b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
				for i := range ds {
					ds[i].Version = 1
				}
				return m.CreateEvent(c, e, ds)
			}
		}), "a delivery given to CreateEvent"},
		mutant{"attempt not copied", []string{"Copies/AttemptIn"}, breakIt(func(b *broken, m mem) {
			var in *store.Attempt
			b.updateDelivery = func(c ctx, d store.Delivery, a *store.Attempt) error {
				in = a
				return m.UpdateDelivery(c, d, a)
			}
			b.listAttempts = changeItems(m.ListAttempts, func(a *store.Attempt) { *a = *in })
		}), ""},
	)
}

func leaksOut() []mutant {
	type mem = *memstore.Store
	return []mutant{
		{"GetEndpoint from a cache", []string{"Copies/EndpointOut"}, breakIt(func(b *broken, m mem) {
			var cache kept[store.Endpoint]
			b.getEndpoint = changeGet(m.GetEndpoint, func(e *store.Endpoint) { *e = cache.keep(e.ID, *e) })
		}), ""},
		{"ListEndpoints from a cache", []string{"Copies/EndpointOut"}, breakIt(func(b *broken, m mem) {
			var cache kept[[]store.Endpoint]
			b.listEndpoints = changePage(m.ListEndpoints, func(f store.EndpointFilter, page *store.Page[store.Endpoint]) {
				page.Items = cache.keep(f.Tenant, page.Items)
			})
		}), ""},
		{"GetEvent from a cache", []string{"Copies/EventOut"}, breakIt(func(b *broken, m mem) {
			var cache kept[store.Event]
			b.getEvent = changeGet(m.GetEvent, func(e *store.Event) { *e = cache.keep(e.ID, *e) })
		}), "Payload"},
		{"ListDeliveries from a cache", []string{"Copies/DeliveryOut"}, breakIt(func(b *broken, m mem) {
			var cache kept[[]store.Delivery]
			b.listDeliveries = changePage(m.ListDeliveries, func(f store.DeliveryFilter, page *store.Page[store.Delivery]) {
				page.Items = cache.keep(f.Tenant, page.Items)
			})
		}), ""},
		{"ListAttempts from a cache", []string{"Copies/AttemptOut"}, breakIt(func(b *broken, m mem) {
			var cache kept[store.Attempt]
			b.listAttempts = changeItems(m.ListAttempts, func(a *store.Attempt) { *a = cache.keep(a.ID, *a) })
		}), ""},
	}
}
