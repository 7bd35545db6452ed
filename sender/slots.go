package sender

import "sync"

// slots are a number of slots, given out in the order in which they were asked
// for, in turn to those that wait ahead and to the others. They are safe for
// concurrent use.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting line
	ahead   line
	others  bool // it is their turn
}

// line is who waits, the first first. Those that have gone are still in it.
type line []*waiter

// next takes the first out of the line; nil if there is nobody.
func (l *line) next() *waiter {
	for len(*l) > 0 {
		w := (*l)[0]
		(*l)[0] = nil
		*l = (*l)[1:]
		if !w.gone {
			return w
		}
	}
	return nil
}

// waiter waits for a slot.
type waiter struct {
	granted func() // called once, by whoever leaves the slot
	gone    bool
}

func newSlots(n int) *slots { return &slots{free: n} }

// take takes a slot and reports true, or has granted called when there is one.
func (s *slots) take(granted func()) (w *waiter, taken bool) { return s.takeIn(&s.waiting, granted) }

// takeAhead is take for somebody for whom others wait.
func (s *slots) takeAhead(granted func()) (w *waiter, taken bool) { return s.takeIn(&s.ahead, granted) }

func (s *slots) takeIn(in *line, granted func()) (w *waiter, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free > 0 {
		s.free--
		return nil, true
	}
	w = &waiter{granted: granted}
	*in = append(*in, w)
	return w, false
}

// tryTake takes a slot if there is one.
func (s *slots) tryTake() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 {
		return false
	}
	s.free--
	return true
}

// leave gives a slot to the next who waits.
func (s *slots) leave() {
	if w := s.next(); w != nil {
		w.granted()
	}
}

func (s *slots) next() *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, second := &s.ahead, &s.waiting
	if s.others {
		first, second = second, first
	}
	s.others = !s.others
	w := first.next()
	if w == nil {
		w = second.next()
	}
	if w == nil {
		s.free++
		return nil
	}
	w.gone = true
	return w
}

// giveUp ends the wait of w, and reports false if it was granted a slot.
func (s *slots) giveUp(w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.gone {
		return false
	}
	w.gone = true
	return true
}
