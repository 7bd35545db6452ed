package sendonce

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// line is one attempt as it is printed. Every key is always there.
type line struct {
	Delivery      string           `json:"delivery"`
	Event         string           `json:"event"`
	Endpoint      string           `json:"endpoint"`
	Attempt       int              `json:"attempt"`
	ScheduledAt   time.Time        `json:"scheduled_at"`
	StartedAt     time.Time        `json:"started_at"`
	EndedAt       time.Time        `json:"ended_at"`
	Status        int              `json:"status"` // 0 if no answer came
	ErrorClass    store.ErrorClass `json:"error_class"`
	Error         string           `json:"error"`
	NextAttemptAt *time.Time       `json:"next_attempt_at"` // null if there is none
}

func newLine(a store.Attempt) line {
	l := line{
		Delivery:    a.DeliveryID,
		Event:       a.EventID,
		Endpoint:    a.EndpointID,
		Attempt:     a.Number,
		ScheduledAt: a.ScheduledAt.UTC(),
		StartedAt:   a.StartedAt.UTC(),
		EndedAt:     a.EndedAt.UTC(),
		Status:      a.Status,
		ErrorClass:  a.ErrorClass,
		Error:       a.Error,
	}
	if !a.NextAttemptAt.IsZero() {
		l.NextAttemptAt = new(a.NextAttemptAt.UTC())
	}
	return l
}

// report is the hook that prints the attempts, and calls allEnded when the
// last delivery has ended.
type report struct {
	allEnded func()

	mu       sync.Mutex
	out      *json.Encoder
	writeErr error
	expected int
	ended    map[string]store.DeliveryState // by delivery id
}

var _ sender.HookAttemptFinished = (*report)(nil)

func newReport(out io.Writer, allEnded func()) *report {
	r := &report{allEnded: allEnded, out: json.NewEncoder(out), ended: map[string]store.DeliveryState{}}
	r.out.SetEscapeHTML(false)
	return r
}

// expect says how many deliveries there are. It is called before the first
// attempt.
func (r *report) expect(deliveries int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = deliveries
}

// AttemptFinished implements sender.HookAttemptFinished.
func (r *report) AttemptFinished(_ context.Context, e sender.AttemptFinished) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writeErr = cmp.Or(r.writeErr, r.out.Encode(newLine(e.Attempt)))
	if e.Delivery.State == store.Pending {
		return
	}
	r.ended[e.Delivery.ID] = e.Delivery.State
	if len(r.ended) == r.expected {
		r.allEnded()
	}
}

// outcome returns nil if every delivery succeeded.
func (r *report) outcome() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	unsuccessful := 0
	for _, state := range r.ended {
		if state != store.Succeeded {
			unsuccessful++
		}
	}
	pending := r.expected - len(r.ended)
	switch {
	case r.writeErr != nil:
		return fmt.Errorf("print an attempt: %w", r.writeErr)
	case pending > 0:
		return fmt.Errorf("interrupted: %d of %d deliveries were still to be made", pending, r.expected)
	case unsuccessful > 0:
		return fmt.Errorf("%d of %d deliveries did not succeed", unsuccessful, r.expected)
	}
	return nil
}
