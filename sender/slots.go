package sender

import "sync"

// slots are a number of slots, given out in the order in which they were asked
// for. They are safe for concurrent use.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting []*waiter // those that have gone are still in it
}

// waiter waits for a slot.
type waiter struct {
	granted func() // called once, by whoever leaves the slot
	gone    bool
}

func newSlots(n int) *slots { return &slots{free: n} }

// take takes a slot and reports true, or has granted called when there is one.
func (s *slots) take(granted func()) (w *waiter, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free > 0 {
		s.free--
		return nil, true
	}
	w = &waiter{granted: granted}
	s.waiting = append(s.waiting, w)
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
	for len(s.waiting) > 0 {
		w := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		if !w.gone {
			w.gone = true
			return w
		}
	}
	s.free++
	return nil
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
