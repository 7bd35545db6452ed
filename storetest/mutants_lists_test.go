package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// rawList is any of the four list methods, its filter set aside.
type rawList func(limit int, cursor string) (rawPage, error)

type rawPage struct {
	items []rawItem
	next  string
}

type rawItem struct {
	record
	value any
}

// adapt puts a change of a rawList around a list method.
func adapt[F, T any](next lister[F, T], part func(*F) (*int, *string), place func(T) record, change func(rawList) rawList) lister[F, T] {
	return func(ctx ctx, f F) (store.Page[T], error) {
		limit, cursor := part(&f)
		raw, err := change(func(l int, c string) (rawPage, error) {
			*limit, *cursor = l, c
			page, err := next(ctx, f)
			raw := rawPage{next: page.Next}
			for _, item := range page.Items {
				raw.items = append(raw.items, rawItem{place(item), item})
			}
			return raw, err
		})(*limit, *cursor)
		page := store.Page[T]{Next: raw.next}
		for _, item := range raw.items {
			page.Items = append(page.Items, item.value.(T))
		}
		return page, err
	}
}

// breakList breaks the list method of that name. Each store gets a change of
// its own, which may keep what it needs from call to call.
func breakList(name string, newChange func() func(rawList) rawList) func() store.Store {
	return breakIt(func(b *broken, m *memstore.Store) {
		change := newChange()
		switch name {
		case "ListEndpoints":
			b.listEndpoints = adapt(m.ListEndpoints, func(f *store.EndpointFilter) (*int, *string) { return &f.Limit, &f.Cursor },
				func(e store.Endpoint) record { return record{e.ID, e.CreatedAt} }, change)
		case "ListDeliveries":
			b.listDeliveries = adapt(m.ListDeliveries, func(f *store.DeliveryFilter) (*int, *string) { return &f.Limit, &f.Cursor },
				func(d store.Delivery) record { return record{d.ID, d.CreatedAt} }, change)
		case "ListAttempts":
			b.listAttempts = adapt(m.ListAttempts, func(f *store.AttemptFilter) (*int, *string) { return &f.Limit, &f.Cursor },
				func(a store.Attempt) record { return record{a.ID, a.StartedAt} }, change)
		case "ListDue":
			b.listDue = adapt(m.ListDue, func(f *store.DueFilter) (*int, *string) { return &f.Limit, &f.Cursor },
				func(d store.Delivery) record { return record{d.ID, d.NextAttemptAt} }, change)
		case "ListDueOfEndpoint":
			changed := adapt(m.ListDue, func(f *store.DueFilter) (*int, *string) { return &f.Limit, &f.Cursor },
				func(d store.Delivery) record { return record{d.ID, d.NextAttemptAt} }, change)
			b.listDue = func(c ctx, f store.DueFilter) (store.Page[store.Delivery], error) {
				if f.EndpointID == "" {
					return m.ListDue(c, f)
				}
				return changed(c, f)
			}
		}
	})
}

// brokenList is a way for any list to be wrong.
type brokenList struct {
	name     string
	caughtBy []string
	change   func() func(rawList) rawList
}

// onPage changes each page; first reports whether it is the first one.
func onPage(change func(page *rawPage, first bool)) func() func(rawList) rawList {
	return func() func(rawList) rawList {
		return func(next rawList) rawList {
			return func(limit int, cursor string) (rawPage, error) {
				page, err := next(limit, cursor)
				if err == nil {
					change(&page, cursor == "")
				}
				return page, err
			}
		}
	}
}

func onRequest(change func(next rawList, limit int, cursor string) (rawPage, error)) func() func(rawList) rawList {
	return func() func(rawList) rawList {
		return func(next rawList) rawList {
			return func(limit int, cursor string) (rawPage, error) { return change(next, limit, cursor) }
		}
	}
}

func brokenLists() []brokenList {
	return []brokenList{
		{"in the wrong order", []string{"Order"}, onPage(func(page *rawPage, _ bool) { slices.Reverse(page.items) })},
		{"without a tie-break", []string{"Ties"}, onPage(func(page *rawPage, _ bool) { reverseTies(page.items) })},
		{"skips one after the cursor", []string{"Pages", "PagesWhileWriting"}, onPage(func(page *rawPage, first bool) {
			if !first && len(page.items) > 0 {
				page.items = page.items[1:]
			}
		})},
		{"repeats one after the cursor", []string{"Pages"}, repeatsOne},
		{"pages by offset", []string{"PagesWhileWriting"}, onRequest(byOffset)},
		{"ignores the limit", []string{"Limit", "Pages"}, onRequest(func(next rawList, _ int, cursor string) (rawPage, error) {
			return next(store.MaxLimit, cursor)
		})},
		{"has no next page", []string{"Limit", "DefaultLimit"}, onPage(func(page *rawPage, _ bool) { page.next = "" })},
		{"never ends", []string{"Limit", "Empty"}, onPage(func(page *rawPage, _ bool) { page.next = "more" })},
		{"goes round in circles", []string{"Pages"}, onRequest(func(next rawList, limit int, _ string) (rawPage, error) {
			return next(limit, "")
		})},
		{"has another default", []string{"DefaultLimit"}, onRequest(func(next rawList, limit int, cursor string) (rawPage, error) {
			if limit <= 0 {
				limit = 100
			}
			return next(limit, cursor)
		})},
		{"has no maximum", []string{"MaxLimit"}, onRequest(withoutMaximum)},
		{"begins again at a bad cursor", []string{"Cursor"}, onRequest(func(next rawList, limit int, cursor string) (rawPage, error) {
			page, err := next(limit, cursor)
			if errors.Is(err, store.ErrInvalidFilter) {
				return next(limit, "")
			}
			return page, err
		})},
		{"plain error for a bad cursor", []string{"Cursor"}, onRequest(func(next rawList, limit int, cursor string) (rawPage, error) {
			page, err := next(limit, cursor)
			return page, instead(err, store.ErrInvalidFilter, errPlain)
		})},
		{"empty is an error", []string{"Empty"}, onRequest(func(next rawList, limit int, cursor string) (rawPage, error) {
			page, err := next(limit, cursor)
			if err == nil && len(page.items) == 0 {
				err = store.ErrNotFound
			}
			return page, err
		})},
	}
}

func reverseTies(items []rawItem) {
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && items[j].at.Equal(items[i].at) {
			j++
		}
		slices.Reverse(items[i:j])
		i = j
	}
}

func repeatsOne() func(rawList) rawList {
	last := map[string]rawItem{}
	return func(next rawList) rawList {
		return func(limit int, cursor string) (rawPage, error) {
			page, err := next(limit, cursor)
			if item, ok := last[cursor]; ok {
				page.items = slices.Insert(page.items, 0, item)
			}
			if page.next != "" {
				last[page.next] = page.items[len(page.items)-1]
			}
			return page, err
		}
	}
}

func byOffset(next rawList, limit int, cursor string) (rawPage, error) {
	all, err := next(store.MaxLimit, "")
	offset, _ := strconv.Atoi(cursor)
	items := all.items[min(offset, len(all.items)):]
	page := rawPage{items: items[:min(limit, len(items))]}
	if len(page.items) < len(items) {
		page.next = strconv.Itoa(offset + limit)
	}
	return page, err
}

func withoutMaximum(next rawList, limit int, cursor string) (rawPage, error) {
	page, err := next(limit, cursor)
	for err == nil && len(page.items) < limit && page.next != "" {
		var more rawPage
		more, err = next(limit, page.next)
		page.items, page.next = append(page.items, more.items...), more.next
	}
	return page, err
}

// listMutants break each of the lists in each way.
func listMutants() []mutant {
	var all []mutant
	for _, l := range lists() {
		for _, broken := range brokenLists() {
			m := mutant{name: l.name + " " + broken.name, newStore: breakList(l.name, broken.change)}
			for _, name := range broken.caughtBy {
				m.caughtBy = append(m.caughtBy, l.name+"/"+name)
			}
			all = append(all, m)
		}
	}
	return append(all,
		mutant{
			"cursor without the tenant",
			[]string{"ListEndpoints/TiesAcrossTenants"},
			breakList("ListEndpoints", skipsTies), "in pages of 1",
		},
		mutant{
			"ListDue pages by offset while draining",
			[]string{"ListDue/Draining"},
			breakList("ListDue", onRequest(byOffset)), "",
		},
	)
}

// skipsTies skips what shares time and id with the last record of the page
// before.
func skipsTies() func(rawList) rawList {
	last := map[string]record{}
	return func(next rawList) rawList {
		return func(limit int, cursor string) (rawPage, error) {
			page, err := next(limit, cursor)
			before, ok := last[cursor]
			if page.next != "" {
				last[page.next] = page.items[len(page.items)-1].record
			}
			page.items = slices.DeleteFunc(page.items, func(i rawItem) bool { return ok && i.record == before })
			return page, err
		}
	}
}

// filterMutants ignore or misread one field of a filter each.
func filterMutants() []mutant {
	deliveries := func(change func(*store.DeliveryFilter)) func() store.Store {
		return breakIt(func(b *broken, m *memstore.Store) { b.listDeliveries = changeFilter(m.ListDeliveries, change) })
	}
	attempts := func(change func(*store.AttemptFilter)) func() store.Store {
		return breakIt(func(b *broken, m *memstore.Store) { b.listAttempts = changeFilter(m.ListAttempts, change) })
	}
	type d = store.DeliveryFilter
	type a = store.AttemptFilter
	var all []mutant
	for field, ignore := range map[string]func(*d){
		"EndpointID": func(f *d) { f.EndpointID = "" }, "EventID": func(f *d) { f.EventID = "" },
		"EventType": func(f *d) { f.EventType = "" }, "States": func(f *d) { f.States = nil },
		"States but the first": func(f *d) { f.States = f.States[:min(1, len(f.States))] },
		"Since":                func(f *d) { f.Since = epoch.AddDate(-1, 0, 0) },
		"Until":                func(f *d) { f.Until = epoch.AddDate(1, 0, 0) },
		"EventID after the first page": func(f *d) {
			if f.Cursor != "" {
				f.EventID = ""
			}
		},
	} {
		all = append(all, mutant{"ListDeliveries ignores " + field, []string{"ListDeliveries/Filters"}, deliveries(ignore), ""})
	}
	for field, ignore := range map[string]func(*a){
		"DeliveryID": func(f *a) { f.DeliveryID = "" }, "EndpointID": func(f *a) { f.EndpointID = "" },
		"EventID": func(f *a) { f.EventID = "" }, "EventType": func(f *a) { f.EventType = "" },
		"Outcome": func(f *a) { f.Outcome = "" },
		"Since":   func(f *a) { f.Since = epoch.AddDate(-1, 0, 0) },
		"Until":   func(f *a) { f.Until = epoch.AddDate(1, 0, 0) },
		"Outcome if it is failed": func(f *a) {
			if f.Outcome == store.OutcomeFailed {
				f.Outcome = ""
			}
		},
	} {
		all = append(all, mutant{"ListAttempts ignores " + field, []string{"ListAttempts/Filters"}, attempts(ignore), ""})
	}
	return append(all,
		mutant{"delivery Since is exclusive", []string{"ListDeliveries/Since", "ListDeliveries/Filters"}, deliveries(func(f *d) { f.Since = f.Since.Add(1000) }), ""},
		mutant{"delivery Until is inclusive", []string{"ListDeliveries/Until", "ListDeliveries/Filters"}, deliveries(func(f *d) { f.Until = inclusive(f.Until) }), ""},
		mutant{"attempt Since is exclusive", []string{"ListAttempts/Since", "ListAttempts/Filters"}, attempts(func(f *a) { f.Since = f.Since.Add(1000) }), ""},
		mutant{"attempt Until is inclusive", []string{"ListAttempts/Until", "ListAttempts/Filters"}, attempts(func(f *a) { f.Until = inclusive(f.Until) }), ""},
		mutant{"delivery EventType is a pattern", []string{"ListDeliveries/EventTypeIsExact"}, deliveries(func(f *d) { f.EventType = pattern(f.EventType) }), ""},
		mutant{"attempt EventType is a pattern", []string{"ListAttempts/EventTypeIsExact"}, attempts(func(f *a) { f.EventType = pattern(f.EventType) }), ""},
	)
}

// pattern takes an EventType that may end in an asterisk for the type that
// the cases use.
func pattern(eventType string) string {
	if prefix, ok := strings.CutSuffix(eventType, "*"); ok && strings.HasPrefix("review.completed", prefix) {
		return "review.completed"
	}
	return eventType
}

func tenantMutants() []mutant {
	type mem = *memstore.Store
	everybody := func(tenant *string, narrowed bool) {
		if *tenant != "" && narrowed {
			*tenant = store.AllTenants
		}
	}
	return []mutant{
		{"GetEndpoint of any tenant", []string{"Tenants/Get"}, breakIt(func(b *broken, m mem) { b.getEndpoint = ofAny(m.GetEndpoint) }), "GetEndpoint"},
		{"GetEvent of any tenant", []string{"Tenants/Get"}, breakIt(func(b *broken, m mem) { b.getEvent = ofAny(m.GetEvent) }), "GetEvent"},
		{"GetDelivery of any tenant", []string{"Tenants/Get"}, breakIt(func(b *broken, m mem) { b.getDelivery = ofAny(m.GetDelivery) }), "GetDelivery"},
		{"delete of any tenant", []string{"Tenants/Write"}, breakIt(func(b *broken, m mem) {
			b.deleteEndpoint = func(c ctx, tenant, id string) error {
				return errors.Join(m.DeleteEndpoint(c, "t_a", id), m.DeleteEndpoint(c, "t_b", id))
			}
		}), "DeleteEndpoint"},
		{"update of any tenant", []string{"Tenants/Write"}, breakIt(func(b *broken, m mem) {
			b.updateDelivery = func(c ctx, d store.Delivery, a *store.Attempt) error {
				d.Tenant = d.ID[len("dlv_"):]
				return m.UpdateDelivery(c, d, a)
			}
		}), "UpdateDelivery"},
		{"event ids shared by tenants", []string{"Tenants/SameIDs"}, breakIt(func(b *broken, m mem) {
			b.getEvent = func(c ctx, _, id string) (store.Event, error) { return m.GetEvent(c, "t_a", id) }
		}), "Payload"},
		{"ListEndpoints of everybody", []string{"Tenants/ListEndpoints"}, breakIt(func(b *broken, m mem) {
			b.listEndpoints = changeFilter(m.ListEndpoints, func(f *store.EndpointFilter) { everybody(&f.Tenant, true) })
		}), ""},
		{"ListDeliveries of everybody", []string{"Tenants/ListDeliveries", "ListDeliveries/Filters"}, breakIt(func(b *broken, m mem) {
			b.listDeliveries = changeFilter(m.ListDeliveries, func(f *store.DeliveryFilter) { everybody(&f.Tenant, true) })
		}), ""},
		{"ListDeliveries of everybody by event", []string{"Tenants/ListDeliveries", "ListDeliveries/Filters"}, breakIt(func(b *broken, m mem) {
			b.listDeliveries = changeFilter(m.ListDeliveries, func(f *store.DeliveryFilter) { everybody(&f.Tenant, f.EventID != "") })
		}), ""},
		{"ListAttempts of everybody", []string{"Tenants/ListAttempts", "ListAttempts/Filters"}, breakIt(func(b *broken, m mem) {
			b.listAttempts = changeFilter(m.ListAttempts, func(f *store.AttemptFilter) { everybody(&f.Tenant, true) })
		}), ""},
		{"ListAttempts of everybody by delivery", []string{"Tenants/ListAttempts"}, breakIt(func(b *broken, m mem) {
			b.listAttempts = changeFilter(m.ListAttempts, func(f *store.AttemptFilter) { everybody(&f.Tenant, f.DeliveryID != "") })
		}), ""},
		{"AllTenants is not known", []string{"Tenants/ListEndpoints"}, breakIt(func(b *broken, m mem) {
			b.listEndpoints = changeFilter(m.ListEndpoints, func(f *store.EndpointFilter) { f.Tenant = strings.ReplaceAll(f.Tenant, "*", "asterisk") })
		}), "all tenants"},
		{"no tenant means everybody", []string{"Tenants/Required"}, breakIt(func(b *broken, m mem) {
			b.listAttempts = changeFilter(m.ListAttempts, func(f *store.AttemptFilter) {
				if f.Tenant == "" {
					f.Tenant = store.AllTenants
				}
			})
		}), "ListAttempts"},
	}
}

// ofAny forgets to look at the tenant.
func ofAny[T any](next get[T]) get[T] {
	return func(c ctx, tenant, id string) (T, error) {
		v, err := next(c, tenant, id)
		for _, other := range []string{"t_a", "t_b"} {
			if err != nil {
				v, err = next(c, other, id)
			}
		}
		if err != nil {
			return v, fmt.Errorf("of any tenant: %w", err)
		}
		return v, nil
	}
}
