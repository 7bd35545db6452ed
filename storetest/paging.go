package storetest

import (
	"fmt"
	"slices"

	"github.com/outhook/outhook/store"
)

// listCases are the rules that all list methods share, for each of them.
func listCases() []testCase {
	var cases []testCase
	for _, l := range lists() {
		add := func(name, rule string, run func(p *probe, l list)) {
			cases = append(cases, testCase{l.name + "/" + name, rule, func(p *probe) { run(p, l) }})
		}
		add("Empty", "An empty list is an empty page without Next, not an error.", listEmpty)
		add("Order", l.name+" returns "+l.rule+".", listOrder)
		add("Ties", l.name+" returns "+l.rule+". Ids are ordered byte for byte.", listTies)
		add("Pages", "Following Next visits every record exactly once, in order.", listPages)
		add("PagesWhileWriting", "Following Next visits every record that was there from the start and keeps its place exactly once, whatever else is written meanwhile.", listPagesWhileWriting)
		add("Limit", "Limit is the most items to return. Next is empty after the last page.", listLimit)
		add("DefaultLimit", "A filter without Limit gets DefaultLimit items.", listDefaultLimit)
		add("MaxLimit", "MaxLimit is the largest page; a larger Limit is lowered to it.", listMaxLimit)
		add("Cursor", "ErrInvalidFilter: its cursor is not one that this Store gave out.", listCursor)
	}
	return append(cases, testCase{
		"ListEndpoints/TiesAcrossTenants",
		"Following Next visits every record exactly once, also when records of several tenants share time and id.", listAcrossTenants,
	})
}

func listEmpty(p *probe, l list) {
	records, next, err := l.page(p, 10, "")
	p.must(l.name, err)
	l.wantRecords(p, "", records, nil)
	same(p, l.name+": Next", next, "")
}

func listOrder(p *probe, l list) {
	// Without ties: they are a rule of their own.
	var records []record
	for _, r := range shuffled() {
		if !r.at.Equal(later(2)) {
			records = append(records, r)
		}
	}
	l.add(p, records...)
	got, _, err := l.page(p, 50, "")
	p.must(l.name, err)
	l.wantRecords(p, "", got, l.sort(records))
}

func listTies(p *probe, l list) {
	l.add(p, shuffled()...)
	got, _, err := l.page(p, 50, "")
	p.must(l.name, err)
	l.wantRecords(p, "", got, l.sort(shuffled()))
}

func listPages(p *probe, l list) {
	records := shuffled()
	l.add(p, records...)
	for limit := 1; limit <= len(records)+1; limit++ {
		l.wantRecords(p, fmt.Sprintf(" in pages of %d", limit), l.walk(p, limit, nothing), l.sort(records))
	}
}

func listPagesWhileWriting(p *probe, l list) {
	records := sequence("old", 10)
	l.add(p, records...)
	got := l.walk(p, 3, func(page int) {
		// Both ends, and the middle: one comes before the cursor, others after.
		l.add(p,
			record{fmt.Sprintf("early_%d", page), later(-page)},
			record{fmt.Sprintf("late_%d", page), later(100 + page)},
			record{fmt.Sprintf("middle_%d", page), later(5)})
	})
	got = slices.DeleteFunc(got, func(r record) bool { return !slices.Contains(records, record{r.id, r.at.UTC()}) })
	l.wantRecords(p, " while others are written", got, l.sort(records))
}

func listLimit(p *probe, l list) {
	records := sequence("r", 5)
	l.add(p, records...)
	for limit := 1; limit <= 7; limit++ {
		got, next, err := l.page(p, limit, "")
		p.must(l.name, err)
		l.wantRecords(p, fmt.Sprintf(" with Limit %d of 5", limit), got, l.sort(records)[:min(limit, 5)])
		// A page of exactly Limit items may be followed by an empty one.
		if limit < 5 && next == "" || limit > 5 && next != "" {
			p.Errorf("%s with Limit %d of 5: Next is %q", l.name, limit, next)
		}
	}
}

func listDefaultLimit(p *probe, l list) {
	l.add(p, sequence("r", store.DefaultLimit+1)...)
	for _, limit := range []int{0, -1} {
		got, next, err := l.page(p, limit, "")
		p.must(l.name, err)
		if len(got) != store.DefaultLimit || next == "" {
			p.Errorf("%s with Limit %d: got %d items and Next %q, want %d and a Next",
				l.name, limit, len(got), next, store.DefaultLimit)
		}
	}
}

func listMaxLimit(p *probe, l list) {
	l.add(p, sequence("r", store.MaxLimit+1)...)
	got, next, err := l.page(p, store.MaxLimit+500, "")
	p.must(l.name, err)
	if len(got) != store.MaxLimit || next == "" {
		p.Errorf("%s with Limit %d: got %d items and Next %q, want %d and a Next",
			l.name, store.MaxLimit+500, len(got), next, store.MaxLimit)
	}
}

func listCursor(p *probe, l list) {
	l.add(p, sequence("r", 3)...)
	for _, cursor := range []string{"garbage", "%%%", "Z2FyYmFnZQ", "' OR 1=1 --", "\x00"} {
		_, _, err := l.page(p, 10, cursor)
		p.wants(fmt.Sprintf("%s with Cursor %q", l.name, cursor), err, store.ErrInvalidFilter)
	}
}

func listAcrossTenants(p *probe) {
	var want []string
	for _, t := range []string{"c", "a", "b"} {
		p.putEndpoint(newEndpoint(t, "ep_1"))
		want = append(want, t)
	}
	slices.Sort(want)
	for limit := 1; limit <= 4; limit++ {
		var got []string
		f := store.EndpointFilter{Tenant: store.AllTenants, Limit: limit}
		for e, err := range store.AllEndpoints(p.ctx, p.store, f) {
			p.must("ListEndpoints", err)
			got = append(got, e.Tenant)
		}
		slices.Sort(got)
		same(p, fmt.Sprintf("ListEndpoints in pages of %d: tenants", limit), got, want)
	}
}
