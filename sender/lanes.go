package sender

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/store"
)

// slowAfter is when an attempt is slow: from then on it no longer takes one of
// the slots of those that are not.
const slowAfter = 500 * time.Millisecond

// lanes keep the endpoints apart. An attempt needs a place in the lane of its
// endpoint, and a slot of the process. What finds its lane full is parked: it
// loses its wake-up, waits in the Store, and is started from here, in the order
// in which it is due, when there is a place again. Nobody waits behind it.
type lanes struct {
	*engine
	most  int             // places of a lane
	owner string          // names this process
	ctx   context.Context // done when the workers stop
	fast  *slots          // of attempts that have not taken long yet
	slow  *slots          // of those that have
	probe *slots          // of those to endpoints that let the last one time out

	start  func(queue.Ref, *permit) // runs what was parked
	isHeld func(delivery string) bool
	finds  chan struct{}  // bounds how many look into the Store at once
	going  sync.WaitGroup // what was started here

	mu         sync.Mutex
	closed     bool
	refreshing bool // endpoints are read
	all        map[queue.Endpoint]*lane
}

func newLanes(ctx context.Context, e *engine) *lanes {
	return &lanes{
		engine: e,
		ctx:    ctx,
		most:   e.cfg.EndpointConcurrency,
		owner:  newID("wrk_"),
		fast:   newSlots(e.cfg.Concurrency),
		slow:   newSlots(e.cfg.SlowConcurrency),
		probe:  newSlots(e.cfg.SlowConcurrency),
		finds:  make(chan struct{}, 4),
		all:    map[queue.Endpoint]*lane{},
	}
}

// permit is a place in a lane and a slot: what an attempt needs.
type permit struct {
	*lanes
	lane   *lane
	life   int  // of the lane
	parked bool // what it is for was

	mu    sync.Mutex  // guards what is below
	slots *slots      // that the slot is one of; nil once it has ended
	timer *time.Timer // until it is slow
	moves *waiter     // for a slow slot
}

// errParked: the delivery waits in the Store, and is started from here.
var errParked = errors.New("parked")

// enter returns a permit for the delivery, or errParked.
func (ls *lanes) enter(ctx context.Context, ref queue.Ref) (*permit, error) {
	p, sick, err := ls.place(ref)
	if err != nil {
		return nil, err
	}
	if sick {
		if !ls.probe.tryTake() {
			return nil, p.parkAgain(ref)
		}
		p.slots = ls.probe
		return p, nil
	}
	if !ls.takeFast(ctx) {
		p.end()
		return nil, &queue.Again{Err: errStopping}
	}
	p.slots = ls.fast
	if p.blocked() { // since it waited
		return nil, p.parkAgain(ref)
	}
	return p, nil
}

// place takes a place in the lane, or parks the delivery.
func (ls *lanes) place(ref queue.Ref) (p *permit, sick bool, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return nil, false, &queue.Again{Err: errStopping}
	}
	l, now := ls.of(ref.Of()), time.Now()
	if l.open(now) && !l.waits(now) {
		return ls.admit(l), l.sick, nil
	}
	l.put(ref, false)
	ls.pump(l)
	return nil, false, errParked
}

// of returns the lane of the endpoint. The lock is held.
func (ls *lanes) of(e queue.Endpoint) *lane {
	l := ls.all[e]
	if l == nil {
		l = newLane(e, ls.most)
		ls.all[e] = l
	}
	return l
}

// admit takes a place in the lane. The lock is held.
func (ls *lanes) admit(l *lane) *permit {
	l.running++
	return &permit{lanes: ls, lane: l, life: l.life}
}

// takeFast waits for a slot, and reports false if the workers stop meanwhile or
// asynq has given the task up.
func (ls *lanes) takeFast(ctx context.Context) bool {
	granted := make(chan struct{})
	w, taken := ls.fast.take(func() { close(granted) })
	if !taken {
		select {
		case <-granted:
		case <-ls.ctx.Done():
			if ls.fast.giveUp(w) {
				return false
			}
		case <-ctx.Done():
			if ls.fast.giveUp(w) {
				return false
			}
		}
	}
	select {
	case <-ls.ctx.Done(): // both were ready
		ls.fast.leave()
		return false
	default:
		return true
	}
}

// blocked reports whether the endpoint is to be left alone.
func (p *permit) blocked() bool {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	return p.life == p.lane.life && p.lane.closed(time.Now())
}

// see takes note of the endpoint as it is in the Store.
func (p *permit) see(e store.Endpoint) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	p.lane.see(e, p.most)
	if p.life != p.lane.life { // it goes to what the endpoint has become
		p.life = p.lane.life
		p.lane.running++
	}
}

// ask takes note that the attempt begins.
func (p *permit) ask() {
	p.lanes.mu.Lock()
	if p.life == p.lane.life {
		p.lane.ask(time.Now())
	}
	p.lanes.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slots == p.fast {
		p.timer = time.AfterFunc(slowAfter, p.slowDown)
	}
}

// slowDown leaves the slot to somebody else as soon as there is one for slow
// attempts.
func (p *permit) slowDown() {
	p.mu.Lock()
	taken := false
	if p.slots == p.fast { // it has not ended
		p.moves, taken = p.slow.take(p.move)
	}
	p.mu.Unlock()
	if taken {
		p.move()
	}
}

// move is called with a slow slot, and leaves the one there is no use for.
func (p *permit) move() {
	left := p.slow
	p.mu.Lock()
	if p.slots == p.fast {
		p.slots, left = p.slow, p.fast
	}
	p.mu.Unlock()
	left.leave()
}

// hear takes note of how the attempt went, and of the pause that was asked for.
func (p *permit) hear(r run, pause time.Duration) {
	a := refused
	switch {
	case pause > 0:
		a = throttled
	case r.attempt.Status != 0:
		a = answered
	case r.attempt.ErrorClass == store.ErrorTimeout && !r.cutOff:
		a = noAnswer
	}
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	if p.life != p.lane.life {
		return
	}
	now := time.Now()
	p.lane.hear(now, a, r.attempt.Duration(), p.most)
	if until := now.Add(pause); pause > 0 && until.After(p.lane.pausedUntil) {
		p.lane.pausedUntil = until
	}
}

// putBack parks the delivery as the first to go. The permit is kept.
func (p *permit) putBack(ref queue.Ref) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	p.lane.put(ref, true)
}

// parkAgain parks the delivery as the first to go, and gives the permit back.
func (p *permit) parkAgain(ref queue.Ref) error {
	p.putBack(ref)
	p.end()
	return errParked
}

// end gives the permit back.
func (p *permit) end() {
	p.mu.Lock()
	slots := p.slots
	p.slots = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.moves != nil {
		p.slow.giveUp(p.moves)
	}
	p.mu.Unlock()
	p.lanes.mu.Lock()
	if p.life == p.lane.life {
		p.lane.running--
	}
	p.pump(p.lane)
	p.lanes.mu.Unlock()
	if slots != nil {
		slots.leave()
	}
}

// turn waits its turn under the endpoint's rate limit: it reports false if that
// is later. While Redis cannot be asked the process keeps to the limit alone.
func (p *permit) turn(ctx context.Context, limit store.RateLimit) bool {
	if limit.PerSecond <= 0 {
		return true
	}
	interval := time.Duration(float64(time.Second) / limit.PerSecond)
	takeCtx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	ok, wait, err := p.queue.Take(takeCtx, p.lane.endpoint, interval, max(1, limit.Burst))
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	now := time.Now()
	if err != nil {
		if ok = !now.Before(p.lane.nextTurn); ok {
			wait = interval
		}
	}
	if next := now.Add(wait); next.After(p.lane.nextTurn) {
		p.lane.nextTurn = next
	}
	return ok
}

// turnTimeout bounds how long Redis is asked for a turn.
const turnTimeout = time.Second
