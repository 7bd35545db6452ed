package queue

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
)

// TestTakeUnderALimitThatWasRaised: what the lower limit had used up is no debt.
func TestTakeUnderALimitThatWasRaised(t *testing.T) {
	t.Parallel()
	q := New(Options{Redis: testenv.Redis(t).Client(), Name: "q", Shards: 1, Logger: slog.New(slog.DiscardHandler)})
	e := Endpoint{Tenant: "t", ID: "ep"}
	for range 5 {
		if ok, _, err := q.Take(context.Background(), e, 1000*time.Second, 5); err != nil || !ok {
			t.Fatalf("a turn of the burst: %v, %v", ok, err)
		}
	}
	ok, wait, err := q.Take(context.Background(), e, 1000*time.Second, 5)
	if err != nil || ok || wait < 900*time.Second || wait > 1000*time.Second {
		t.Fatalf("behind the burst: %v, %s, %v", ok, wait, err)
	}
	ok, wait, err = q.Take(context.Background(), e, 100*time.Millisecond, 1)
	if err != nil || ok || wait > 100*time.Millisecond {
		t.Errorf("under the limit that was raised: %v, %s, %v", ok, wait, err)
	}
}
