package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// patience is how long one case may take before it counts as a deadlock. It
// is generous: a database on a laptop in the middle of a build is slow too.
const patience = 2 * time.Minute

// Run tests a Store against the contract in package store, each rule in a
// parallel subtest of its own. newStore returns an empty Store that nothing
// else uses, and leaves its end to t.Cleanup.
//
// The cases about optional interfaces, such as [store.JobLoader], are skipped
// when [store.As] does not find them.
func Run(t *testing.T, newStore func(t *testing.T) store.Store) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			if s == nil {
				t.Fatal("newStore returned nil: it must return an empty Store")
			}
			c.exec(t, s, patience)
		})
	}
}

// testCase is one rule and how to break it.
type testCase struct {
	// name says what is tested: Method/Aspect.
	name string
	// rule quotes the contract. It is printed with each failure.
	rule string
	run  func(p *probe)
}

func cases() []testCase {
	return slices.Concat(
		fieldCases, valueCases, timeCases,
		endpointCases, eventCases, deliveryCases,
		listCases(), filterCases, dueCases,
		tenantCases, copyCases, contextCases(), concurrencyCases,
		jobCases, statsCases, rollCases, purgeCases, countCases, replayCases,
	)
}
