package sender

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid is wrapped by every [FieldError]: the caller gave something
	// that cannot be used, nothing was written, and the same call will fail
	// again.
	ErrInvalid = errors.New("invalid")
	// ErrEventIDReused: an event of that ID was sent before, with another type
	// or payload.
	ErrEventIDReused = errors.New("event id was used for another event")
	// ErrTooManyHops: the event comes of so many webhooks, one causing the next,
	// that it is taken for a loop. It always comes with ErrInvalid.
	ErrTooManyHops = errors.New("webhooks go round in a loop")
	// ErrTooManyEndpoints: the tenant has Config.MaxEndpoints endpoints. Delete one.
	ErrTooManyEndpoints = errors.New("too many endpoints")
	// ErrTooManyPending: the tenant has Config.MaxPending deliveries that have not
	// ended, and nothing was accepted. Send the event again later.
	ErrTooManyPending = errors.New("too many pending deliveries")
	// ErrTooManyReplays: the tenant has as many bulk replays that are running as it
	// may. Wait until one has finished, or cancel one.
	ErrTooManyReplays = errors.New("too many replays are running")
	// ErrEndpointDisabled: the endpoint is disabled and gets nothing.
	ErrEndpointDisabled = errors.New("endpoint is disabled")
)

// FieldError is one fault in what the caller gave. Several of them come joined
// (see [errors.Join]); errors.As finds the first.
type FieldError struct {
	// Field is the path to the fault, such as "Config.Concurrency" or
	// "Endpoint.Headers[Host]".
	Field string
	// Problem is what is there now.
	Problem string
	// Bound is what must be there.
	Bound string

	cause error // a *guard.Error, or nil
}

// Error returns the field, the problem and the bound in one sentence.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s %s, must be %s", e.Field, e.Problem, e.Bound)
}

// Unwrap returns [ErrInvalid], and what else is known of the cause.
func (e *FieldError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrInvalid}
	}
	return []error{ErrInvalid, e.cause}
}

// faults collects what is wrong, so that all of it is reported at once.
type faults []error

func (f *faults) add(field, problem, bound string) {
	*f = append(*f, &FieldError{Field: field, Problem: problem, Bound: bound})
}

func (f *faults) check(ok bool, field string, value any, bound string) {
	if !ok {
		f.add(field, fmt.Sprintf("is %v", value), bound)
	}
}

// blocked adds what the address guard refused, if it did.
func (f *faults) blocked(err error, field, problem, bound string) {
	if err != nil {
		*f = append(*f, &FieldError{Field: field, Problem: problem, Bound: bound, cause: err})
	}
}

func (f *faults) err() error { return errors.Join(*f...) }
