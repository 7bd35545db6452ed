package retry

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	defaultInitial    = 5 * time.Second
	defaultMultiplier = 5
	defaultMax        = 24 * time.Hour
	defaultAttempts   = 10

	// minInitial is where whole nanoseconds stop mattering: from 1 ns, a
	// multiplier of 1.5 never gets anywhere. It also catches a forgotten unit.
	minInitial = time.Millisecond

	// maxAttempts bounds the work of one Next, which steps through all waits
	// up to the one asked for.
	maxAttempts = 1000
)

var _ Policy = Exponential{}

// Exponential makes the first attempt immediately, waits Initial before the
// second, and Multiplier times as long before each further one, but never longer
// than Max:
//
//	0, Initial, Initial×Multiplier, Initial×Multiplier², …, Max, Max
//
// The zero Exponential is ready to use: 10 attempts over 75 hours, close to the
// example of the Standard Webhooks specification ([StandardWebhooks]).
//
// The waits are those of [backoff.ExponentialBackOff] without its randomness
// (use [WithJitter], which never shortens a wait) and without its limit of
// elapsed time. Safe for concurrent use.
type Exponential struct {
	// Initial is the wait before the second attempt. At least 1ms, at most Max.
	// Defaults to 5 seconds.
	Initial time.Duration

	// Multiplier is the ratio of each wait to the one before it. At least 1,
	// which makes all waits the same. Defaults to 5.
	Multiplier float64

	// Max is the longest wait. At most 100 years (876000h).
	// Defaults to 24 hours.
	Max time.Duration

	// Attempts is the number of attempts, the first one included. At most 1000.
	// Defaults to 10.
	Attempts int
}

// Next implements [Policy]. The last result makes no difference to it. Fields
// that Validate reports still give waits between 0 and 100 years, and at most
// 1000 attempts.
func (e Exponential) Next(attempts int, _ Result) (time.Duration, bool) {
	e = e.withDefaults()
	if attempts >= min(e.Attempts, maxAttempts) {
		return 0, false
	}
	if attempts <= 0 {
		return 0, true
	}
	longest := min(e.Max, maxWait)

	// A backoff of our own: it is stateful, and not safe for concurrent use.
	b := backoff.ExponentialBackOff{
		InitialInterval: e.Initial,
		Multiplier:      e.Multiplier,
		MaxInterval:     longest,
		Stop:            backoff.Stop,
		Clock:           backoff.SystemClock,
		// RandomizationFactor 0: exact waits. MaxElapsedTime 0: never stops.
	}
	b.Reset()
	wait := b.NextBackOff()
	for range attempts - 1 {
		next := b.NextBackOff()
		if next == wait {
			break // each wait follows from the one before it: now they are all the same
		}
		wait = next
	}
	return max(min(wait, longest), 0), true
}

// Validate reports each field that is out of its bounds, after defaults.
func (e Exponential) Validate() error {
	e = e.withDefaults()
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("retry: Exponential."+format, args...))
	}
	if e.Initial < minInitial {
		fault("Initial is %v, must be at least %v", e.Initial, minInitial)
	}
	if !(e.Multiplier >= 1) || math.IsInf(e.Multiplier, 1) { // not "< 1", which lets NaN through
		fault("Multiplier is %v, must be a finite number, at least 1", e.Multiplier)
	}
	if e.Max < e.Initial {
		fault("Max is %v, must not be below Initial (%v)", e.Max, e.Initial)
	}
	if e.Max > maxWait {
		fault("Max is %v, must not exceed %v", e.Max, maxWait)
	}
	if e.Attempts < 1 || e.Attempts > maxAttempts {
		fault("Attempts is %d, must be between 1 and %d", e.Attempts, maxAttempts)
	}
	return errors.Join(errs...)
}

func (e Exponential) withDefaults() Exponential {
	return Exponential{
		Initial:    cmp.Or(e.Initial, defaultInitial),
		Multiplier: cmp.Or(e.Multiplier, defaultMultiplier),
		Max:        cmp.Or(e.Max, defaultMax),
		Attempts:   cmp.Or(e.Attempts, defaultAttempts),
	}
}
