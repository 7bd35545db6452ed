package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := retry.Schedule{0, time.Second}
	for name, tc := range map[string]struct {
		policy retry.Policy
		want   string
	}{
		"good":                {good, ""},
		"no Validate method":  {fixed(time.Second), ""},
		"nil":                 {nil, "retry: Policy is nil, must be set"},
		"wrapped nil":         {retry.WithJitter(nil, 0.1), "retry: Policy is nil, must be set"},
		"wrapped good":        {retry.WithRetryAfter(retry.WithJitter(good, 1), time.Hour), ""},
		"wrapped no Validate": {retry.WithJitter(fixed(0), 0), ""},
		"negative fraction":   {retry.WithJitter(good, -0.5), "retry: WithJitter fraction is -0.5, must be between 0 and 1"},
		"large fraction":      {retry.WithJitter(good, 1.5), "retry: WithJitter fraction is 1.5, must be between 0 and 1"},
		"NaN fraction":        {retry.WithJitter(good, math.NaN()), "retry: WithJitter fraction is NaN, must be between 0 and 1"},
		"no Retry-After":      {retry.WithRetryAfter(good, 0), ""},
		"negative limit":      {retry.WithRetryAfter(good, -time.Second), "retry: WithRetryAfter limit is -1s, must not be negative"},
		"every fault at once": {
			retry.WithRetryAfter(retry.WithJitter(retry.Schedule{0, -time.Second}, 2), -1),
			"retry: WithRetryAfter limit is -1ns, must not be negative\n" +
				"retry: WithJitter fraction is 2, must be between 0 and 1\n" +
				"retry: Schedule[1] is -1s, must not be negative",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, retry.Validate(tc.policy), tc.want)
		})
	}
}

func BenchmarkNext(b *testing.B) {
	schedule := retry.Schedule{0, time.Second, time.Minute, time.Hour}
	busy := retry.Result{Status: 429, Header: header("120"), EndedAt: now}
	for _, bc := range []struct {
		name   string
		policy retry.Policy
	}{
		{"Schedule", schedule},
		{"Exponential", retry.Exponential{}},
		{"WithJitter", retry.WithJitter(schedule, 0.1)},
		{"WithRetryAfter", retry.WithRetryAfter(schedule, time.Hour)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bc.policy.Next(3, busy)
			}
		})
	}
}
