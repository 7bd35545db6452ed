package retry_test

import (
	"errors"
	"testing"

	"github.com/outhook/outhook/retry"
)

func TestDefaultJudge(t *testing.T) {
	t.Parallel()
	for status := range 600 {
		want := retry.Retry
		switch {
		case status/100 == 2:
			want = retry.Succeeded
		case status == 410:
			want = retry.Gone
		}
		// The status decides, with or without an error.
		for _, err := range []error{nil, errors.New("unexpected EOF")} {
			if got := retry.DefaultJudge(retry.Result{Status: status, Err: err}); got != want {
				t.Errorf("status %d, error %v: %v, want %v", status, err, got, want)
			}
		}
	}
}

func TestVerdictString(t *testing.T) {
	t.Parallel()
	var zero retry.Verdict
	for verdict, want := range map[retry.Verdict]string{
		zero:             "retry",
		retry.Succeeded:  "succeeded",
		retry.Failed:     "failed",
		retry.Gone:       "gone",
		retry.Verdict(9): "Verdict(9)",
	} {
		if got := verdict.String(); got != want {
			t.Errorf("String() of %d = %q, want %q", int(verdict), got, want)
		}
	}
}
