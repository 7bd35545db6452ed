package retry_test

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// century is the longest wait that the package promises to accept or return.
const century = 876_000 * time.Hour

// fixed is a policy that always answers the same.
type fixed time.Duration

func (f fixed) Next(int, retry.Result) (time.Duration, bool) { return time.Duration(f), true }

// wantWaits checks every answer of p, up to the one that ends the attempts.
func wantWaits(t *testing.T, p retry.Policy, want []time.Duration) {
	t.Helper()
	for attempts, wait := range want {
		got, ok := p.Next(attempts, retry.Result{})
		if got != wait || !ok {
			t.Errorf("Next(%d) = %v, %t; want %v, true", attempts, got, ok, wait)
		}
	}
	for _, attempts := range []int{len(want), len(want) + 1, math.MaxInt} {
		if got, ok := p.Next(attempts, retry.Result{}); got != 0 || ok {
			t.Errorf("Next(%d) = %v, %t; want 0, false", attempts, got, ok)
		}
	}
	got, ok := p.Next(-1, retry.Result{})
	first, firstOK := p.Next(0, retry.Result{})
	if got != first || ok != firstOK {
		t.Errorf("Next(-1) = %v, %t; want %v, %t as for 0", got, ok, first, firstOK)
	}
}

// wantError checks the whole text of err; "" stands for nil.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error:\n got %q\nwant %q", got, want)
	}
}
