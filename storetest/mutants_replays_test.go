package storetest

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// replaying is the reference implementation with other bulk replays.
type replaying struct {
	*memstore.Store
	put   func(ctx, store.Replay) error
	get   func(ctx, string, string) (store.Replay, error)
	list  func(ctx, store.ReplayFilter) (store.Page[store.Replay], error)
	purge func(ctx, store.PurgeFilter) (int, error)
}

func (s *replaying) PutReplay(c ctx, r store.Replay) error { return s.put(c, r) }

func (s *replaying) GetReplay(c ctx, tenant, id string) (store.Replay, error) {
	return s.get(c, tenant, id)
}

func (s *replaying) ListReplays(c ctx, f store.ReplayFilter) (store.Page[store.Replay], error) {
	return s.list(c, f)
}

func (s *replaying) Purge(c ctx, f store.PurgeFilter) (int, error) { return s.purge(c, f) }

func withReplays(change func(s *replaying, m *memstore.Store)) func() store.Store {
	return func() store.Store {
		m := memstore.New()
		s := &replaying{Store: m, put: m.PutReplay, get: m.GetReplay, list: m.ListReplays, purge: m.Purge}
		change(s, m)
		return s
	}
}

// TestReplaysAreSkipped: not every Store keeps bulk replays.
func TestReplaysAreSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range replayCases {
		r := &recorder{t: t}
		c.exec(r, base{memstore.New()}, patience)
		if !r.skipped || len(r.failures) > 0 {
			t.Errorf("%s: skipped is %t, failures are %q", c.name, r.skipped, r.failures)
		}
	}
}

func replayMutants() []mutant {
	return slices.Concat(replayFieldMutants(), replayWriteMutants(), replayListMutants())
}

// replayFieldMutants lose one field each.
func replayFieldMutants() []mutant {
	var all []mutant
	for _, l := range leaves("Replay", reflect.TypeFor[store.Replay]()) {
		says := l.path[len("Replay"):]
		get := withReplays(func(s *replaying, m *memstore.Store) {
			s.get = func(c ctx, tenant, id string) (store.Replay, error) {
				r, err := m.GetReplay(c, tenant, id)
				loseIn(l, &r)
				return r, err
			}
		})
		list := withReplays(func(s *replaying, m *memstore.Store) {
			s.list = func(c ctx, f store.ReplayFilter) (store.Page[store.Replay], error) {
				page, err := m.ListReplays(c, f)
				for i := range page.Items {
					loseIn(l, &page.Items[i])
				}
				return page, err
			}
		})
		caughtBy := []string{"PutReplay/EveryField", "PutReplay/EveryFieldReplaced"}
		all = append(all, mutant{"GetReplay loses " + l.path, caughtBy, get, says})
		if l.path == "Replay.ID" {
			says = "is missing"
		}
		all = append(all, mutant{"ListReplays loses " + l.path, caughtBy, list, says})
	}
	return all
}

// overwriting writes what look lets pass, whatever is there.
func overwriting(look func(stored store.Replay, r store.Replay) error) func() store.Store {
	return withReplays(func(s *replaying, m *memstore.Store) {
		s.put = func(c ctx, r store.Replay) error {
			stored, err := m.GetReplay(c, r.Tenant, r.ID)
			if err != nil {
				return m.PutReplay(c, r)
			}
			if err := look(stored, r); err != nil {
				return err
			}
			r.Version = stored.Version
			return m.PutReplay(c, r)
		}
	})
}

func replayWriteMutants() []mutant {
	type mem = *memstore.Store
	conflict := func(stored, r store.Replay) error {
		if stored.Version != r.Version {
			return store.ErrConflict
		}
		return nil
	}
	return []mutant{
		{"PutReplay creates over another", []string{"PutReplay/Exists"}, overwriting(func(stored, r store.Replay) error {
			if r.Version != 0 {
				return conflict(stored, r)
			}
			return nil
		}), ""},
		{"PutReplay replaces any version", []string{"PutReplay/Conflict"}, overwriting(func(_, r store.Replay) error {
			if r.Version == 0 {
				return store.ErrExists
			}
			return nil
		}), ""},
		{"PutReplay creates what is to be replaced", []string{"PutReplay/NotFound"}, withReplays(func(s *replaying, m mem) {
			s.put = func(c ctx, r store.Replay) error {
				err := m.PutReplay(c, r)
				if instead(err, store.ErrNotFound, nil) == nil && err != nil {
					r.Version = 0
					return m.PutReplay(c, r)
				}
				return err
			}
		}), ""},
		{"replay checked, then written", []string{"PutReplay/Concurrent"}, withReplays(func(s *replaying, m mem) {
			meet := meeting(crowd)
			var mu sync.Mutex
			s.put = func(c ctx, r store.Replay) error {
				stored, err := m.GetReplay(c, r.Tenant, r.ID)
				if err != nil {
					return m.PutReplay(c, r)
				}
				if err := conflict(stored, r); err != nil {
					return err
				}
				meet() // all of them have looked before one writes
				mu.Lock()
				defer mu.Unlock()
				if stored, err = m.GetReplay(c, r.Tenant, r.ID); err != nil {
					return err
				}
				r.Version = stored.Version
				return m.PutReplay(c, r)
			}
		}), "want exactly one"},
		{"replays from a cache", []string{"PutReplay/Copies"}, withReplays(func(s *replaying, m mem) {
			var cache kept[store.Replay]
			s.get = func(c ctx, tenant, id string) (store.Replay, error) {
				r, err := m.GetReplay(c, tenant, id)
				return cache.keep(id, r), err
			}
		}), ""},
		{"replays as they came", []string{"PutReplay/Copies"}, withReplays(func(s *replaying, m mem) {
			var states []store.DeliveryState
			s.put = func(c ctx, r store.Replay) error {
				states = r.States
				return m.PutReplay(c, r)
			}
			s.get = func(c ctx, tenant, id string) (store.Replay, error) {
				r, err := m.GetReplay(c, tenant, id)
				r.States = states
				return r, err
			}
		}), ""},
		{"replays, without looking at the context", []string{"ListReplays/Canceled"}, withReplays(func(s *replaying, m mem) {
			s.get = func(c ctx, tenant, id string) (store.Replay, error) {
				return m.GetReplay(context.WithoutCancel(c), tenant, id)
			}
		}), "GetReplay"},
		{"Purge keeps replays", []string{"Purge/Replays"}, withReplays(func(s *replaying, _ mem) {
			s.purge = func(ctx, store.PurgeFilter) (int, error) { return 0, nil }
		}), ""},
		{"Purge of bodies removes replays", []string{"Purge/Replays"}, withReplays(func(s *replaying, m mem) {
			s.purge = func(c ctx, f store.PurgeFilter) (int, error) {
				if f.Before.IsZero() {
					f.Before = f.BodiesBefore
				}
				return m.Purge(c, f)
			}
		}), ""},
		{"Purge removes replays that are running", []string{"Purge/Replays"}, withReplays(func(s *replaying, m mem) {
			s.purge = func(c ctx, f store.PurgeFilter) (int, error) {
				page, err := m.ListReplays(c, store.ReplayFilter{Tenant: store.AllTenants, States: []store.ReplayState{store.ReplayRunning}})
				for _, r := range page.Items {
					r.State = store.ReplayFinished
					err = m.PutReplay(c, r)
				}
				if err != nil {
					return 0, err
				}
				return m.Purge(c, f)
			}
		}), ""},
	}
}

func replayListMutants() []mutant {
	filter := func(change func(f *store.ReplayFilter)) func() store.Store {
		return withReplays(func(s *replaying, m *memstore.Store) {
			s.list = func(c ctx, f store.ReplayFilter) (store.Page[store.Replay], error) {
				change(&f)
				return m.ListReplays(c, f)
			}
		})
	}
	pages := func(change func(f store.ReplayFilter, page *store.Page[store.Replay])) func() store.Store {
		return withReplays(func(s *replaying, m *memstore.Store) {
			s.list = func(c ctx, f store.ReplayFilter) (store.Page[store.Replay], error) {
				page, err := m.ListReplays(c, f)
				change(f, &page)
				return page, err
			}
		})
	}
	filters, paging := []string{"ListReplays/Filter"}, []string{"ListReplays/Pages"}
	return []mutant{
		{"ListReplays of everybody", filters, filter(func(f *store.ReplayFilter) { f.Tenant = store.AllTenants }), ""},
		{"ListReplays of any state", filters, filter(func(f *store.ReplayFilter) { f.States = nil }), ""},
		{"ListReplays of one state", filters, filter(func(f *store.ReplayFilter) { f.States = f.States[:min(1, len(f.States))] }), ""},
		{"ListReplays, oldest first", filters, pages(func(_ store.ReplayFilter, page *store.Page[store.Replay]) { slices.Reverse(page.Items) }), ""},
		{"ListReplays by the time of the last write", filters, pages(func(_ store.ReplayFilter, page *store.Page[store.Replay]) {
			slices.SortStableFunc(page.Items, func(a, b store.Replay) int { return time.Time.Compare(a.CreatedAt, b.CreatedAt) })
		}), ""},
		{"ListReplays without an end", paging, filter(func(f *store.ReplayFilter) { f.Limit = 0 }), "want at most"},
		{"ListReplays from the beginning", paging, filter(func(f *store.ReplayFilter) { f.Cursor = "" }), ""},
		{"ListReplays ends early", paging, pages(func(_ store.ReplayFilter, page *store.Page[store.Replay]) { page.Next = "" }), ""},
	}
}
