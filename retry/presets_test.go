package retry_test

import (
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
)

// unwrap returns what p wraps, or p itself.
func unwrap(p retry.Policy) retry.Policy {
	if w, ok := p.(interface{ Unwrap() retry.Policy }); ok {
		return w.Unwrap()
	}
	return p
}

// span is the time from the first attempt to the last one.
func span(p retry.Policy) time.Duration {
	var sum time.Duration
	for attempts := 0; ; attempts++ {
		wait, ok := p.Next(attempts, retry.Result{})
		if !ok {
			return sum
		}
		sum += wait
	}
}

// The tables are typed off the documents, not off the code.
func TestPresets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy retry.Policy
		want   []string
		span   string
	}{
		// Immediately / 5 seconds / 5 minutes / 30 minutes / 2 hours / 5 hours /
		// 10 hours / 10 hours, in addition to the previous attempt
		"Jam": {
			retry.Jam(),
			[]string{"0s", "5s", "5m", "30m", "2h", "5h", "10h", "10h"},
			"27h35m5s",
		},
		// 3 retry attempts before marking as failed
		// Exponential backoff: 1 second, 10 seconds, 60 seconds
		"Jasper": {
			retry.Jasper(),
			[]string{"0s", "1s", "10s", "60s"},
			"1m11s",
		},
		// The specification's last row: 24 hours, 75:35:05 since start.
		"StandardWebhooks": {
			unwrap(retry.StandardWebhooks()),
			[]string{"0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"},
			"75h35m5s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, retry.Validate(tc.policy), "")
			waits := make([]time.Duration, len(tc.want))
			for i, text := range tc.want {
				wait, err := time.ParseDuration(text)
				if err != nil {
					t.Fatal(err)
				}
				waits[i] = wait
			}
			wantWaits(t, tc.policy, waits)
			if got := span(tc.policy).String(); got != tc.span {
				t.Errorf("span %v, want %v", got, tc.span)
			}
		})
	}
}

func TestStandardWebhooksJitter(t *testing.T) {
	t.Parallel()
	p := retry.StandardWebhooks()
	wantError(t, retry.Validate(p), "")
	table := unwrap(p)
	for attempts := range 10 {
		want, _ := table.Next(attempts, retry.Result{})
		for range 100 {
			got, ok := p.Next(attempts, retry.Result{})
			if !ok || got < want || got > want+want/10 {
				t.Fatalf("Next(%d) = %v, %t; want %v and up to 10 %% more", attempts, got, ok, want)
			}
		}
	}
}

// A caller who changes the table it was given changes nobody else's.
func TestPresetsAreFresh(t *testing.T) {
	t.Parallel()
	for _, preset := range []func() retry.Policy{retry.Jam, retry.Jasper, retry.StandardWebhooks} {
		unwrap(preset()).(retry.Schedule)[0] = time.Hour
		if wait, _ := preset().Next(0, retry.Result{}); wait != 0 {
			t.Errorf("first wait = %v, want 0", wait)
		}
	}
}
