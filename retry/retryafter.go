package retry

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WithRetryAfter respects the header Retry-After of a response 429 (RFC 6585
// §4) or 503 (RFC 9110 §15.6.4): the next attempt is no sooner than the header
// says, but the header cannot ask for a wait longer than limit. On any other status
// the header is ignored.
//
// It never makes a wait of p shorter, even one that is longer than limit, and
// never adds or removes an attempt: an attempt it delays is one of those that p
// allows.
//
// p must not be nil. limit 0 ignores the header; a negative limit does the same,
// and is reported by [Validate].
func WithRetryAfter(p Policy, limit time.Duration) Policy {
	return retryAfter{policy: p, limit: limit}
}

type retryAfter struct {
	policy Policy
	limit  time.Duration
}

func (r retryAfter) Next(attempts int, last Result) (time.Duration, bool) {
	wait, ok := r.policy.Next(attempts, last)
	if !ok || last.Status != http.StatusTooManyRequests && last.Status != http.StatusServiceUnavailable {
		return wait, ok
	}
	endedAt := last.EndedAt
	if endedAt.IsZero() {
		endedAt = time.Now()
	}
	asked, _ := ParseRetryAfter(last.Header, endedAt) // 0 when there is none
	return max(wait, min(asked, r.limit)), true
}

func (r retryAfter) Validate() error {
	if r.limit < 0 {
		return fmt.Errorf("retry: WithRetryAfter limit is %v, must not be negative", r.limit)
	}
	return nil
}

func (r retryAfter) Unwrap() Policy { return r.policy }

// ParseRetryAfter reads the header Retry-After (RFC 9110 §10.2.3): how long,
// counted from now, its sender asks to wait. The value is either a number of
// seconds, which has digits and nothing else, or a date in one of the three
// formats of RFC 9110 §5.6.7.
//
// A date that has passed gives 0 and true. A wait of more than 100 years
// (876000h) gives 100 years and true, even when its number fits no integer: the
// sender surely means late, and ignoring it would mean soon. An absent, empty or
// malformed value, a negative number among them, gives 0 and false. Of several
// header lines the first counts. h may be nil.
func ParseRetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := strings.Trim(h.Get("Retry-After"), " \t")
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxWait/time.Second) { // of digits alone, err is overflow
			return maxWait, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(min(date.Sub(now), maxWait), 0), true
}
