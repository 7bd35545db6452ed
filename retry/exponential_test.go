package retry_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
)

func TestExponentialNext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy retry.Exponential
		want   []time.Duration
	}{
		"zero value": {
			retry.Exponential{},
			[]time.Duration{
				0, 5 * time.Second, 25 * time.Second, 125 * time.Second, 625 * time.Second,
				3125 * time.Second, 15625 * time.Second, 78125 * time.Second, 24 * time.Hour, 24 * time.Hour,
			},
		},
		"capped at Max": {
			retry.Exponential{Initial: time.Second, Multiplier: 10, Max: time.Minute, Attempts: 5},
			[]time.Duration{0, time.Second, 10 * time.Second, time.Minute, time.Minute},
		},
		"constant": {
			retry.Exponential{Initial: time.Second, Multiplier: 1, Attempts: 3},
			[]time.Duration{0, time.Second, time.Second},
		},
		"one attempt":         {retry.Exponential{Attempts: 1}, []time.Duration{0}},
		"negative Attempts":   {retry.Exponential{Attempts: -1}, nil},
		"Initial above Max":   {retry.Exponential{Initial: time.Hour, Max: time.Minute, Attempts: 2}, []time.Duration{0, time.Minute}},
		"negative Initial":    {retry.Exponential{Initial: -time.Hour, Attempts: 2}, []time.Duration{0, 0}},
		"negative Max":        {retry.Exponential{Max: -time.Hour, Attempts: 3}, []time.Duration{0, 0, 0}},
		"infinite Multiplier": {retry.Exponential{Multiplier: math.Inf(1), Max: time.Hour, Attempts: 3}, []time.Duration{0, 5 * time.Second, time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantWaits(t, tc.policy, tc.want)
		})
	}
}

// The zero value keeps its documented promise: 75 hours, as the specification's example.
func TestExponentialDefaultSpan(t *testing.T) {
	t.Parallel()
	if got, want := span(retry.Exponential{}), 75*time.Hour+7*time.Minute+35*time.Second; got != want {
		t.Errorf("zero Exponential spans %v, want %v", got, want)
	}
}

// Whatever the fields, valid or not: no panic, no overflow, no wait beyond the
// bounds, no more than 1000 attempts.
func TestExponentialIsBounded(t *testing.T) {
	t.Parallel()
	durations := []time.Duration{math.MinInt64, -1, 0, 1, time.Second, century, math.MaxInt64}
	multipliers := []float64{
		math.Inf(-1), -2, 0, math.SmallestNonzeroFloat64, 0.5, 1, math.Nextafter(1, 2), 1.0001, 2,
		math.MaxFloat64, math.Inf(1), math.NaN(),
	}
	for _, initial := range durations {
		for _, longest := range durations {
			for _, multiplier := range multipliers {
				e := retry.Exponential{Initial: initial, Max: longest, Multiplier: multiplier, Attempts: math.MaxInt}
				valid := e.Validate() == nil
				last := time.Duration(0)
				for _, attempts := range []int{1, 2, 3, 64, 999} {
					wait, ok := e.Next(attempts, retry.Result{})
					if !ok || wait < 0 || wait > century {
						t.Errorf("%+v.Next(%d) = %v, %t", e, attempts, wait, ok)
					}
					if valid && wait < last {
						t.Errorf("%+v.Next(%d) = %v, shorter than %v before", e, attempts, wait, last)
					}
					last = wait
				}
				if _, ok := e.Next(1000, retry.Result{}); ok {
					t.Errorf("%+v.Next(1000): ok, want at most 1000 attempts", e)
				}
			}
		}
	}
}

func TestExponentialValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy retry.Exponential
		want   string
	}{
		"zero value":          {retry.Exponential{}, ""},
		"bounds":              {retry.Exponential{Initial: time.Millisecond, Multiplier: 1, Max: century, Attempts: 1000}, ""},
		"negative Initial":    {retry.Exponential{Initial: -time.Second}, "retry: Exponential.Initial is -1s, must be at least 1ms"},
		"forgotten unit":      {retry.Exponential{Initial: 5}, "retry: Exponential.Initial is 5ns, must be at least 1ms"},
		"shrinking":           {retry.Exponential{Multiplier: 0.5}, "retry: Exponential.Multiplier is 0.5, must be a finite number, at least 1"},
		"NaN":                 {retry.Exponential{Multiplier: math.NaN()}, "retry: Exponential.Multiplier is NaN, must be a finite number, at least 1"},
		"infinite Multiplier": {retry.Exponential{Multiplier: math.Inf(1)}, "retry: Exponential.Multiplier is +Inf, must be a finite number, at least 1"},
		"Max below Initial":   {retry.Exponential{Initial: time.Hour, Max: time.Minute}, "retry: Exponential.Max is 1m0s, must not be below Initial (1h0m0s)"},
		"default Max":         {retry.Exponential{Initial: 48 * time.Hour}, "retry: Exponential.Max is 24h0m0s, must not be below Initial (48h0m0s)"},
		"Max":                 {retry.Exponential{Max: century + time.Second}, "retry: Exponential.Max is 876000h0m1s, must not exceed 876000h0m0s"},
		"no Attempts":         {retry.Exponential{Attempts: -1}, "retry: Exponential.Attempts is -1, must be between 1 and 1000"},
		"Attempts":            {retry.Exponential{Attempts: 1001}, "retry: Exponential.Attempts is 1001, must be between 1 and 1000"},
		"every fault at once": {
			retry.Exponential{Initial: -1, Multiplier: -1, Max: -2, Attempts: -1},
			"retry: Exponential.Initial is -1ns, must be at least 1ms\n" +
				"retry: Exponential.Multiplier is -1, must be a finite number, at least 1\n" +
				"retry: Exponential.Max is -2ns, must not be below Initial (-1ns)\n" +
				"retry: Exponential.Attempts is -1, must be between 1 and 1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, tc.policy.Validate(), tc.want)
		})
	}
}

// Under -race: one Exponential serves many goroutines, and none disturbs another.
func TestExponentialIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var p retry.Policy = retry.Exponential{Initial: time.Second, Multiplier: 2, Attempts: 12}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 500 {
				attempts := 1 + i%11
				want := time.Second << (attempts - 1)
				if got, ok := p.Next(attempts, retry.Result{}); got != want || !ok {
					t.Errorf("Next(%d) = %v, %t; want %v, true", attempts, got, ok, want)
				}
			}
		})
	}
	wg.Wait()
}
