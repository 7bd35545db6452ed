package sender

import (
	"sync/atomic"
	"time"
)

// backoffGate is closed for a pause after each failure, so that callers do not
// queue up behind something that is down. It is safe for concurrent use.
type backoffGate struct {
	pause time.Duration
	until atomic.Int64 // unix nanoseconds
}

func (g *backoffGate) close() { g.until.Store(time.Now().Add(g.pause).UnixNano()) }

func (g *backoffGate) closed() bool { return time.Now().UnixNano() < g.until.Load() }
