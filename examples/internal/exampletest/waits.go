package exampletest

import (
	"time"

	"github.com/outhook/outhook/retry"
)

// Waits returns the wait before each attempt of a policy that has an end.
func Waits(policy retry.Policy) []time.Duration {
	var waits []time.Duration
	for {
		wait, ok := policy.Next(len(waits), retry.Result{})
		if !ok {
			return waits
		}
		waits = append(waits, wait)
	}
}
