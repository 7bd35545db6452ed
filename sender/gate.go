package sender

import (
	"cmp"
	"sync"
	"time"
)

// gate keeps callers away from something that is down (Redis, the Store): after
// a failure it closes, lets one caller through after a pause to see, and opens
// when somebody succeeded. The zero gate is open. It is safe for concurrent use.
type gate struct {
	// tolerance is how many failures in a row do not close it yet. Failures of
	// the same thing, such as one record that cannot be read, count as one.
	tolerance int
	// longest is the longest pause. Defaults to 5 s.
	longest time.Duration

	mu      sync.Mutex
	row     int           // failures without a success between them
	last    string        // what failed last
	pause   time.Duration // zero while open
	next    time.Time     // when the next caller may go through
	probing bool          // one has, and is not back
}

const (
	gateFirst     = 500 * time.Millisecond
	gateLongest   = 5 * time.Second
	probePatience = 15 * time.Second
)

// wait returns how long the caller is to wait before it asks again; zero means
// go on, and report with worked or failed.
func (g *gate) wait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause == 0 {
		return 0
	}
	if left := time.Until(g.next); left > 0 {
		// While a probe is under way its patience is left. The gate opens long
		// before that if the probe succeeds, and nobody calls those who wait.
		return min(left, g.pause)
	}
	// The caller is the probe; should it never come back, another is.
	g.next = time.Now().Add(probePatience)
	g.probing = true
	return 0
}

// unused takes back that the caller went through: it did not find out.
func (g *gate) unused() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probing {
		g.next, g.probing = time.Now(), false
	}
}

// worked opens the gate.
func (g *gate) worked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.row, g.last, g.pause, g.probing = 0, "", 0, false
}

// failed counts a failure of what, and reports whether it is one to log: the
// first in a row, and those of the probes.
func (g *gate) failed(what string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.row == 0 || what != g.last {
		g.row++
	}
	g.last = what
	wasProbe := g.probing
	if g.row > g.tolerance && (g.pause == 0 || g.probing) {
		g.pause = min(max(gateFirst, 2*g.pause), cmp.Or(g.longest, gateLongest))
		g.next = time.Now().Add(g.pause)
		g.probing = false
	}
	return g.row == 1 || wasProbe
}
