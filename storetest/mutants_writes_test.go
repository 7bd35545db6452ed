package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// instead replaces a sentinel by another error.
func instead(err, sentinel, other error) error {
	if errors.Is(err, sentinel) {
		return other
	}
	return err
}

// forcePut writes an endpoint whatever its version.
func forcePut(ctx context.Context, m *memstore.Store, e store.Endpoint) error {
	for {
		err := m.PutEndpoint(ctx, e)
		if !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrConflict) {
			return err
		}
		stored, err := m.GetEndpoint(ctx, e.Tenant, e.ID)
		if err != nil {
			return err
		}
		e.Version = stored.Version
	}
}

// forceUpdate writes a delivery whatever its version.
func forceUpdate(ctx context.Context, m *memstore.Store, d store.Delivery, a *store.Attempt) error {
	for {
		err := m.UpdateDelivery(ctx, d, a)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		stored, err := m.GetDelivery(ctx, d.Tenant, d.ID)
		if err != nil {
			return err
		}
		d.Version = stored.Version
	}
}

func writeMutants() []mutant {
	type mem = *memstore.Store
	type ctx = context.Context
	put := func(f func(m mem, c ctx, e store.Endpoint) error) func() store.Store {
		return breakIt(func(b *broken, m mem) {
			b.putEndpoint = func(c ctx, e store.Endpoint) error { return f(m, c, e) }
		})
	}
	create := func(f func(m mem, c ctx, e store.Event, ds []store.Delivery) error) func() store.Store {
		return breakIt(func(b *broken, m mem) {
			b.createEvent = func(c ctx, e store.Event, ds []store.Delivery) error { return f(m, c, e, ds) }
		})
	}
	update := func(f func(m mem, c ctx, d store.Delivery, a *store.Attempt) error) func() store.Store {
		return breakIt(func(b *broken, m mem) {
			b.updateDelivery = func(c ctx, d store.Delivery, a *store.Attempt) error { return f(m, c, d, a) }
		})
	}
	return []mutant{
		{
			"endpoint without CAS",
			[]string{"PutEndpoint/Conflict", "PutEndpoint/ConcurrentReplace"},
			put(func(m mem, c ctx, e store.Endpoint) error {
				if e.Version == 0 {
					return m.PutEndpoint(c, e)
				}
				return forcePut(c, m, e)
			}), "",
		},
		{
			"endpoint create overwrites",
			[]string{"PutEndpoint/Exists", "PutEndpoint/ConcurrentCreate"},
			put(func(m mem, c ctx, e store.Endpoint) error { return forcePut(c, m, e) }), "",
		},
		{
			"endpoint replace creates",
			[]string{"PutEndpoint/NotFound", "Tenants/Write"},
			put(func(m mem, c ctx, e store.Endpoint) error {
				err := m.PutEndpoint(c, e)
				if errors.Is(err, store.ErrNotFound) {
					e.Version = 0
					err = m.PutEndpoint(c, e)
				}
				return err
			}), "",
		},
		{
			"endpoint conflict with a plain error",
			[]string{"PutEndpoint/Conflict"},
			put(func(m mem, c ctx, e store.Endpoint) error {
				return instead(m.PutEndpoint(c, e), store.ErrConflict, errPlain)
			}), "no rows",
		},
		{
			"endpoint exists with a plain error",
			[]string{"PutEndpoint/Exists"},
			put(func(m mem, c ctx, e store.Endpoint) error {
				return instead(m.PutEndpoint(c, e), store.ErrExists, errPlain)
			}), "no rows",
		},
		{
			"endpoint version does not count",
			[]string{"PutEndpoint/Version"},
			breakReads(reads{endpoint: func(_ string, e *store.Endpoint) { e.Version = 1 }}), "got 1, want 2",
		},
		{
			"GetEndpoint with a plain error",
			[]string{"GetEndpoint/NotFound", "Tenants/Get"},
			breakIt(func(b *broken, m mem) {
				b.getEndpoint = func(c ctx, tenant, id string) (store.Endpoint, error) {
					e, err := m.GetEndpoint(c, tenant, id)
					return e, instead(err, store.ErrNotFound, errPlain)
				}
			}), "no rows",
		},
		{
			"GetEndpoint without an error",
			[]string{"GetEndpoint/NotFound"},
			breakIt(func(b *broken, m mem) {
				b.getEndpoint = func(c ctx, tenant, id string) (store.Endpoint, error) {
					e, err := m.GetEndpoint(c, tenant, id)
					return e, instead(err, store.ErrNotFound, nil)
				}
			}), "<nil>",
		},
		{
			"delete does nothing",
			[]string{"DeleteEndpoint/Removes"},
			breakIt(func(b *broken, m mem) {
				b.deleteEndpoint = func(c ctx, tenant, id string) error {
					_, err := m.GetEndpoint(c, tenant, id)
					return err
				}
			}), "",
		},
		{
			"delete of nothing succeeds",
			[]string{"DeleteEndpoint/NotFound"},
			breakIt(func(b *broken, m mem) {
				b.deleteEndpoint = func(c ctx, tenant, id string) error {
					return instead(m.DeleteEndpoint(c, tenant, id), store.ErrNotFound, nil)
				}
			}), "",
		},
		{
			"delete also deletes deliveries",
			[]string{"DeleteEndpoint/KeepsHistory"},
			breakIt(func(b *broken, m mem) {
				b.deleteEndpoint = func(c ctx, tenant, id string) error {
					b.listDeliveries = changePage(m.ListDeliveries, func(f store.DeliveryFilter, page *store.Page[store.Delivery]) {
						page.Items = nil
					})
					return m.DeleteEndpoint(c, tenant, id)
				}
			}), "ListDeliveries",
		},
		{
			"double create of an event",
			[]string{"CreateEvent/Exists", "CreateEvent/Concurrent"},
			create(func(m mem, c ctx, e store.Event, ds []store.Delivery) error {
				return instead(m.CreateEvent(c, e, ds), store.ErrExists, nil)
			}), "",
		},
		{
			"torn create",
			[]string{"CreateEvent/DeliveryExists"},
			create(func(m mem, c ctx, e store.Event, ds []store.Delivery) error {
				err := m.CreateEvent(c, e, ds)
				if errors.Is(err, store.ErrExists) {
					_ = m.CreateEvent(c, e, nil)
				}
				return err
			}), "GetEvent after ErrExists",
		},
		{
			"torn create of deliveries",
			[]string{"CreateEvent/DeliveryExists"},
			create(func(m mem, c ctx, e store.Event, ds []store.Delivery) error {
				err := m.CreateEvent(c, e, ds)
				if errors.Is(err, store.ErrExists) {
					e.ID += "_hidden"
					_ = m.CreateEvent(c, e, ds[:1])
				}
				return err
			}), "Deliveries",
		},
		{
			"event without deliveries refused",
			[]string{"CreateEvent/NoDeliveries"},
			create(func(m mem, c ctx, e store.Event, ds []store.Delivery) error {
				if len(ds) == 0 {
					return errors.New("nothing to insert")
				}
				return m.CreateEvent(c, e, ds)
			}), "nothing to insert",
		},
		{
			"delivery version as given",
			[]string{"CreateEvent/Version"},
			breakReads(reads{delivery: func(_ string, d *store.Delivery) { d.Version = 7 }}), "got 7, want 1",
		},
		{
			"GetEvent with a plain error",
			[]string{"GetEvent/NotFound"},
			breakIt(func(b *broken, m mem) {
				b.getEvent = func(c ctx, tenant, id string) (store.Event, error) {
					e, err := m.GetEvent(c, tenant, id)
					return e, instead(err, store.ErrNotFound, errPlain)
				}
			}), "no rows",
		},
		{
			"GetDelivery with a plain error",
			[]string{"GetDelivery/NotFound"},
			breakIt(func(b *broken, m mem) {
				b.getDelivery = func(c ctx, tenant, id string) (store.Delivery, error) {
					d, err := m.GetDelivery(c, tenant, id)
					return d, instead(err, store.ErrNotFound, errPlain)
				}
			}), "no rows",
		},
		{
			"update of nothing is a conflict",
			[]string{"UpdateDelivery/NotFound"},
			update(func(m mem, c ctx, d store.Delivery, a *store.Attempt) error {
				return instead(m.UpdateDelivery(c, d, a), store.ErrNotFound, store.ErrConflict)
			}), "",
		},
		{
			"delivery without CAS",
			[]string{"UpdateDelivery/Conflict", "UpdateDelivery/Concurrent"},
			update(func(m mem, c ctx, d store.Delivery, a *store.Attempt) error { return forceUpdate(c, m, d, a) }), "",
		},
		{
			"attempt appended on conflict",
			[]string{"UpdateDelivery/Conflict"},
			update(func(m mem, c ctx, d store.Delivery, a *store.Attempt) error {
				err := m.UpdateDelivery(c, d, a)
				if errors.Is(err, store.ErrConflict) {
					stored, _ := m.GetDelivery(c, d.Tenant, d.ID)
					_ = m.UpdateDelivery(c, stored, a)
				}
				return err
			}), "len(content.Attempts)",
		},
		{
			"attempt lost",
			[]string{"UpdateDelivery/NoAttempt", "UpdateDelivery/Appends"},
			update(func(m mem, c ctx, d store.Delivery, _ *store.Attempt) error { return m.UpdateDelivery(c, d, nil) }), "",
		},
		{
			"attempt made up",
			[]string{"UpdateDelivery/NoAttempt"},
			update(func(m mem, c ctx, d store.Delivery, a *store.Attempt) error {
				if a == nil {
					a = newAttempt(d, fmt.Sprintf("att_made_up_%d", d.Version))
				}
				return m.UpdateDelivery(c, d, a)
			}), "",
		},
		{"attempt overwritten", []string{"UpdateDelivery/Appends"}, overwritesAttempts(), "overwritten"},
		{
			"update counts twice",
			[]string{"UpdateDelivery/Version"},
			update(func(m mem, c ctx, d store.Delivery, a *store.Attempt) error {
				err := m.UpdateDelivery(c, d, a)
				if err == nil {
					d.Version++
					err = m.UpdateDelivery(c, d, nil)
				}
				return err
			}), "",
		},
		{"delivery moved to another endpoint", []string{"UpdateDelivery/Immutable"}, movesDeliveries(), "Delivery.EndpointID"},
	}
}

func overwritesAttempts() func() store.Store {
	return breakIt(func(b *broken, m *memstore.Store) {
		latest := map[string]store.Attempt{}
		b.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			if a != nil {
				latest[a.ID] = *a
			}
			return m.UpdateDelivery(ctx, d, a)
		}
		b.listAttempts = changeItems(m.ListAttempts, func(a *store.Attempt) { *a = latest[a.ID] })
	})
}

func movesDeliveries() func() store.Store {
	return breakIt(func(b *broken, m *memstore.Store) {
		moved := map[string]string{}
		b.updateDelivery = func(ctx context.Context, d store.Delivery, a *store.Attempt) error {
			moved[d.ID] = d.EndpointID
			return m.UpdateDelivery(ctx, d, a)
		}
		b.getDelivery = changeGet(m.GetDelivery, func(d *store.Delivery) {
			if to, ok := moved[d.ID]; ok {
				d.EndpointID = to
			}
		})
	})
}
