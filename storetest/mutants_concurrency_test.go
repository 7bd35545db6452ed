package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

type ctx = context.Context

// deaf is a Store one of whose methods does not look at the context.
type deaf struct {
	*memstore.Store
	method string
}

func (s deaf) ctx(c ctx, method string) ctx {
	if s.method == method {
		return context.WithoutCancel(c)
	}
	return c
}

func (s deaf) PutEndpoint(c ctx, e store.Endpoint) error {
	return s.Store.PutEndpoint(s.ctx(c, "PutEndpoint"), e)
}

func (s deaf) GetEndpoint(c ctx, tenant, id string) (store.Endpoint, error) {
	return s.Store.GetEndpoint(s.ctx(c, "GetEndpoint"), tenant, id)
}

func (s deaf) ListEndpoints(c ctx, f store.EndpointFilter) (store.Page[store.Endpoint], error) {
	return s.Store.ListEndpoints(s.ctx(c, "ListEndpoints"), f)
}

func (s deaf) DeleteEndpoint(c ctx, tenant, id string) error {
	return s.Store.DeleteEndpoint(s.ctx(c, "DeleteEndpoint"), tenant, id)
}

func (s deaf) CreateEvent(c ctx, e store.Event, ds []store.Delivery) error {
	return s.Store.CreateEvent(s.ctx(c, "CreateEvent"), e, ds)
}

func (s deaf) GetEvent(c ctx, tenant, id string) (store.Event, error) {
	return s.Store.GetEvent(s.ctx(c, "GetEvent"), tenant, id)
}

func (s deaf) GetDelivery(c ctx, tenant, id string) (store.Delivery, error) {
	return s.Store.GetDelivery(s.ctx(c, "GetDelivery"), tenant, id)
}

func (s deaf) ListDeliveries(c ctx, f store.DeliveryFilter) (store.Page[store.Delivery], error) {
	return s.Store.ListDeliveries(s.ctx(c, "ListDeliveries"), f)
}

func (s deaf) ListDue(c ctx, f store.DueFilter) (store.Page[store.Delivery], error) {
	return s.Store.ListDue(s.ctx(c, "ListDue"), f)
}

func (s deaf) UpdateDelivery(c ctx, d store.Delivery, a *store.Attempt) error {
	return s.Store.UpdateDelivery(s.ctx(c, "UpdateDelivery"), d, a)
}

func (s deaf) ListAttempts(c ctx, f store.AttemptFilter) (store.Page[store.Attempt], error) {
	return s.Store.ListAttempts(s.ctx(c, "ListAttempts"), f)
}

func (s deaf) LoadJob(c ctx, tenant, id string) (store.Job, error) {
	return s.Store.LoadJob(s.ctx(c, "LoadJob"), tenant, id)
}

func (s deaf) CountDeliveries(c ctx, f store.DeliveryFilter, most int) (int, error) {
	return s.Store.CountDeliveries(s.ctx(c, "CountDeliveries"), f, most)
}

func (s deaf) Purge(c ctx, f store.PurgeFilter) (int, error) {
	return s.Store.Purge(s.ctx(c, "Purge"), f)
}

func contextMutants() []mutant {
	var all []mutant
	add := func(name, method string, newStore func() store.Store) {
		all = append(all, mutant{name, []string{method + "/Canceled"}, newStore, method})
	}
	for _, c := range calls() {
		add("cancellation ignored by "+c.name, c.name, func() store.Store { return deaf{memstore.New(), c.name} })
	}
	add("cancellation ignored by Purge", "Purge", func() store.Store { return deaf{memstore.New(), "Purge"} })
	add("endpoint written in spite of its error", "PutEndpoint", breakIt(func(b *broken, m *memstore.Store) {
		b.putEndpoint = func(c ctx, e store.Endpoint) error {
			return errors.Join(c.Err(), m.PutEndpoint(context.WithoutCancel(c), e))
		}
	}))
	add("event written in spite of its error", "CreateEvent", breakIt(func(b *broken, m *memstore.Store) {
		b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
			return errors.Join(c.Err(), m.CreateEvent(context.WithoutCancel(c), e, ds))
		}
	}))
	add("cancellation not wrapped", "GetEvent", breakIt(func(b *broken, m *memstore.Store) {
		b.getEvent = func(c ctx, tenant, id string) (store.Event, error) {
			e, err := m.GetEvent(c, tenant, id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				err = fmt.Errorf("get event: %v", err) //nolint:errorlint // that is what is wrong with it
			}
			return e, err
		}
	}))
	return all
}

func concurrencyMutants() []mutant {
	type mem = *memstore.Store
	return []mutant{
		{"endpoint checked, then written", []string{"PutEndpoint/ConcurrentReplace"}, breakIt(func(b *broken, m mem) {
			meet := meeting(crowd)
			b.putEndpoint = func(c ctx, e store.Endpoint) error {
				stored, err := m.GetEndpoint(c, e.Tenant, e.ID)
				if err != nil {
					return m.PutEndpoint(c, e)
				}
				if stored.Version != e.Version {
					return store.ErrConflict
				}
				meet() // all of them have looked before one writes
				return forcePut(c, m, e)
			}
		}), "want exactly one"},
		{"endpoint looked for, then written", []string{"PutEndpoint/ConcurrentCreate"}, breakIt(func(b *broken, m mem) {
			meet := meeting(crowd)
			b.putEndpoint = func(c ctx, e store.Endpoint) error {
				if _, err := m.GetEndpoint(c, e.Tenant, e.ID); err == nil {
					return store.ErrExists
				}
				meet()
				return forcePut(c, m, e)
			}
		}), "want exactly one"},
		{"event looked for, then written", []string{"CreateEvent/Concurrent"}, breakIt(func(b *broken, m mem) {
			meet := meeting(crowd)
			b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
				if _, err := m.GetEvent(c, e.Tenant, e.ID); err == nil {
					return store.ErrExists
				}
				meet()
				return instead(m.CreateEvent(c, e, ds), store.ErrExists, nil)
			}
		}), "want exactly one"},
		{"losers get no ErrConflict", []string{"UpdateDelivery/Concurrent"}, breakIt(func(b *broken, m mem) {
			b.updateDelivery = func(c ctx, d store.Delivery, a *store.Attempt) error {
				return instead(m.UpdateDelivery(c, d, a), store.ErrConflict, errPlain)
			}
		}), "no rows"},
		{"event written in two steps", []string{"CreateEvent/Atomic"}, breakIt(createInSteps), "deliveries of events that have 3"},
		{"deliveries written before their event", []string{"CreateEvent/Atomic"}, breakIt(func(b *broken, m mem) {
			b.getEvent = func(c ctx, tenant, id string) (store.Event, error) {
				return m.GetEvent(c, tenant, id+"_that_comes_later")
			}
		}), "not its event"},
		{"delivery and attempt written in two steps", []string{"UpdateDelivery/Atomic"}, breakIt(updateInSteps), "attempts, when the delivery had made"},
		{"too few connections", []string{"Store/Concurrent"}, breakIt(func(b *broken, m mem) {
			var calls atomic.Int32
			b.getEvent = func(c ctx, tenant, id string) (store.Event, error) {
				if calls.Add(1) > 8 {
					return store.Event{}, errors.New("too many connections")
				}
				return m.GetEvent(c, tenant, id)
			}
		}), "too many connections"},
	}
}

// meeting returns a function that returns when n callers are in it, or when
// no more of them seem to come.
func meeting(n int32) func() {
	var here atomic.Int32
	return func() {
		here.Add(1)
		for i := 0; i < 10_000 && here.Load() < n; i++ {
			runtime.Gosched()
		}
	}
}

// seen waits until others have read a few times, or seem not to be there.
func seen(reads *atomic.Int32) {
	until := reads.Load() + 4
	for i := 0; i < 10_000 && reads.Load() < until; i++ {
		runtime.Gosched()
	}
}

func createInSteps(b *broken, m *memstore.Store) {
	var reads atomic.Int32
	b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
		if err := m.CreateEvent(c, e, ds[:1]); err != nil {
			return err
		}
		seen(&reads)
		e.ID += "_the_rest"
		return m.CreateEvent(c, e, ds[1:])
	}
	b.listDeliveries = changePage(m.ListDeliveries, func(store.DeliveryFilter, *store.Page[store.Delivery]) { reads.Add(1) })
}

// updateInSteps keeps the attempts in a second store.
func updateInSteps(b *broken, m *memstore.Store) {
	var reads atomic.Int32
	second := memstore.New()
	b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error {
		return errors.Join(m.CreateEvent(c, e, ds), second.CreateEvent(c, e, ds))
	}
	b.updateDelivery = func(c ctx, d store.Delivery, a *store.Attempt) error {
		if err := m.UpdateDelivery(c, d, nil); err != nil {
			return err
		}
		seen(&reads)
		return second.UpdateDelivery(c, d, a)
	}
	b.listAttempts = changePage(second.ListAttempts, func(store.AttemptFilter, *store.Page[store.Attempt]) { reads.Add(1) })
}
