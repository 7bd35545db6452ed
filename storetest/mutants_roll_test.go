package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// rolled is a StatsRoller that keeps the attempts themselves, instead of sums.
type rolled struct {
	m *memstore.Store

	mu    sync.Mutex
	until time.Time
	kept  []store.Attempt
}

// fresh returns the attempts from a time on, oldest first.
func (r *rolled) fresh(c ctx, from, before time.Time) (fresh []store.Attempt, err error) {
	for a, err := range store.AllAttempts(c, r.m, store.AttemptFilter{Tenant: store.AllTenants}) {
		if err != nil {
			return nil, err
		}
		if !a.StartedAt.Before(from) && a.StartedAt.Before(before) {
			fresh = append(fresh, a)
		}
	}
	slices.Reverse(fresh)
	return fresh, nil
}

func (r *rolled) roll(c ctx, before time.Time, limit int) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh, err := r.fresh(c, r.until, before)
	if err != nil || len(fresh) == 0 {
		return 0, err
	}
	n := min(limit, len(fresh))
	for n < len(fresh) && fresh[n].StartedAt.Equal(fresh[n-1].StartedAt) {
		n++
	}
	r.kept = append(r.kept, fresh[:n]...)
	r.until = fresh[n-1].StartedAt.Add(time.Microsecond)
	return n, nil
}

func (r *rolled) stats(c ctx, f store.StatsFilter) ([]store.StatsBucket, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh, err := r.fresh(c, r.until, f.Until)
	if err != nil {
		return nil, err
	}
	return store.Stats(c, attemptsOf{r.m, slices.Concat(r.kept, fresh)}, f)
}

// attemptsOf is a Store that has these attempts.
type attemptsOf struct {
	store.Store
	attempts []store.Attempt
}

func (s attemptsOf) ListAttempts(_ ctx, f store.AttemptFilter) (page store.Page[store.Attempt], err error) {
	for _, a := range s.attempts {
		of := f.Tenant == store.AllTenants || f.Tenant == a.Tenant && (f.EndpointID == "" || f.EndpointID == a.EndpointID)
		if of && !a.StartedAt.Before(f.Since) && a.StartedAt.Before(f.Until) {
			page.Items = append(page.Items, a)
		}
	}
	return page, nil
}

func rollMutants() []mutant {
	withRolled := func(change func(s *extra, r *rolled)) func() store.Store {
		return withExtra(func(s *extra, m *memstore.Store) {
			r := &rolled{m: m}
			s.roll, s.stats = r.roll, r.stats
			change(s, r)
		})
	}
	// after changes what was kept.
	after := func(change func(r *rolled, before time.Time, n int)) func() store.Store {
		return withRolled(func(s *extra, r *rolled) {
			s.roll = func(c ctx, before time.Time, limit int) (int, error) {
				n, err := r.roll(c, before, limit)
				r.mu.Lock()
				defer r.mu.Unlock()
				if n > 0 {
					change(r, before, n)
				}
				return n, err
			}
		})
	}
	return []mutant{
		{"RollStats loses failures", []string{"RollStats/SameStats"}, after(func(r *rolled, _ time.Time, _ int) {
			r.kept = slices.DeleteFunc(r.kept, func(a store.Attempt) bool { return !a.Succeeded })
		}), "Failed"},
		{"RollStats mixes tenants up", []string{"RollStats/SameStats"}, after(func(r *rolled, _ time.Time, _ int) {
			for i := range r.kept {
				r.kept[i].Tenant = "t_a"
			}
		}), ""},
		{"sums of hours begin at the hour", []string{"RollStats/SameStats"}, after(func(r *rolled, _ time.Time, _ int) {
			for i := range r.kept {
				r.kept[i].EndedAt = r.kept[i].StartedAt.Truncate(time.Hour).Add(r.kept[i].Duration())
				r.kept[i].StartedAt = r.kept[i].StartedAt.Truncate(time.Hour)
			}
		}), ""},
		{"percentiles are 10 % off", []string{"RollStats/SameStats"}, after(func(r *rolled, _ time.Time, n int) {
			for i := range r.kept[len(r.kept)-n:] {
				a := &r.kept[len(r.kept)-n+i]
				a.EndedAt = a.EndedAt.Add(a.Duration() / 10)
			}
		}), "P95"},
		{"RollStats is not bounded", []string{"RollStats/Bounded"}, withRolled(func(s *extra, r *rolled) {
			s.roll = func(c ctx, before time.Time, _ int) (int, error) { return r.roll(c, before, 1000) }
		}), "attempts summed up"},
		{"RollStats stops in a crowd", []string{"RollStats/Bounded"}, withRolled(func(s *extra, r *rolled) {
			s.roll = func(c ctx, before time.Time, limit int) (int, error) {
				n, err := r.roll(c, before, limit)
				r.kept = r.kept[:len(r.kept)-n+min(n, limit)]
				return min(n, limit), err
			}
		}), ""},
		{"RollStats ignores the time", []string{"RollStats/Before"}, withRolled(func(s *extra, r *rolled) {
			s.roll = func(c ctx, _ time.Time, limit int) (int, error) { return r.roll(c, hour(100), limit) }
		}), ""},
		{"RollStats sums up what starts at the time", []string{"RollStats/Before"}, withRolled(func(s *extra, r *rolled) {
			s.roll = func(c ctx, before time.Time, limit int) (int, error) { return r.roll(c, before.Add(1), limit) }
		}), ""},
		{"RollStats goes back", []string{"RollStats/Before", "RollStats/Once"}, after(func(r *rolled, _ time.Time, _ int) {
			r.until = r.until.Add(-time.Hour)
		}), ""},
		{"RollStats by two at once", []string{"RollStats/Once"}, withRolled(func(s *extra, r *rolled) {
			meet := meeting(2)
			s.roll = func(c ctx, before time.Time, limit int) (int, error) {
				r.mu.Lock()
				from := r.until
				r.mu.Unlock()
				meet()
				fresh, err := r.fresh(c, from, before)
				n := min(limit, len(fresh))
				if n == 0 {
					return 0, err
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				r.kept = append(r.kept, fresh[:n]...)
				r.until = fresh[n-1].StartedAt.Add(time.Microsecond)
				return n, nil
			}
		}), ""},
		{"RollStats fails when another is at it", []string{"RollStats/Once"}, withRolled(func(s *extra, r *rolled) {
			var busy sync.Mutex
			meet := meeting(2)
			s.roll = func(c ctx, before time.Time, limit int) (int, error) {
				if !busy.TryLock() {
					return 0, errors.New("somebody else is at it")
				}
				defer busy.Unlock()
				meet()
				return r.roll(c, before, limit)
			}
		}), "somebody else"},
		{"RollStats takes the time for the newest", []string{"RollStats/Late"}, after(func(r *rolled, before time.Time, _ int) {
			r.until = before
		}), ""},
		{"sums go with what is purged", []string{"RollStats/OutlivesPurge"}, withRolled(func(s *extra, r *rolled) {
			s.stats = func(c ctx, f store.StatsFilter) ([]store.StatsBucket, error) { return store.Stats(c, base{r.m}, f) }
		}), "Failed"},
		{"RollStats ignores its context", []string{"RollStats/Canceled"}, withRolled(func(s *extra, r *rolled) {
			s.roll = func(c ctx, before time.Time, limit int) (int, error) {
				return r.roll(context.WithoutCancel(c), before, limit)
			}
		}), "canceled context"},
	}
}
