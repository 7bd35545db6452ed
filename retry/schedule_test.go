package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
)

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	table := []time.Duration{0, time.Second, time.Hour}
	wantWaits(t, retry.Schedule(table), table)
	wantWaits(t, retry.Schedule{time.Minute}, []time.Duration{time.Minute})
	wantWaits(t, retry.Schedule{-time.Minute}, []time.Duration{0})
	wantWaits(t, retry.Schedule{}, nil)
	wantWaits(t, retry.Schedule(nil), nil)
}

func TestScheduleValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		schedule retry.Schedule
		want     string
	}{
		"good":     {retry.Schedule{0, time.Second, century}, ""},
		"nil":      {nil, "retry: Schedule is empty, must have at least one entry"},
		"empty":    {retry.Schedule{}, "retry: Schedule is empty, must have at least one entry"},
		"negative": {retry.Schedule{0, 1, 2, -time.Second}, "retry: Schedule[3] is -1s, must not be negative"},
		"too long": {retry.Schedule{century + 1}, "retry: Schedule[0] is 876000h0m0.000000001s, must not exceed 876000h0m0s"},
		"two faults": {
			retry.Schedule{-1, 0, math.MinInt64},
			"retry: Schedule[0] is -1ns, must not be negative\n" +
				"retry: Schedule[2] is -2562047h47m16.854775808s, must not be negative",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, tc.schedule.Validate(), tc.want)
		})
	}
}

// Not parallel: AllocsPerRun counts the allocations of the whole process.
func TestScheduleNextDoesNotAllocate(t *testing.T) {
	var p retry.Policy = retry.Schedule{0, time.Second}
	if n := testing.AllocsPerRun(100, func() { p.Next(1, retry.Result{}) }); n != 0 {
		t.Errorf("Next allocates %v times, want 0", n)
	}
}
