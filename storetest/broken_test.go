package storetest

import (
	"context"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// broken is the reference implementation with some methods replaced.
type broken struct {
	store.Store
	putEndpoint    func(context.Context, store.Endpoint) error
	getEndpoint    func(context.Context, string, string) (store.Endpoint, error)
	listEndpoints  func(context.Context, store.EndpointFilter) (store.Page[store.Endpoint], error)
	deleteEndpoint func(context.Context, string, string) error
	createEvent    func(context.Context, store.Event, []store.Delivery) error
	getEvent       func(context.Context, string, string) (store.Event, error)
	getDelivery    func(context.Context, string, string) (store.Delivery, error)
	listDeliveries func(context.Context, store.DeliveryFilter) (store.Page[store.Delivery], error)
	listDue        func(context.Context, store.DueFilter) (store.Page[store.Delivery], error)
	updateDelivery func(context.Context, store.Delivery, *store.Attempt) error
	listAttempts   func(context.Context, store.AttemptFilter) (store.Page[store.Attempt], error)
}

// breakIt returns the reference implementation after f has broken it. Its
// methods are what the fields hold before f runs, so f can call the originals
// through m.
func breakIt(f func(b *broken, m *memstore.Store)) func() store.Store {
	return func() store.Store {
		m := memstore.New()
		b := &broken{
			Store: m, putEndpoint: m.PutEndpoint, getEndpoint: m.GetEndpoint, listEndpoints: m.ListEndpoints,
			deleteEndpoint: m.DeleteEndpoint, createEvent: m.CreateEvent, getEvent: m.GetEvent,
			getDelivery: m.GetDelivery, listDeliveries: m.ListDeliveries, listDue: m.ListDue,
			updateDelivery: m.UpdateDelivery, listAttempts: m.ListAttempts,
		}
		f(b, m)
		return b
	}
}

func (b *broken) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	return b.putEndpoint(ctx, e)
}

func (b *broken) GetEndpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	return b.getEndpoint(ctx, tenant, id)
}

func (b *broken) ListEndpoints(ctx context.Context, f store.EndpointFilter) (store.Page[store.Endpoint], error) {
	return b.listEndpoints(ctx, f)
}

func (b *broken) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	return b.deleteEndpoint(ctx, tenant, id)
}

func (b *broken) CreateEvent(ctx context.Context, e store.Event, ds []store.Delivery) error {
	return b.createEvent(ctx, e, ds)
}

func (b *broken) GetEvent(ctx context.Context, tenant, id string) (store.Event, error) {
	return b.getEvent(ctx, tenant, id)
}

func (b *broken) GetDelivery(ctx context.Context, tenant, id string) (store.Delivery, error) {
	return b.getDelivery(ctx, tenant, id)
}

func (b *broken) ListDeliveries(ctx context.Context, f store.DeliveryFilter) (store.Page[store.Delivery], error) {
	return b.listDeliveries(ctx, f)
}

func (b *broken) ListDue(ctx context.Context, f store.DueFilter) (store.Page[store.Delivery], error) {
	return b.listDue(ctx, f)
}

func (b *broken) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	return b.updateDelivery(ctx, d, a)
}

func (b *broken) ListAttempts(ctx context.Context, f store.AttemptFilter) (store.Page[store.Attempt], error) {
	return b.listAttempts(ctx, f)
}

// reads changes every record on its way out of the method of that name.
type reads struct {
	endpoint func(method string, e *store.Endpoint)
	event    func(method string, e *store.Event)
	delivery func(method string, d *store.Delivery)
	attempt  func(method string, a *store.Attempt)
}

// breakReads returns the reference implementation with r behind it.
func breakReads(r reads) func() store.Store {
	return breakIt(func(b *broken, m *memstore.Store) {
		if r.endpoint != nil {
			b.getEndpoint = changeGet(m.GetEndpoint, func(e *store.Endpoint) { r.endpoint("GetEndpoint", e) })
			b.listEndpoints = changeItems(m.ListEndpoints, func(e *store.Endpoint) { r.endpoint("ListEndpoints", e) })
		}
		if r.event != nil {
			b.getEvent = changeGet(m.GetEvent, func(e *store.Event) { r.event("GetEvent", e) })
		}
		if r.delivery != nil {
			b.getDelivery = changeGet(m.GetDelivery, func(d *store.Delivery) { r.delivery("GetDelivery", d) })
			b.listDeliveries = changeItems(m.ListDeliveries, func(d *store.Delivery) { r.delivery("ListDeliveries", d) })
			b.listDue = changeItems(m.ListDue, func(d *store.Delivery) { r.delivery("ListDue", d) })
		}
		if r.attempt != nil {
			b.listAttempts = changeItems(m.ListAttempts, func(a *store.Attempt) { r.attempt("ListAttempts", a) })
		}
	})
}

type get[T any] = func(context.Context, string, string) (T, error)

type lister[F, T any] = func(context.Context, F) (store.Page[T], error)

func changeGet[T any](next get[T], change func(*T)) get[T] {
	return func(ctx context.Context, tenant, id string) (T, error) {
		v, err := next(ctx, tenant, id)
		if err == nil {
			change(&v)
		}
		return v, err
	}
}

func changeItems[F, T any](next lister[F, T], change func(*T)) lister[F, T] {
	return changePage(next, func(_ F, page *store.Page[T]) {
		for i := range page.Items {
			change(&page.Items[i])
		}
	})
}

func changePage[F, T any](next lister[F, T], change func(F, *store.Page[T])) lister[F, T] {
	return func(ctx context.Context, f F) (store.Page[T], error) {
		page, err := next(ctx, f)
		if err == nil {
			change(f, &page)
		}
		return page, err
	}
}

func changeFilter[F, T any](next lister[F, T], change func(*F)) lister[F, T] {
	return func(ctx context.Context, f F) (store.Page[T], error) {
		change(&f)
		return next(ctx, f)
	}
}
