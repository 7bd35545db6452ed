package retry

import (
	"errors"
	"net/http"
	"time"
)

// maxWait is the longest wait that the policies of this package accept or
// return, about 100 years. It keeps a due time, counted from today, within the
// nanoseconds that an int64 can hold (until 2262), as stores may keep it.
const maxWait = 100 * 365 * 24 * time.Hour

// Result is what one attempt brought back. The zero Result stands for no
// attempt at all, and is what [Policy.Next] is given before the first one.
type Result struct {
	// Status is the HTTP status of the response. 0 when no response came.
	Status int

	// Header is the header of the response, its keys in the canonical form of
	// [http.CanonicalHeaderKey]. May be nil. Policies and judges read it and
	// must neither change nor keep it.
	Header http.Header

	// Err is why no whole response came: a network error, a timeout, a body
	// that broke off. nil when a whole response came, whatever its status.
	Err error

	// EndedAt is when the attempt ended. Waits count from here, and a date in
	// Retry-After is compared with it. The zero time stands for time.Now().
	EndedAt time.Time
}

// Policy says when the next attempt is.
//
// Next is given the number of attempts already made and the result of the last
// one; before the first attempt these are 0 and the zero Result. It returns how
// long to wait, counted from last.EndedAt, and true; or false when no attempt is
// left. When ok is false, wait is 0 and means nothing.
//
// An implementation:
//   - must be safe for concurrent use;
//   - must not keep state between calls: consecutive questions about one
//     delivery may reach different processes;
//   - must not return a negative wait;
//   - may be random (see [WithJitter]). Callers therefore ask once per attempt
//     and store the due time, rather than ask again;
//   - must not change or keep last.Header.
//
// Callers never pass negative attempts; the policies of this package count
// them as 0.
//
// A policy that wraps another one should have a method Unwrap() Policy, and one
// that can be misconfigured a method Validate() error: see [Validate].
type Policy interface {
	Next(attempts int, last Result) (wait time.Duration, ok bool)
}

// Validate reports everything wrong with p and, through their method
// Unwrap() Policy, with the policies it wraps; each is asked through its method
// Validate() error, if it has one. The errors are joined as by [errors.Join] and
// name the field and its bound. A nil policy is an error, wrapped or not.
func Validate(p Policy) error {
	var errs []error
	for p != nil {
		if v, ok := p.(interface{ Validate() error }); ok {
			errs = append(errs, v.Validate())
		}
		wrapper, ok := p.(interface{ Unwrap() Policy })
		if !ok {
			return errors.Join(errs...)
		}
		p = wrapper.Unwrap()
	}
	return errors.Join(append(errs, errors.New("retry: Policy is nil, must be set"))...)
}
