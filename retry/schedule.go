package retry

import (
	"errors"
	"fmt"
	"time"
)

var _ Policy = Schedule(nil)

// Schedule is a fixed table of waits. Entry i is the wait before attempt i+1,
// counted from the end of attempt i, so the number of entries is the number of
// attempts, and the first entry is usually 0: immediately.
//
//	retry.Schedule{0, 5 * time.Second, 5 * time.Minute} // three attempts
//
// An empty Schedule allows no attempt at all, not even the first; Validate
// reports it. Safe for concurrent use as long as nobody changes its entries.
type Schedule []time.Duration

// Next implements [Policy]. The last result makes no difference to it. A
// negative entry counts as 0.
func (s Schedule) Next(attempts int, _ Result) (time.Duration, bool) {
	attempts = max(attempts, 0)
	if attempts >= len(s) {
		return 0, false
	}
	return max(s[attempts], 0), true
}

// Validate reports an empty Schedule, and each entry that is negative or longer
// than 100 years (876000h).
func (s Schedule) Validate() error {
	if len(s) == 0 {
		return errors.New("retry: Schedule is empty, must have at least one entry")
	}
	var errs []error
	for i, wait := range s {
		switch {
		case wait < 0:
			errs = append(errs, fmt.Errorf("retry: Schedule[%d] is %v, must not be negative", i, wait))
		case wait > maxWait:
			errs = append(errs, fmt.Errorf("retry: Schedule[%d] is %v, must not exceed %v", i, wait, maxWait))
		}
	}
	return errors.Join(errs...)
}
