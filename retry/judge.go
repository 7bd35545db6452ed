package retry

import (
	"net/http"
	"strconv"
)

// Verdict is what the result of an attempt means for its delivery. The zero
// Verdict is Retry: forgetting to decide costs an attempt, never an event.
type Verdict int

const (
	// Retry means that the attempt failed; the next one is up to the [Policy].
	Retry Verdict = iota
	// Succeeded means that the endpoint has the event. No further attempt.
	Succeeded
	// Failed means that the delivery failed for good. No further attempt.
	Failed
	// Gone means that the delivery failed for good, and that the endpoint wants
	// no other one either: it is to be disabled.
	Gone
)

// String returns the verdict as a lower-case word, such as "succeeded".
func (v Verdict) String() string {
	switch v {
	case Retry:
		return "retry"
	case Succeeded:
		return "succeeded"
	case Failed:
		return "failed"
	case Gone:
		return "gone"
	}
	return "Verdict(" + strconv.Itoa(int(v)) + ")"
}

// Judge says what the result of an attempt means. It must be safe for concurrent
// use, depend on nothing but the result, and must not change or keep its Header.
// To judge a few answers differently, decide those and leave the others to
// [DefaultJudge].
type Judge func(Result) Verdict

var _ Judge = DefaultJudge

// DefaultJudge follows the Standard Webhooks specification 1.0.0, "Delivery
// success and failure":
//
//   - 2xx is Succeeded, whatever the body, and even if the body broke off and
//     Err is set: the receiver said that it has the event;
//   - 410 is Gone;
//   - everything else is Retry: 3xx, which is not followed, other 4xx, 5xx, and
//     no response at all.
//
// That other 4xx are retried too is what webhook pages promise, Jasper's among
// them ("non-2xx status code"): a 404 may well be a deployment that is soon put
// right.
func DefaultJudge(last Result) Verdict {
	switch {
	case last.Status >= 200 && last.Status <= 299:
		return Succeeded
	case last.Status == http.StatusGone:
		return Gone
	default:
		return Retry
	}
}
