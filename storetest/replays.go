package storetest

import (
	"context"
	"fmt"

	"github.com/outhook/outhook/store"
)

var replayCases = []testCase{
	{"PutReplay/EveryField", "What goes in comes back: every field of a Replay.", replayFields},
	{"PutReplay/EveryFieldReplaced", "PutReplay with a Version other than 0 replaces: every field of a Replay but CreatedAt, which never changes.", replayFieldsReplaced},
	{"PutReplay/Exists", "Version 0 creates: if the tenant has a replay of that ID PutReplay returns an error wrapping ErrExists.", replayExists},
	{"PutReplay/NotFound", "PutReplay and GetReplay return ErrNotFound if the tenant has no such replay.", replayNotFound},
	{"PutReplay/Conflict", "PutReplay returns ErrConflict if the stored Version differs, and writes nothing.", replayConflict},
	{"PutReplay/Concurrent", "PutReplay is compare-and-swap on Version: each version has exactly one winner.", replayConcurrent},
	{"PutReplay/Copies", "What goes in is copied, what comes out is the caller's: changing either never changes what is stored.", replayCopies},
	{"ListReplays/Filter", "ListReplays returns the replays that match, newest first: by CreatedAt, then ID, both descending.", replayFilter},
	{"ListReplays/Pages", "Following Next visits every record exactly once, also when records of several tenants share time and id.", replayPages},
	{"ListReplays/Canceled", contextRule, replayCanceled},
	{"Purge/Replays", "Before removes the replays that were started before it and have ended.", replayPurge},
}

// replays returns the Store's ability, or skips the case.
func (p *probe) replays() store.ReplayStore {
	needs[store.ReplayStore](p)
	s, _ := store.As[store.ReplayStore](p.store)
	return s
}

func newReplay(tenant, id string) store.Replay {
	return store.Replay{
		ID: id, Tenant: tenant, States: []store.DeliveryState{store.Failed}, Until: epoch,
		State: store.ReplayRunning, Total: 9, CreatedAt: epoch, UpdatedAt: epoch,
	}
}

func filledReplay(seed int) store.Replay {
	r := filled[store.Replay](seed)
	r.ID, r.Tenant, r.Version = fmt.Sprintf("rpl_%d", seed), tenant, 0
	return r
}

// putReplay writes r and returns it with the Version it has now.
func (p *probe) putReplay(r store.Replay) store.Replay {
	p.out.Helper()
	p.must("PutReplay "+r.ID, p.replays().PutReplay(p.ctx, r))
	r.Version++
	return r
}

func (p *probe) listReplays(f store.ReplayFilter) []store.Replay {
	p.out.Helper()
	page, err := p.replays().ListReplays(p.ctx, f)
	p.must(fmt.Sprintf("ListReplays %+v", f), err)
	return page.Items
}

func (p *probe) checkReplay(want store.Replay) store.Replay {
	p.out.Helper()
	got, err := p.replays().GetReplay(p.ctx, want.Tenant, want.ID)
	p.must("GetReplay "+want.ID, err)
	same(p, "GetReplay", got, want)
	for _, r := range p.listReplays(store.ReplayFilter{Tenant: want.Tenant}) {
		if r.ID == want.ID {
			same(p, "ListReplays", r, want)
			return got
		}
	}
	p.Errorf("ListReplays: %q is missing", want.ID)
	return got
}

func replayFields(p *probe) {
	for _, seed := range seeds {
		p.checkReplay(p.putReplay(filledReplay(seed)))
	}
}

func replayFieldsReplaced(p *probe) {
	for _, seed := range seeds {
		first := p.putReplay(filledReplay(seed))
		second := filled[store.Replay](seed + 2)
		second.ID, second.Tenant, second.Version = first.ID, first.Tenant, first.Version
		second = p.putReplay(second)
		second.CreatedAt = first.CreatedAt
		p.checkReplay(second)

		empty := newReplay(first.Tenant, first.ID)
		empty.Version = second.Version
		empty = p.putReplay(empty)
		empty.CreatedAt = first.CreatedAt
		p.checkReplay(empty)
	}
}

func replayExists(p *probe) {
	first := p.putReplay(newReplay(tenant, "rpl_1"))
	again := filledReplay(1)
	p.wants("PutReplay", p.replays().PutReplay(p.ctx, again), store.ErrExists)
	p.checkReplay(first)
	again.Tenant = "t_other"
	p.checkReplay(p.putReplay(again))
	p.checkReplay(first)
}

func replayNotFound(p *probe) {
	s := p.replays()
	p.putReplay(newReplay(tenant, "rpl_1"))
	for _, r := range []store.Replay{newReplay(tenant, "rpl_2"), newReplay("t_other", "rpl_1")} {
		_, err := s.GetReplay(p.ctx, r.Tenant, r.ID)
		p.wants("GetReplay", err, store.ErrNotFound)
		r.Version = 1
		p.wants("PutReplay", s.PutReplay(p.ctx, r), store.ErrNotFound)
	}
	same(p, "ListReplays: how many", len(p.listReplays(store.ReplayFilter{Tenant: store.AllTenants})), 1)
}

func replayConflict(p *probe) {
	r := p.putReplay(newReplay(tenant, "rpl_1"))
	r = p.putReplay(r)
	for _, version := range []int64{1, 3, 100} {
		stale := r
		stale.Version, stale.State, stale.Replayed = version, store.ReplayCanceled, 7
		p.wants("PutReplay", p.replays().PutReplay(p.ctx, stale), store.ErrConflict)
		p.checkReplay(r)
	}
}

func replayConcurrent(p *probe) {
	s := p.replays()
	r := p.putReplay(newReplay(tenant, "rpl_1"))
	for range 5 {
		winner := p.race(fmt.Sprintf("PutReplay of version %d", r.Version), store.ErrConflict, func(i int) error {
			mine := r
			mine.Replayed = i
			return s.PutReplay(p.ctx, mine)
		})
		r.Version, r.Replayed = r.Version+1, winner
		p.checkReplay(r)
	}
}

func replayCopies(p *probe) {
	p.replays()
	in, want := filledReplay(1), filledReplay(1)
	p.putReplay(in)
	same(p, "the argument of PutReplay", in, want)
	overwrite(&in)
	want.Version = 1
	got := p.checkReplay(want)
	overwrite(&got)
	p.checkReplay(want)
}

func replayID(r store.Replay) string { return r.ID }

func replayFilter(p *probe) {
	s := p.replays()
	states := []store.ReplayState{store.ReplayRunning, store.ReplayFinished, store.ReplayCanceled}
	for i := range 6 {
		r := newReplay([]string{"t_a", "t_b"}[i/3], fmt.Sprintf("rpl_%d", i))
		r.State, r.CreatedAt = states[i%3], later(i/2)
		p.putReplay(r)
	}
	for _, c := range []struct {
		f    store.ReplayFilter
		want []string
	}{
		{store.ReplayFilter{Tenant: "t_a"}, []string{"rpl_2", "rpl_1", "rpl_0"}},
		{store.ReplayFilter{Tenant: store.AllTenants}, []string{"rpl_5", "rpl_4", "rpl_3", "rpl_2", "rpl_1", "rpl_0"}},
		{store.ReplayFilter{Tenant: "t_c"}, []string{}},
		{store.ReplayFilter{Tenant: "t_a", States: states[:1]}, []string{"rpl_0"}},
		{store.ReplayFilter{Tenant: store.AllTenants, States: states[:1]}, []string{"rpl_3", "rpl_0"}},
		{store.ReplayFilter{Tenant: store.AllTenants, States: states[1:]}, []string{"rpl_5", "rpl_4", "rpl_2", "rpl_1"}},
		{store.ReplayFilter{Tenant: "t_b", States: states}, []string{"rpl_5", "rpl_4", "rpl_3"}},
	} {
		same(p, fmt.Sprintf("ListReplays %+v", c.f), ids(p.listReplays(c.f), replayID), c.want)
	}
	// What has ended is running no more.
	ended := newReplay("t_a", "rpl_0")
	ended.Version, ended.State = 1, store.ReplayCanceled
	p.putReplay(ended)
	f := store.ReplayFilter{Tenant: store.AllTenants, States: states[:1]}
	same(p, "ListReplays of those that are running", ids(p.listReplays(f), replayID), []string{"rpl_3"})
	for _, f := range []store.ReplayFilter{{}, {Tenant: "t_a", Cursor: "no cursor"}} {
		_, err := s.ListReplays(p.ctx, f)
		p.wants(fmt.Sprintf("ListReplays %+v", f), err, store.ErrInvalidFilter)
	}
}

func replayPages(p *probe) {
	s := p.replays()
	for _, t := range []string{"t_a", "t_b"} {
		for i := range 4 {
			r := newReplay(t, fmt.Sprintf("rpl_%d", i))
			r.CreatedAt = later(i / 2)
			p.putReplay(r)
		}
	}
	for _, f := range []store.ReplayFilter{
		{Tenant: store.AllTenants, Limit: 1},
		{Tenant: store.AllTenants, Limit: 3, States: []store.ReplayState{store.ReplayRunning}},
		{Tenant: "t_a", Limit: 1, States: []store.ReplayState{store.ReplayRunning, store.ReplayCanceled}},
	} {
		want := p.listReplays(store.ReplayFilter{Tenant: f.Tenant})
		var got []store.Replay
		for range len(want) + 1 {
			page, err := s.ListReplays(p.ctx, f)
			p.must("ListReplays", err)
			if len(page.Items) > f.Limit {
				p.Errorf("ListReplays: %d items, want at most %d", len(page.Items), f.Limit)
			}
			got = append(got, page.Items...)
			if f.Cursor = page.Next; f.Cursor == "" {
				break
			}
		}
		same(p, "ListReplays, page by page", got, want)
	}
}

func replayCanceled(p *probe) {
	s := p.replays()
	r := p.putReplay(newReplay(tenant, "rpl_1"))
	canceled, cancel := context.WithCancel(p.ctx)
	cancel()
	p.wants("PutReplay", s.PutReplay(canceled, r), context.Canceled)
	_, err := s.GetReplay(canceled, tenant, "rpl_1")
	p.wants("GetReplay", err, context.Canceled)
	_, err = s.ListReplays(canceled, store.ReplayFilter{Tenant: tenant})
	p.wants("ListReplays", err, context.Canceled)
	p.checkReplay(r)
}

func replayPurge(p *probe) {
	needs[store.Purger](p)
	p.replays()
	for i, state := range []store.ReplayState{store.ReplayFinished, store.ReplayRunning, store.ReplayCanceled, store.ReplayFinished} {
		r := newReplay(tenant, fmt.Sprintf("rpl_%d", i))
		r.State, r.CreatedAt = state, later(i)
		p.putReplay(r)
	}
	left := func() []string { return ids(p.listReplays(store.ReplayFilter{Tenant: tenant}), replayID) }
	p.purge(store.PurgeFilter{BodiesBefore: later(9)}, 0)
	same(p, "ListReplays after Purge of bodies", left(), []string{"rpl_3", "rpl_2", "rpl_1", "rpl_0"})
	p.purge(store.PurgeFilter{Before: later(3)}, 0)
	same(p, "ListReplays after Purge", left(), []string{"rpl_3", "rpl_1"})
}
