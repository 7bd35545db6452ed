package integration_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
	"github.com/outhook/outhook/store/sqlstore"
)

// statsModel is a Store that sums up and purges, beside one that keeps all attempts
// and is asked what it should say.
type statsModel struct {
	t       *testing.T
	random  *rand.Rand
	s       *sqlstore.Store
	all     *memstore.Store
	begin   time.Time // of the first hour
	n       int
	summed  time.Time // when the newest attempt started that was summed up
	started []time.Time
}

// Whatever is summed up when, and purged after that: statistics of any hours count
// what they would count without, and percentiles are within 5 %.
func TestStatsOfAnySumsAreTheSame(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, _ := d.fresh(t)
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		m := statsModel{
			t: t, random: rand.New(rand.NewPCG(seed, 1)), s: s, all: memstore.New(),
			begin: time.Now().UTC().Truncate(time.Hour).Add(-60 * time.Hour),
		}
		for range 60 {
			switch m.random.IntN(5) {
			case 0, 1:
				m.record(m.random.IntN(30))
			case 2:
				m.roll()
			case 3:
				m.purge()
			default:
				m.check(12)
			}
		}
		m.roll()
		m.check(60)
		if len(m.started) < 100 || m.summed.IsZero() {
			t.Errorf("%d attempts, summed up to %s: too few to say anything", len(m.started), m.summed)
		}
	})
}

// record writes attempts that are younger than what was summed up, many of them at
// the borders of hours.
func (m *statsModel) record(n int) {
	m.t.Helper()
	var wg sync.WaitGroup
	for range n {
		at := m.begin.Add(time.Duration(m.random.Int64N(int64(48 * time.Hour)))).Truncate(time.Microsecond)
		switch m.random.IntN(4) {
		case 0:
			at = at.Truncate(time.Hour)
		case 1:
			at = at.Truncate(time.Hour).Add(-time.Microsecond)
		case 2:
			if len(m.started) > 0 {
				at = m.started[m.random.IntN(len(m.started))] // together with others
			}
		}
		if !at.After(m.summed) {
			continue
		}
		m.n++
		id := fmt.Sprint(m.n)
		e := store.Event{ID: "evt_" + id, Tenant: fmt.Sprintf("t_%d", m.random.IntN(2)), Type: "a.b", Payload: []byte("1"), CreatedAt: at}
		d := store.Delivery{
			ID: "dlv_" + id, Tenant: e.Tenant, EventID: e.ID, EndpointID: fmt.Sprintf("ep_%d", m.random.IntN(3)), EventType: e.Type,
			State: store.Failed, Round: 1, CreatedAt: at, UpdatedAt: at, EndedAt: at,
		}
		a := store.Attempt{
			ID: "att_" + id, DeliveryID: d.ID, Tenant: d.Tenant, EventID: e.ID, EndpointID: d.EndpointID, EventType: e.Type, Round: 1, Number: 1,
			Succeeded: m.random.IntN(3) > 0, StartedAt: at, EndedAt: at.Add(time.Duration(1<<m.random.IntN(26)+m.random.IntN(900)) * time.Microsecond),
		}
		m.started = append(m.started, at)
		for _, s := range []store.Store{m.s, m.all} {
			wg.Go(func() {
				if err := s.CreateEvent(m.t.Context(), e, []store.Delivery{d}); err != nil {
					m.t.Error(err)
				}
				d := d
				d.Version = 1
				if err := s.UpdateDelivery(m.t.Context(), d, &a); err != nil {
					m.t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// roll sums up what started before some time, in batches.
func (m *statsModel) roll() {
	m.t.Helper()
	before := latestOf(m.begin, m.summed).Add(time.Duration(m.random.Int64N(int64(5 * time.Hour))))
	if m.random.IntN(2) == 0 {
		before = before.Truncate(time.Hour)
	}
	limit := 1 + m.random.IntN(40)
	for {
		n, err := m.s.RollStats(m.t.Context(), before, limit)
		if err != nil {
			m.t.Fatal(err)
		}
		if n < limit {
			break
		}
	}
	for _, at := range m.started {
		if at.Before(before) && at.After(m.summed) {
			m.summed = at
		}
	}
}

// purge removes what was summed up.
func (m *statsModel) purge() {
	m.t.Helper()
	if _, err := m.s.Purge(m.t.Context(), store.PurgeFilter{Before: m.summed, Limit: 1 + m.random.IntN(50)}); err != nil && !m.summed.IsZero() {
		m.t.Fatal(err)
	}
}

// check compares statistics of hours.
func (m *statsModel) check(times int) {
	m.t.Helper()
	for range times {
		f := store.StatsFilter{
			Tenant:     []string{"t_0", "t_1", store.AllTenants}[m.random.IntN(3)],
			EndpointID: []string{"", "ep_0", "ep_1", "ep_2"}[m.random.IntN(4)],
			Since:      m.begin.Add(time.Duration(m.random.IntN(50)-2) * time.Hour),
			Bucket:     time.Duration(m.random.IntN(30)) * time.Hour,
		}
		f.Until = f.Since.Add(time.Duration(1+m.random.IntN(50)) * time.Hour)
		if m.random.IntN(4) == 0 { // as good as now
			f.Until = latestOf(f.Until, m.summed.Add(time.Duration(1+m.random.IntN(1e9))))
		}
		got, err := store.Stats(m.t.Context(), m.s, f)
		if err != nil {
			m.t.Fatal(err)
		}
		want, err := store.Stats(m.t.Context(), m.all, f)
		if err != nil {
			m.t.Fatal(err)
		}
		same := slices.EqualFunc(got, want, func(a, b store.StatsBucket) bool {
			return a.Start.Equal(b.Start) && a.Succeeded == b.Succeeded && a.Failed == b.Failed &&
				near(a.P50, b.P50) && near(a.P95, b.P95) && near(a.P99, b.P99)
		})
		if !same {
			m.t.Fatalf("Stats %+v, summed up to %s:\n%+v, want\n%+v", f, m.summed, got, want)
		}
	}
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func near(got, want time.Duration) bool { return (got - want).Abs() <= want/20 }
