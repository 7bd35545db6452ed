package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// extra is the reference implementation with other optional abilities.
type extra struct {
	store.Store
	load  func(ctx, string, string) (store.Job, error)
	stats func(ctx, store.StatsFilter) ([]store.StatsBucket, error)
	purge func(ctx, store.PurgeFilter) (int, error)
	count func(ctx, store.DeliveryFilter, int) (int, error)
	roll  func(ctx, time.Time, int) (int, error)
}

func (s *extra) LoadJob(c ctx, tenant, id string) (store.Job, error) { return s.load(c, tenant, id) }

func (s *extra) Stats(c ctx, f store.StatsFilter) ([]store.StatsBucket, error) { return s.stats(c, f) }

func (s *extra) Purge(c ctx, f store.PurgeFilter) (int, error) { return s.purge(c, f) }

func (s *extra) CountDeliveries(c ctx, f store.DeliveryFilter, most int) (int, error) {
	return s.count(c, f, most)
}

func (s *extra) RollStats(c ctx, before time.Time, limit int) (int, error) {
	return s.roll(c, before, limit)
}

func withExtra(change func(s *extra, m *memstore.Store)) func() store.Store {
	return func() store.Store {
		m := memstore.New()
		r := &rolled{m: m}
		s := &extra{Store: m, load: m.LoadJob, purge: m.Purge, count: m.CountDeliveries, roll: r.roll, stats: r.stats}
		if change != nil {
			change(s, m)
		}
		return s
	}
}

// TestOptionalInterfaces runs the suite on a store that has all of them.
func TestOptionalInterfaces(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) store.Store { return withExtra(nil)() })
}

func optionalMutants() []mutant {
	return slices.Concat(jobMutants(), statsMutants(), rollMutants(), purgeMutants(), countMutants(), replayMutants())
}

func jobMutants() []mutant {
	job := func(change func(*store.Job)) func() store.Store {
		return withExtra(func(s *extra, m *memstore.Store) {
			s.load = func(c ctx, tenant, id string) (store.Job, error) {
				j, err := m.LoadJob(c, tenant, id)
				if err == nil {
					change(&j)
				}
				return j, err
			}
		})
	}
	return []mutant{
		{"LoadJob loses the secrets", []string{"LoadJob/EqualsGets"}, job(func(j *store.Job) {
			if j.Endpoint != nil {
				j.Endpoint.Secrets = nil
			}
		}), "Job.Endpoint.Secrets"},
		{"LoadJob loses the event", []string{"LoadJob/EqualsGets"}, job(func(j *store.Job) { j.Event = nil }), "Job.Event"},
		{"LoadJob makes up what is missing", []string{"LoadJob/Missing"}, job(func(j *store.Job) {
			if j.Endpoint == nil {
				j.Endpoint = &store.Endpoint{}
			}
		}), "Job.Endpoint"},
		{"LoadJob makes up a purged event", []string{"LoadJob/Missing"}, job(func(j *store.Job) {
			if j.Event == nil {
				j.Event = &store.Event{}
			}
		}), "purged event"},
		{"LoadJob joins inner", []string{"LoadJob/Missing"}, withExtra(func(s *extra, m *memstore.Store) {
			s.load = func(c ctx, tenant, id string) (store.Job, error) {
				j, err := m.LoadJob(c, tenant, id)
				if err == nil && j.Endpoint == nil {
					err = store.ErrNotFound
				}
				return j, err
			}
		}), "unexpected error"},
		{"LoadJob with a plain error", []string{"LoadJob/NotFound", "Tenants/Get"}, withExtra(func(s *extra, m *memstore.Store) {
			s.load = func(c ctx, tenant, id string) (store.Job, error) {
				j, err := m.LoadJob(c, tenant, id)
				return j, instead(err, store.ErrNotFound, errPlain)
			}
		}), "no rows"},
		{"LoadJob from a cache", []string{"LoadJob/Out"}, withExtra(func(s *extra, m *memstore.Store) {
			var cache kept[store.Job]
			s.load = func(c ctx, tenant, id string) (store.Job, error) {
				j, err := m.LoadJob(c, tenant, id)
				return cache.keep(id, j), err
			}
		}), "after its result was changed"},
	}
}

func statsMutants() []mutant {
	stats := func(change func([]store.StatsBucket) []store.StatsBucket) func() store.Store {
		return withExtra(func(s *extra, m *memstore.Store) {
			s.stats = func(c ctx, f store.StatsFilter) ([]store.StatsBucket, error) {
				buckets, err := store.Stats(c, base{m}, f)
				return change(buckets), err
			}
		})
	}
	return []mutant{
		{"Stats without percentiles", []string{"Stats/EqualsFallback"}, stats(func(buckets []store.StatsBucket) []store.StatsBucket {
			for i := range buckets {
				buckets[i].P99 = 0
			}
			return buckets
		}), "P99"},
		{"Stats of all endpoints", []string{"Stats/EqualsFallback"}, withExtra(func(s *extra, m *memstore.Store) {
			s.stats = func(c ctx, f store.StatsFilter) ([]store.StatsBucket, error) {
				f.EndpointID = ""
				return store.Stats(c, base{m}, f)
			}
		}), ""},
		{"Stats without empty buckets", []string{"Stats/Empty"}, stats(func(buckets []store.StatsBucket) []store.StatsBucket {
			return slices.DeleteFunc(buckets, func(b store.StatsBucket) bool { return b.Succeeded+b.Failed == 0 })
		}), ""},
		{"Stats in buckets of the hour", []string{"Stats/Empty"}, stats(func(buckets []store.StatsBucket) []store.StatsBucket {
			for i := range buckets {
				buckets[i].Start = buckets[i].Start.Truncate(time.Hour)
			}
			return buckets
		}), "Start"},
	}
}

func purgeMutants() []mutant {
	purge := func(change func(m *memstore.Store, c ctx, f store.PurgeFilter) (int, error)) func() store.Store {
		return withExtra(func(s *extra, m *memstore.Store) {
			s.purge = func(c ctx, f store.PurgeFilter) (int, error) { return change(m, c, f) }
		})
	}
	type mem = *memstore.Store
	return []mutant{
		{
			"Purge does nothing",
			[]string{"Purge/Removes", "Purge/Bounded"},
			purge(func(mem, ctx, store.PurgeFilter) (int, error) { return 0, nil }), "",
		},
		{"Purge miscounts", []string{"Purge/Removes", "Purge/Bounded"}, purge(func(m mem, c ctx, f store.PurgeFilter) (int, error) {
			n, err := m.Purge(c, f)
			return 2 * n, err
		}), "events handled"},
		{"Purge removes pending ones", []string{"Purge/KeepsPending"}, purge(func(m mem, c ctx, f store.PurgeFilter) (int, error) {
			for d, err := range store.AllDeliveries(c, m, store.DeliveryFilter{Tenant: store.AllTenants}) {
				if err != nil {
					return 0, err
				}
				d.State = store.Canceled
				if err := m.UpdateDelivery(c, d, nil); err != nil {
					return 0, err
				}
			}
			return m.Purge(c, f)
		}), ""},
		{"Purge of bodies removes rows", []string{"Purge/Bodies"}, purge(func(m mem, c ctx, f store.PurgeFilter) (int, error) {
			if f.Before.IsZero() {
				f.Before = f.BodiesBefore
			}
			return m.Purge(c, f)
		}), ""},
		{"Purge keeps bodies", []string{"Purge/Bodies"}, purge(func(m mem, c ctx, f store.PurgeFilter) (int, error) {
			if f.Before.IsZero() {
				return 2, nil
			}
			return m.Purge(c, f)
		}), "ResponseBody"},
		{"Purge is not bounded", []string{"Purge/Bounded"}, purge(func(m mem, c ctx, f store.PurgeFilter) (int, error) {
			f.Limit = 0
			return m.Purge(c, f)
		}), ""},
		{"zero Before removes all", []string{"Purge/Zero"}, purge(func(m mem, c ctx, f store.PurgeFilter) (int, error) {
			if f.Before.IsZero() {
				f.Before = later(1_000_000)
			}
			return m.Purge(c, f)
		}), ""},
	}
}

func countMutants() []mutant {
	count := func(change func(m *memstore.Store, c ctx, f store.DeliveryFilter, most int) (int, error)) func() store.Store {
		return withExtra(func(s *extra, m *memstore.Store) {
			s.count = func(c ctx, f store.DeliveryFilter, most int) (int, error) { return change(m, c, f, most) }
		})
	}
	other := func(change func(f *store.DeliveryFilter)) func() store.Store {
		return count(func(m *memstore.Store, c ctx, f store.DeliveryFilter, most int) (int, error) {
			change(&f)
			return m.CountDeliveries(c, f, most)
		})
	}
	equals, change, cursor := "CountDeliveries/EqualsFallback", "CountDeliveries/Change", "CountDeliveries/Cursor"
	return []mutant{
		{"CountDeliveries of everybody", []string{equals}, other(func(f *store.DeliveryFilter) { f.Tenant = store.AllTenants }), ""},
		{"CountDeliveries does not know AllTenants", []string{equals, "CountDeliveries/Most"}, count(
			func(m *memstore.Store, c ctx, f store.DeliveryFilter, most int) (int, error) {
				if f.Tenant == store.AllTenants {
					return 0, nil
				}
				return m.CountDeliveries(c, f, most)
			}), ""},
		{"CountDeliveries of any state", []string{equals, change}, other(func(f *store.DeliveryFilter) { f.States = nil }), ""},
		{"CountDeliveries of the first state", []string{equals}, other(func(f *store.DeliveryFilter) { f.States = f.States[:min(1, len(f.States))] }), ""},
		{"CountDeliveries of any endpoint", []string{equals}, other(func(f *store.DeliveryFilter) { f.EndpointID = "" }), ""},
		{"CountDeliveries of any event", []string{equals}, other(func(f *store.DeliveryFilter) { f.EventID = "" }), ""},
		{"CountDeliveries of any type", []string{equals}, other(func(f *store.DeliveryFilter) { f.EventType = "" }), ""},
		{"CountDeliveries since ever", []string{equals}, other(func(f *store.DeliveryFilter) { f.Since = time.Time{} }), ""},
		{"CountDeliveries for ever", []string{equals}, other(func(f *store.DeliveryFilter) { f.Until = time.Time{} }), ""},
		{"CountDeliveries of those that are due", []string{equals, change}, count(
			func(m *memstore.Store, c ctx, f store.DeliveryFilter, most int) (n int, err error) {
				for d, err := range store.AllDeliveries(c, m, f) {
					if err != nil {
						return 0, err
					}
					if d.State != store.Pending || isDue(d, store.DueFilter{Before: later(9)}) {
						n++
					}
				}
				return min(n, most), nil
			}), ""},
		{"CountDeliveries twice, of a state named twice", []string{equals}, count(
			func(m *memstore.Store, c ctx, f store.DeliveryFilter, most int) (n int, err error) {
				if len(f.States) == 0 {
					return m.CountDeliveries(c, f, most)
				}
				for _, state := range f.States {
					f.States = []store.DeliveryState{state}
					of, err := m.CountDeliveries(c, f, most)
					if err != nil {
						return 0, err
					}
					n += of
				}
				return min(n, most), nil
			}), ""},
		{"CountDeliveries is not bounded", []string{"CountDeliveries/Most"}, count(
			func(m *memstore.Store, c ctx, f store.DeliveryFilter, _ int) (int, error) {
				return m.CountDeliveries(c, f, 1000)
			}), "at most 1"},
		{"CountDeliveries stops one early", []string{"CountDeliveries/Most"}, count(
			func(m *memstore.Store, c ctx, f store.DeliveryFilter, most int) (int, error) {
				return m.CountDeliveries(c, f, most-1)
			}), ""},
		{"CountDeliveries from the beginning", []string{cursor}, other(func(f *store.DeliveryFilter) { f.Cursor = "" }), ""},
		{"CountDeliveries of a page", []string{cursor}, count(
			func(m *memstore.Store, c ctx, f store.DeliveryFilter, _ int) (int, error) {
				page, err := m.ListDeliveries(c, f)
				return len(page.Items), err
			}), ""},
	}
}
