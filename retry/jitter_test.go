package retry_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
)

// Never earlier than promised, never later than the fraction allows.
func TestWithJitterStaysInBounds(t *testing.T) {
	t.Parallel()
	for range 20_000 {
		wait := time.Duration(rand.Int64N(int64(48 * time.Hour)))
		fraction := rand.Float64()
		got, ok := retry.WithJitter(fixed(wait), fraction).Next(1, retry.Result{})
		if !ok {
			t.Fatal("jitter ended the attempts")
		}
		latest := wait + time.Duration(fraction*float64(wait))
		if got < wait || got > latest {
			t.Fatalf("wait %v with fraction %v became %v, want %v to %v", wait, fraction, got, wait, latest)
		}
	}
}

// 1,000 draws that miss an outer quarter of the range have a chance of 0.75^1000.
func TestWithJitterSpreads(t *testing.T) {
	t.Parallel()
	p := retry.WithJitter(fixed(time.Hour), 1)
	shortest, longest := 2*time.Hour, time.Hour
	for range 1000 {
		got, _ := p.Next(1, retry.Result{})
		shortest, longest = min(shortest, got), max(longest, got)
	}
	if shortest > 75*time.Minute || longest < 105*time.Minute {
		t.Errorf("1000 waits from %v to %v, want them spread over 1h to 2h", shortest, longest)
	}
}

func TestWithJitterEdges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wait          time.Duration
		fraction      float64
		earliest, end time.Duration
	}{
		"an immediate attempt stays immediate": {0, 1, 0, 0},
		"no jitter":                            {time.Hour, 0, time.Hour, time.Hour},
		"negative fraction is none":            {time.Hour, -1, time.Hour, time.Hour},
		"NaN is none":                          {time.Hour, math.NaN(), time.Hour, time.Hour},
		"a fraction above 1 is 1":              {time.Hour, 1e9, time.Hour, 2 * time.Hour},
		"an infinite fraction is 1":            {time.Hour, math.Inf(1), time.Hour, 2 * time.Hour},
		"no overflow":                          {math.MaxInt64, 1, math.MaxInt64, math.MaxInt64},
		"no overflow near the end":             {math.MaxInt64 - 10, 1, math.MaxInt64 - 10, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 100 {
				got, ok := retry.WithJitter(fixed(tc.wait), tc.fraction).Next(1, retry.Result{})
				if !ok || got < tc.earliest || got > tc.end {
					t.Fatalf("Next = %v, %t; want %v to %v, true", got, ok, tc.earliest, tc.end)
				}
			}
		})
	}
}

func TestWithJitterKeepsAttempts(t *testing.T) {
	t.Parallel()
	p := retry.WithJitter(retry.Schedule{0, time.Second}, 0.5)
	for attempts := range 5 {
		wait, ok := p.Next(attempts, retry.Result{})
		if ok != (attempts < 2) || !ok && wait != 0 {
			t.Errorf("Next(%d) = %v, %t; want two attempts", attempts, wait, ok)
		}
	}
}
