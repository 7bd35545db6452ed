package retry

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// WithJitter makes each wait of p longer by a random part of it, evenly spread
// from nothing to fraction, so that deliveries which failed together are not
// retried together. It never makes a wait shorter: an attempt is never earlier
// than p promises. A wait of 0, as usual before the first attempt, stays 0.
//
// Jitter is recommended, with no amount given, by the Standard Webhooks
// specification 1.0.0, "Deliverability and reliability".
//
// p must not be nil. fraction is from 0 (no jitter) to 1 (up to twice the
// wait); [Validate] reports any other, and Next takes the nearest of these, or
// 0 for NaN.
func WithJitter(p Policy, fraction float64) Policy {
	return jitter{policy: p, fraction: fraction}
}

type jitter struct {
	policy   Policy
	fraction float64
}

func (j jitter) Next(attempts int, last Result) (time.Duration, bool) {
	wait, ok := j.policy.Next(attempts, last)
	if !ok || !(j.fraction > 0) { // not "<= 0", which lets NaN through
		return wait, ok
	}
	// Float64 is below 1, so that the product fits a Duration for any wait.
	extra := time.Duration(rand.Float64() * min(j.fraction, 1) * float64(wait))
	return wait + min(extra, math.MaxInt64-wait), true
}

func (j jitter) Validate() error {
	if j.fraction >= 0 && j.fraction <= 1 {
		return nil
	}
	return fmt.Errorf("retry: WithJitter fraction is %v, must be between 0 and 1", j.fraction)
}

func (j jitter) Unwrap() Policy { return j.policy }
