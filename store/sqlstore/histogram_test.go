package sqlstore

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramIsCloseToEveryDuration(t *testing.T) {
	t.Parallel()
	durations := []time.Duration{-time.Second, 0, time.Nanosecond, math.MaxInt64}
	for d := time.Duration(1); d < math.MaxInt64/5; d *= 2 {
		durations = append(durations, d-1, d, d+1, d+rand.N(d))
	}
	for _, d := range durations {
		bucket := bucketOf(d)
		if bucket >= maxHistogram {
			t.Fatalf("%s is in bucket %d, want less than %d", d, bucket, maxHistogram)
		}
		want := max(d.Truncate(time.Microsecond), 0)
		if off := (middle(bucket) - want).Abs(); off > want/32 {
			t.Errorf("%s is taken for %s", want, middle(bucket))
		}
		if bucketOf(middle(bucket)) != bucket {
			t.Errorf("the middle of the bucket of %s is not in it", d)
		}
	}
}

func TestHistogramsAddUp(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	var added histogram
	for range 10 {
		var h histogram
		for range 100 {
			d := time.Duration(math.Exp(rand.Float64()*20)) * time.Microsecond
			all = append(all, d)
			h.add(bucketOf(d), 1)
		}
		if err := added.addEncoded(h.encode()); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	for _, p := range []int{50, 95, 99} {
		want := all[(len(all)*p+99)/100-1]
		if got := added.percentile(p, len(all)); (got - want).Abs() > want/32 {
			t.Errorf("p%d is %s, want about %s", p, got, want)
		}
	}
	if got := (histogram{}).percentile(99, 0); got != 0 {
		t.Errorf("p99 of nothing is %s", got)
	}
}

// What somebody else has written there is an error, and nothing worse.
func FuzzHistogram(f *testing.F) {
	f.Add("")
	f.Add("AgEDAg")
	f.Add("!")
	f.Fuzz(func(t *testing.T, text string) {
		var h, again histogram
		if h.addEncoded(text) != nil {
			return
		}
		if err := again.addEncoded(h.encode()); err != nil || !slices.Equal(again, h) {
			t.Errorf("%q becomes %v, then %v, %v", text, h, again, err)
		}
	})
}
