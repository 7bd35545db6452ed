package sender

import (
	"fmt"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/store"
)

var laneBegan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fill starts as many attempts as the lane takes.
func (l *lane) fill(now time.Time) (started int) {
	for l.open(now) {
		l.running++
		l.ask(now)
		started++
	}
	return started
}

// settle ends n attempts in one way.
func (l *lane) settle(now time.Time, n int, a answer, took time.Duration, most int) {
	for range n {
		l.hear(now, a, took, most)
		l.running--
	}
}

func TestLaneGrowsByAnswersAndShrinksByTimeouts(t *testing.T) {
	t.Parallel()
	const most = 20
	l := newLane(queue.Endpoint{Tenant: "t", ID: "ep"}, most)
	now := laneBegan
	for _, want := range []int{4, 8, 16, 20, 20} {
		if got := l.fill(now); got != want {
			t.Fatalf("%d at once, want %d", got, want)
		}
		now = now.Add(50 * time.Millisecond)
		l.settle(now, want, answered, 50*time.Millisecond, most)
	}
	l.fill(now)
	l.settle(now, 1, noAnswer, 15*time.Second, most)
	if l.limit != 1 || !l.sick || l.open(now) {
		t.Errorf("after a timeout: limit %d, sick %v, open %v", l.limit, l.sick, l.open(now))
	}
	l.settle(now, 19, noAnswer, 15*time.Second, most)
	if got := l.fill(now); got != 1 {
		t.Errorf("%d probes at once", got)
	}
	l.settle(now, 1, refused, time.Millisecond, most)
	if got := l.fill(now); got != 1 || !l.sick {
		t.Errorf("after a refused probe %d at once, sick %v", got, l.sick)
	}
	l.settle(now, 1, answered, time.Millisecond, most)
	if got := l.fill(now); got != 2 || l.sick {
		t.Errorf("after an answer %d at once, sick %v", got, l.sick)
	}
	l.settle(now, 1, throttled, time.Millisecond, most)
	if l.limit != 1 {
		t.Errorf("after 429 the limit is %d, want half of 2", l.limit)
	}
	one := newLane(queue.Endpoint{}, 1)
	if got := one.fill(now); got != 1 {
		t.Errorf("%d at once, where the bound is 1", got)
	}
}

func TestSilentLaneIsLeftAlone(t *testing.T) {
	t.Parallel()
	l := newLane(queue.Endpoint{}, 8)
	now := laneBegan
	ask := func(at time.Time) {
		l.running++
		l.ask(at)
	}
	ask(now)
	if !l.open(now.Add(time.Second)) {
		t.Error("left alone within its patience")
	}
	// Once it is over, one more at a time.
	for i := range laneSilent - 1 {
		now = now.Add(1001 * time.Millisecond)
		if !l.open(now) {
			t.Fatalf("after %d attempts that take long no other is made", i+1)
		}
		ask(now)
		if l.open(now.Add(time.Second)) {
			t.Fatal("left alone for less than its patience")
		}
	}
	if l.open(now.Add(time.Hour)) {
		t.Errorf("%d that are silent are not enough", l.asking)
	}
	l.settle(now, laneSilent-1, answered, time.Second, 8)
	// One that takes its time is given twice what it takes.
	for range 50 {
		l.running++
		l.ask(now)
		l.settle(now, 1, answered, 3*time.Second, 8)
	}
	ask(now)
	ask(now)
	if now = now.Add(5 * time.Second); !l.open(now) {
		t.Errorf("an endpoint that takes %s is given up after 5s", l.usual)
	}
	if now = now.Add(5 * time.Second); l.open(now) {
		t.Errorf("an endpoint that takes %s is not given up after 10s", l.usual)
	}
	l.settle(now, 1, answered, 10*time.Second, 8)
	if !l.open(now) {
		t.Error("not open after an answer")
	}
}

func TestLaneWaitsForItsPauseAndItsTurn(t *testing.T) {
	t.Parallel()
	l := newLane(queue.Endpoint{}, 8)
	now := laneBegan
	l.nextTurn = now.Add(time.Second)
	l.see(store.Endpoint{Version: 1, PausedUntil: now.Add(time.Minute)}, 8)
	for after, want := range map[time.Duration]bool{0: false, 2 * time.Second: false, time.Minute: true} {
		if l.open(now.Add(after)) != want {
			t.Errorf("open after %s: %v", after, !want)
		}
	}
	l.see(store.Endpoint{Version: 3}, 8)
	l.see(store.Endpoint{Version: 2, PausedUntil: now.Add(time.Hour)}, 8) // loaded earlier, looked at later
	if l.open(now) || !l.open(now.Add(time.Second)) {
		t.Error("the pause that was ended still holds, or the turn does not")
	}
}

func TestLaneBeginsAnewWithAnotherEndpoint(t *testing.T) {
	t.Parallel()
	first := store.Endpoint{Version: 5, URL: "https://a", CreatedAt: laneBegan}
	changed := map[string]struct {
		to   func(e *store.Endpoint)
		anew bool
	}{
		"URL":         {func(e *store.Endpoint) { e.URL = "https://b" }, true},
		"disabled":    {func(e *store.Endpoint) { e.Disabled = true }, true},
		"recreated":   {func(e *store.Endpoint) { e.CreatedAt, e.Version = laneBegan.Add(1), 1 }, true},
		"description": {func(e *store.Endpoint) { e.Description = "x" }, false},
		"secrets":     {func(e *store.Endpoint) { e.Secrets = []store.Secret{{Value: "x"}} }, false},
	}
	for name, test := range changed {
		l := newLane(queue.Endpoint{}, 8)
		l.see(first, 8)
		n := l.fill(laneBegan)
		l.settle(laneBegan, 1, noAnswer, time.Second, 8)
		e := first
		e.Version++
		test.to(&e)
		l.see(e, 8)
		if anew := l.life == 1 && l.running == 0 && l.open(laneBegan) && !l.sick; anew != test.anew {
			t.Errorf("%s changed: begun anew %v, want %v (%d were under way)", name, anew, test.anew, n)
		}
	}
}

func TestLaneKeepsSomePlacesAndKnowsOfMore(t *testing.T) {
	t.Parallel()
	l := newLane(queue.Endpoint{}, 8)
	name := func(i int) queue.Ref { return queue.Ref{Delivery: fmt.Sprint(i)} }
	for i := range lanePlaces {
		l.put(name(i), false)
	}
	if l.more || len(l.places) != lanePlaces {
		t.Fatalf("%d places, more %v", len(l.places), l.more)
	}
	l.put(name(1000), true)
	if got := l.pop(); got != name(1000) || !l.more || len(l.places) != lanePlaces-1 {
		t.Errorf("first to go: %v, then %d places, more %v", got, len(l.places), l.more)
	}
	l.sick = true
	l.put(name(2000), false)
	if len(l.places) != sickPlaces || l.places[0] != name(0) || !l.more || l.unseen.IsZero() {
		t.Errorf("%d places of an endpoint that does not answer, more %v", len(l.places), l.more)
	}
	l.deny()
	if l.waits(time.Now()) || !l.parked {
		t.Error("what another process starts is waited for, or forgotten")
	}
}

func TestLaneIsForgottenWhenItSaysNothing(t *testing.T) {
	t.Parallel()
	now := laneBegan
	busy := map[string]func(l *lane){
		"running": func(l *lane) { l.running = 1 },
		"started": func(l *lane) { l.started = 1 },
		"parked":  func(l *lane) { l.parked = true },
		"finding": func(l *lane) { l.finding = true },
		"queued":  func(l *lane) { l.queued = true },
		"paused":  func(l *lane) { l.pausedUntil = now.Add(1) },
		"limited": func(l *lane) { l.nextTurn = now.Add(1) },
		"sick":    func(l *lane) { l.sick, l.used = true, now.Add(-laneMemory) },
	}
	for name, change := range busy {
		l := newLane(queue.Endpoint{}, 8)
		change(l)
		if l.forgettable(now) {
			t.Errorf("%s: forgotten", name)
		}
	}
	l := newLane(queue.Endpoint{}, 8)
	l.sick, l.used = true, now.Add(-laneMemory-1)
	if !l.forgettable(now) {
		t.Error("never forgotten")
	}
}

func TestSlotsGoInTurn(t *testing.T) {
	t.Parallel()
	s := newSlots(1)
	var got []int
	wait := func(i int) *waiter {
		w, taken := s.take(func() { got = append(got, i) })
		if taken {
			t.Fatalf("%d was given a slot that is taken", i)
		}
		return w
	}
	if _, taken := s.take(nil); !taken || s.tryTake() {
		t.Fatal("one slot was not given once")
	}
	first, second := wait(1), wait(2)
	wait(3)
	if !s.giveUp(second) || s.giveUp(second) {
		t.Error("giving up does not work once")
	}
	s.leave()
	s.leave()
	if fmt.Sprint(got) != "[1 3]" || s.giveUp(first) {
		t.Errorf("granted to %v, want 1 and 3", got)
	}
	s.leave()
	if !s.tryTake() || s.tryTake() {
		t.Error("the slot was lost or doubled")
	}
}
