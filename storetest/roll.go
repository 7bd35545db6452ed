package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outhook/outhook/store"
)

var rollCases = []testCase{
	{"RollStats/SameStats", "Of attempts that were summed up counts are exact, and percentiles within 5 %.", rollSameStats},
	{"RollStats/Bounded", "RollStats sums up about limit attempts at most, as those that started at the same time go together; fewer mean that nothing is left to do now.", rollBounded},
	{"RollStats/Before", "RollStats sums up the attempts that started before a time.", rollBefore},
	{"RollStats/Once", "However often and wherever it is called, at the same time too, each attempt is counted once.", rollOnce},
	{"RollStats/Late", "Attempts that are recorded later are counted if they started after all that were summed up.", rollLate},
	{"RollStats/OutlivesPurge", "What is purged after it was summed up is still counted.", rollOutlivesPurge},
	{"RollStats/Canceled", contextRule, rollCanceled},
}

// hour returns the beginning of the epoch's hour, and n hours.
func hour(n int) time.Time { return epoch.Truncate(time.Hour).Add(time.Duration(n) * time.Hour) }

// timed writes attempts, seven minutes apart: eight and a half to the hour. They are
// of two tenants with two endpoints each, which have the same ids.
func (p *probe) timed(n int) {
	deliveries := []store.Delivery{p.createDelivery("t_a", "dlv_a"), p.createDelivery("t_b", "dlv_b")}
	for i := range n {
		d := &deliveries[i/2%2]
		a := newAttempt(*d, fmt.Sprintf("att_%d", i))
		a.EndpointID, a.StartedAt = fmt.Sprintf("ep_%d", i%2), hour(0).Add(time.Duration(i)*7*time.Minute)
		a.EndedAt, a.Succeeded = a.StartedAt.Add(time.Duration(i*i*i)*370*time.Microsecond), i%5 < 3
		*d = p.update(*d, a)
	}
}

func (p *probe) roll(before time.Time, limit, want int) {
	p.out.Helper()
	got, err := store.RollStats(p.ctx, p.store, before, limit)
	p.must("RollStats", err)
	same(p, fmt.Sprintf("RollStats before %s, at most %d: attempts summed up", before.Format(time.TimeOnly), limit), got, want)
}

// statsOfHours are what a page of statistics asks for, and what it does not.
func statsOfHours() []store.StatsFilter {
	return []store.StatsFilter{
		{Tenant: "t_a", EndpointID: "ep_0", Since: hour(0), Until: hour(8), Bucket: time.Hour},
		{Tenant: "t_b", EndpointID: "ep_1", Since: hour(1), Until: hour(7), Bucket: 2 * time.Hour},
		{Tenant: "t_b", EndpointID: "ep_0", Since: hour(-20), Until: hour(4), Bucket: 24 * time.Hour},
		{Tenant: "t_a", EndpointID: "ep_1", Since: hour(5), Until: hour(40), Bucket: time.Hour},
		{Tenant: "t_a", EndpointID: "ep_0", Since: hour(2), Until: later(7 * 3600), Bucket: time.Hour},
		{Tenant: "t_a", EndpointID: "ep_0", Since: hour(0), Until: later(2 * 3600), Bucket: time.Hour},
		{Tenant: "t_a", EndpointID: "ep_1", Since: later(0), Until: later(6 * 3600), Bucket: time.Hour},
		{Tenant: "t_b", EndpointID: "ep_1", Since: hour(0), Until: hour(6), Bucket: 40 * time.Minute},
		{Tenant: "t_b", EndpointID: "ep_1", Since: hour(0), Until: hour(6)},
		{Tenant: "t_a", Since: hour(0), Until: hour(8), Bucket: 2 * time.Hour},
		{Tenant: store.AllTenants, Since: hour(0), Until: hour(8), Bucket: time.Hour},
		{Tenant: "t_a", EndpointID: "ep_2", Since: hour(0), Until: hour(8), Bucket: 2 * time.Hour},
		{Tenant: "t_c", Since: hour(0), Until: hour(8)},
	}
}

// counted is what reading the attempts returns.
func (p *probe) counted(f store.StatsFilter) []store.StatsBucket {
	p.out.Helper()
	want, err := store.Stats(p.ctx, base{p.store}, f)
	p.must("Stats by reading the attempts", err)
	return want
}

// checkRolled wants the counts, and about the percentiles.
func (p *probe) checkRolled(f store.StatsFilter, want []store.StatsBucket) {
	p.out.Helper()
	got, err := store.Stats(p.ctx, p.store, f)
	p.must("Stats", err)
	for i := range min(len(got), len(want)) {
		g, w := &got[i], want[i]
		for _, pair := range []struct{ got, want *time.Duration }{{&g.P50, &w.P50}, {&g.P95, &w.P95}, {&g.P99, &w.P99}} {
			if (*pair.got - *pair.want).Abs() <= *pair.want/20 {
				*pair.got = *pair.want
			}
		}
	}
	same(p, fmt.Sprintf("Stats %+v", f), got, want)
}

func rollSameStats(p *probe) {
	needs[store.StatsRoller](p)
	p.timed(60)
	check := func() {
		for _, f := range statsOfHours() {
			p.checkRolled(f, p.counted(f))
		}
	}
	check()
	p.roll(hour(3).Add(20*time.Minute), 100, 29) // in the middle of an hour
	check()
	p.roll(hour(6), 100, 23)
	check()
	p.roll(hour(9), 100, 8)
	check()
}

func rollBounded(p *probe) {
	needs[store.StatsRoller](p)
	p.timed(20)
	d := p.createDelivery("t_a", "dlv_together")
	for i := range 8 {
		a := newAttempt(d, fmt.Sprintf("att_together_%d", i))
		a.EndpointID, a.StartedAt = "ep_0", hour(9)
		a.EndedAt = a.StartedAt.Add(time.Second)
		d = p.update(d, a)
	}
	all := store.StatsFilter{Tenant: "t_a", EndpointID: "ep_0", Since: hour(0), Until: hour(10), Bucket: time.Hour}
	for _, want := range []int{7, 7, 14, 0} { // the first six of the last are followed by eight
		p.roll(hour(10), 7, want)
		p.checkRolled(all, p.counted(all))
	}
}

func rollBefore(p *probe) {
	needs[store.StatsRoller](p)
	p.timed(20) // one of them starts after 63 minutes
	all := store.StatsFilter{Tenant: store.AllTenants, Since: hour(0), Until: hour(10), Bucket: time.Hour}
	for _, step := range []struct {
		before time.Time
		want   int
	}{
		{hour(-1), 0},
		{hour(0), 0},
		{hour(0).Add(63 * time.Minute), 9},
		{hour(0).Add(63*time.Minute + time.Nanosecond), 1},
		{hour(0), 0},
		{hour(1), 0},
		{hour(3), 10},
	} {
		p.roll(step.before, 100, step.want)
		p.checkRolled(all, p.counted(all))
	}
}

func rollOnce(p *probe) {
	needs[store.StatsRoller](p)
	const attempts, callers = 60, 4
	p.timed(attempts)
	var summed atomic.Int64
	roll := func() int {
		n, err := store.RollStats(p.ctx, p.store, hour(9), 6)
		if err != nil {
			p.Errorf("RollStats: unexpected error: %v", err)
		}
		summed.Add(int64(n))
		return n
	}
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range 5 {
				roll()
			}
		})
	}
	wg.Wait()
	for range attempts { // what nobody was at
		if roll() == 0 {
			break
		}
	}
	same(p, "RollStats: attempts summed up in all", int(summed.Load()), attempts)
	for _, f := range statsOfHours() {
		p.checkRolled(f, p.counted(f))
	}
}

func rollLate(p *probe) {
	needs[store.StatsRoller](p)
	p.timed(10) // the last one after 63 minutes
	p.roll(hour(2), 100, 10)
	d := p.createDelivery("t_a", "dlv_late")
	all := store.StatsFilter{Tenant: "t_a", Since: hour(0), Until: hour(3), Bucket: time.Hour}
	for i := range 2 {
		a := newAttempt(d, fmt.Sprintf("att_late_%d", i))
		a.StartedAt = hour(1).Add(time.Duration(10+i) * time.Minute)
		a.EndedAt = a.StartedAt.Add(time.Second)
		d = p.update(d, a)
		p.checkRolled(all, p.counted(all))
		p.roll(hour(2), 100, 1)
		p.checkRolled(all, p.counted(all))
	}
}

func rollOutlivesPurge(p *probe) {
	needs[store.StatsRoller](p)
	needs[store.Purger](p)
	p.old(5, store.Failed)
	all := store.StatsFilter{Tenant: tenant, EndpointID: "ep_1", Since: hour(0), Until: hour(1)}
	want := p.counted(all)
	p.roll(hour(1), 100, 5)
	p.purge(store.PurgeFilter{Before: later(3)}, 3)
	p.checkRolled(all, want)
	p.roll(hour(1), 100, 0)
	p.checkRolled(all, want)
}

func rollCanceled(p *probe) {
	needs[store.StatsRoller](p)
	p.timed(20)
	canceled, cancel := context.WithCancel(p.ctx)
	cancel()
	_, err := store.RollStats(canceled, p.store, hour(9), 100)
	p.wants("RollStats with a canceled context", err, context.Canceled)
	p.roll(hour(9), 100, 20)
}
