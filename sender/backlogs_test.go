package sender

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBacklogsAreCountedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b backlogs
		counts, pending := 0, 7
		count := func() (int, error) {
			counts++
			return pending, nil
		}
		take := func(tenant string, n int, fits bool, counted int) {
			t.Helper()
			if got, err := b.take(tenant, n, 10, count); got != fits || err != nil || counts != counted {
				t.Errorf("take %d = %v, %v after %d counts; want %v after %d", n, got, err, counts, fits, counted)
			}
		}
		take("a", 2, true, 1)  // 9
		take("a", 2, false, 1) // would be 11
		take("a", 1, true, 1)  // 10
		take("b", 3, true, 2)
		<-time.After(backlogAge - time.Nanosecond)
		take("a", 1, false, 2)
		<-time.After(time.Nanosecond)
		pending = 9
		take("a", 1, true, 3)
		take("a", 1, false, 3)
		b.giveBack("a", 1)
		take("a", 1, true, 3)
		<-time.After(backlogAge)
		pending = 10
		take("a", 1, false, 4)
		b.giveBack("a", 5) // of before the count
		take("a", 1, false, 4)
	})
}

func TestBacklogsOfAStoreThatFails(t *testing.T) {
	t.Parallel()
	var b backlogs
	down := errors.New("down")
	if _, err := b.take("a", 1, 10, func() (int, error) { return 0, down }); !errors.Is(err, down) {
		t.Errorf("take = %v, want the store's error", err)
	}
	if fits, err := b.take("a", 1, 10, func() (int, error) { return 10, nil }); fits || err != nil {
		t.Errorf("take = %v, %v: it was not counted again", fits, err)
	}
}

// TestBacklogsWhileSomebodyCounts: nobody waits for a count of somebody else's,
// whose transaction may wait for theirs.
func TestBacklogsWhileSomebodyCounts(t *testing.T) {
	t.Parallel()
	var b backlogs
	fits, err := b.take("a", 1, 10, func() (int, error) {
		for range 3 {
			if fits, err := b.take("a", 1, 10, nil); !fits || err != nil {
				t.Errorf("meanwhile: %v, %v", fits, err)
			}
		}
		return 6, nil
	})
	if !fits || err != nil {
		t.Errorf("take = %v, %v: 6 were counted, 3 and 1 accepted", fits, err)
	}
	if fits, err := b.take("a", 1, 10, nil); fits || err != nil {
		t.Errorf("take = %v, %v: it is full", fits, err)
	}
}

func TestBacklogsAreBounded(t *testing.T) {
	t.Parallel()
	var b backlogs
	for i := range 3 * maxBacklogs {
		if _, err := b.take(time.Duration(i).String(), 1, 10, func() (int, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.of) > maxBacklogs {
		t.Errorf("%d tenants are remembered, want at most %d", len(b.of), maxBacklogs)
	}
}
