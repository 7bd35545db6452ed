package retry_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/outhook/outhook/retry"
)

func ExampleSchedule() {
	policy := retry.Schedule{0, 5 * time.Second, 5 * time.Minute}

	for attempts := 0; ; attempts++ {
		wait, ok := policy.Next(attempts, retry.Result{})
		if !ok {
			fmt.Println("none left after", attempts)
			break
		}
		fmt.Println("wait", wait)
	}
	// Output:
	// wait 0s
	// wait 5s
	// wait 5m0s
	// none left after 3
}

func ExampleExponential() {
	policy := retry.Exponential{
		Initial:    10 * time.Second,
		Multiplier: 3,
		Max:        2 * time.Minute,
		Attempts:   6,
	}

	for attempts := 0; ; attempts++ {
		wait, ok := policy.Next(attempts, retry.Result{})
		if !ok {
			fmt.Println("none left after", attempts)
			break
		}
		fmt.Println("wait", wait)
	}
	// Output:
	// wait 0s
	// wait 10s
	// wait 30s
	// wait 1m30s
	// wait 2m0s
	// wait 2m0s
	// none left after 6
}

func ExampleWithJitter() {
	policy := retry.WithJitter(retry.Schedule{0, time.Minute}, 0.1)

	wait, _ := policy.Next(1, retry.Result{})
	fmt.Println(wait >= 60*time.Second, wait <= 66*time.Second)
	// Output: true true
}

func ExampleWithRetryAfter() {
	policy := retry.WithRetryAfter(retry.Jam(), time.Hour)
	busy := func(retryAfter string) retry.Result {
		return retry.Result{
			Status:  http.StatusTooManyRequests,
			Header:  http.Header{"Retry-After": {retryAfter}},
			EndedAt: time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC),
		}
	}

	for _, retryAfter := range []string{"120", "Mon, 02 Mar 2026 12:03:00 GMT", "1", "86400"} {
		wait, _ := policy.Next(1, busy(retryAfter)) // by the table: 5s
		fmt.Println(wait)
	}
	// Output:
	// 2m0s
	// 3m0s
	// 5s
	// 1h0m0s
}

// This judge takes the endpoint's word for it that the payload is wrong: sending
// the same bytes again would not help.
func ExampleJudge() {
	var judge retry.Judge = func(last retry.Result) retry.Verdict {
		switch last.Status {
		case http.StatusBadRequest, http.StatusUnprocessableEntity:
			return retry.Failed
		default:
			return retry.DefaultJudge(last)
		}
	}

	for _, status := range []int{204, 302, 400, 410, 500} {
		fmt.Println(status, judge(retry.Result{Status: status}))
	}
	// Output:
	// 204 succeeded
	// 302 retry
	// 400 failed
	// 410 gone
	// 500 retry
}

func ExampleValidate() {
	policy := retry.WithJitter(retry.Schedule{0, time.Second, time.Minute, -time.Second}, 10)

	fmt.Println(retry.Validate(policy))
	// Output:
	// retry: WithJitter fraction is 10, must be between 0 and 1
	// retry: Schedule[3] is -1s, must not be negative
}
