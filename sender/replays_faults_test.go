package sender_test

import (
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// TestReplayOfWhatEndsAtOnce: when a page is listed again after an error, what was
// replayed of it matches again already.
func TestReplayOfWhatEndsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	deliveries := f.failures(e, "a.b", 250)
	started := f.startReplay(sender.ReplayFilter{States: []store.DeliveryState{store.Failed, store.Succeeded}})
	f.restarts(func(n int32) error {
		if n%60 == 0 {
			return errInjected
		}
		return nil
	})
	f.work()
	if got := f.finished(started); got.Replayed != 250 || got.Skipped != 0 {
		t.Errorf("it has finished as %+v", got)
	}
	f.wantReplayed(deliveries)
}
