package sender

import (
	"slices"
	"time"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/store"
)

const (
	// laneStart is how many attempts may be under way to an endpoint of which
	// nothing is known.
	laneStart = 4
	// lanePatience is how long an endpoint may be silent, or twice as long as it
	// usually takes. After that it gets one more attempt at a time, as long again
	// after the last, until so many are under way: one that takes long says nothing
	// about the others, and several do.
	lanePatience = time.Second
	laneSilent   = 3
	// laneMemory is how long it is remembered that an endpoint did not answer.
	laneMemory = time.Hour
	// lanePlaces is how many parked deliveries a lane keeps in memory, and sickPlaces
	// that of an endpoint that does not answer; the others are only in the Store.
	lanePlaces = 256
	sickPlaces = 8
)

// lane is what this process knows of one endpoint: how many attempts it can
// take at once, and what is parked for it. The lanes' lock guards it.
//
// It begins with few attempts at once and earns one more with each answer, up to
// a bound: a well endpoint has them all after a few round trips. One that lets an
// attempt time out is down to a single one, until it answers.
type lane struct {
	endpoint queue.Endpoint

	limit   int           // attempts at once
	running int           // that have a place, under way or about to be
	asking  int           // of those, that wait for an answer
	sick    bool          // the last attempt timed out
	usual   time.Duration // that an answer takes
	heard   time.Time     // when it last answered, or began to have something to answer
	asked   time.Time     // when the last attempt began
	used    time.Time     // when the last answer came, or failed to
	life    int           // counts how often the lane began anew

	pausedUntil time.Time // it asked for a pause
	nextTurn    time.Time // its rate limit has the next turn
	wake        *time.Timer

	parked  bool        // something may be
	places  []queue.Ref // that is, the first to go first
	more    bool        // there may be more in the Store
	stale   bool        // what there is in the Store may go first
	unseen  time.Time   // when the last was parked that is only there
	finding bool        // somebody looks for it
	queued  bool        // it waits for a slot
	started int         // what was parked and is under way, without a wake-up
	claimed time.Time   // until when this process may start what is parked
	denied  time.Time   // until when another process surely has the claim

	seen store.Endpoint // as last seen
}

func newLane(e queue.Endpoint, most int) *lane {
	return &lane{endpoint: e, limit: min(laneStart, most)}
}

// open reports whether the endpoint can take another attempt now.
func (l *lane) open(now time.Time) bool {
	return l.running < l.limit && !l.closed(now)
}

// closed reports whether the endpoint is to be left alone, whatever its limit.
func (l *lane) closed(now time.Time) bool {
	return l.silent(now) || now.Before(l.notBefore())
}

// silent reports whether the endpoint has not answered for too long to be asked
// once more.
func (l *lane) silent(now time.Time) bool {
	patience := max(lanePatience, 2*l.usual)
	return l.asking > 0 && now.Sub(l.heard) > patience && (l.asking >= laneSilent || now.Sub(l.asked) <= patience)
}

func (l *lane) notBefore() time.Time {
	if l.pausedUntil.After(l.nextTurn) {
		return l.pausedUntil
	}
	return l.nextTurn
}

// mine reports whether this process starts what is parked.
func (l *lane) mine(now time.Time) bool { return now.Before(l.claimed) }

// waits reports whether something is parked that goes first.
func (l *lane) waits(now time.Time) bool {
	return now.After(l.denied) && (len(l.places) > 0 || l.more)
}

// forgettable reports whether the lane says no more than a new one would.
func (l *lane) forgettable(now time.Time) bool {
	return l.running == 0 && l.started == 0 && !l.parked && !l.finding && !l.queued &&
		!now.Before(l.notBefore()) && (!l.sick || now.Sub(l.used) > laneMemory)
}

// deny takes note that another process has the claim: it finds in the Store what
// is parked. It is asked for the claim again, until nothing is left.
func (l *lane) deny() {
	l.claimed, l.denied = time.Time{}, time.Now().Add(lanesTick)
	l.places, l.more, l.stale = nil, false, false
}

// put parks a delivery, as the first or the last to go.
func (l *lane) put(ref queue.Ref, first bool) {
	l.parked = true
	at := len(l.places)
	if first {
		at = 0
	}
	l.places = slices.Insert(l.places, at, ref)
	if l.trim() {
		l.unseen = time.Now()
	}
}

// trim leaves to the Store what there is no place for in memory, and reports
// whether there was any.
func (l *lane) trim() bool {
	most := lanePlaces
	if l.sick {
		most = sickPlaces
	}
	if len(l.places) <= most {
		return false
	}
	l.places, l.more = slices.Clone(l.places[:most]), true
	return true
}

// pop returns what is to go first.
func (l *lane) pop() queue.Ref {
	ref := l.places[0]
	l.places = l.places[1:]
	return ref
}

// see takes note of the endpoint as it is in the Store.
func (l *lane) see(e store.Endpoint, most int) {
	same := e.CreatedAt.Equal(l.seen.CreatedAt)
	if same && e.Version <= l.seen.Version {
		return // it is known, or has changed since
	}
	if l.seen.Version > 0 && (!same || e.URL != l.seen.URL || e.Disabled != l.seen.Disabled) {
		l.renew(most)
	}
	if e.RateLimit != l.seen.RateLimit {
		l.nextTurn = time.Time{}
	}
	l.pausedUntil = e.PausedUntil
	l.seen = store.Endpoint{
		CreatedAt: e.CreatedAt, Version: e.Version, URL: e.URL, Disabled: e.Disabled, RateLimit: e.RateLimit,
	}
}

// renew begins the lane anew, because the endpoint has become another: what
// hangs belongs to the old one.
func (l *lane) renew(most int) {
	l.life++
	l.running, l.asking, l.sick, l.limit = 0, 0, false, min(laneStart, most)
	l.pausedUntil, l.nextTurn = time.Time{}, time.Time{}
}

// ask counts an attempt that begins.
func (l *lane) ask(now time.Time) {
	if l.asking == 0 {
		l.heard = now
	}
	l.asked = now
	l.asking++
}

// answer is what an attempt said about its endpoint.
type answer int

const (
	noAnswer  answer = iota // none came in time
	answered                // one came, good or bad
	refused                 // none came, which was clear at once
	throttled               // it asked for a pause
)

// hear takes note of how an attempt went, and how long it took.
func (l *lane) hear(now time.Time, a answer, took time.Duration, most int) {
	l.asking--
	l.used = now
	if a == noAnswer {
		l.limit, l.sick = 1, true
		return
	}
	l.heard = now
	switch a {
	case answered:
		l.sick = false
		l.limit = min(l.limit+1, most)
		l.usual += (took - l.usual) / 8
	case throttled:
		l.sick = false
		l.limit = max(1, l.limit/2)
	default: // refused at once: it costs little to ask again
	}
}
