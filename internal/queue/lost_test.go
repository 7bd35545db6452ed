package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// TestLost: a task in each of the states it can be in, as asynq has it and then
// as a fault leaves it.
func TestLost(t *testing.T) {
	t.Parallel()
	const id = "dlv_1.1"
	now := time.Now()
	del := func(part string) func(context.Context, *redis.Client) {
		return func(ctx context.Context, c *redis.Client) { c.Del(ctx, "asynq:{q:0}:"+part) }
	}
	tests := map[string]struct {
		at    time.Time
		state string
		fault func(ctx context.Context, c *redis.Client) // what makes it lost
	}{
		"pending":   {now, "pending", del("pending")},
		"scheduled": {now.Add(time.Hour), "scheduled", del("scheduled")},
		"archived":  {now.Add(time.Hour), "scheduled", nil}, // as with asynqmon's button
		"retry":     {now, "retry", del("retry")},
		"active":    {now, "active", del("lease")},
		"removed":   {now, "pending", del("t:" + id)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 1)
			client := b.redis.Client()
			ref := Ref{Tenant: "t", Endpoint: "ep_1", Delivery: "dlv_1", Round: 1}
			isLost := func(want bool) {
				t.Helper()
				if lost, err := b.Lost(b.ctx, []Ref{ref}); err != nil || (len(lost) == 1) != want {
					t.Fatalf("Lost = %v, %v; want it lost: %v", lost, err, want)
				}
			}
			isLost(true) // there is none
			b.enqueue(t, ref, test.at)
			began, resume := make(chan struct{}, 1), make(chan error)
			if test.state == "retry" || test.state == "active" {
				stop := b.run(t, func(context.Context, Ref) error {
					began <- struct{}{}
					return <-resume
				})
				defer stop()
				defer close(resume)
				receive(t, began)
			}
			if test.state == "retry" {
				resume <- &Again{Wait: time.Hour, Err: errors.New("why")}
			}
			for client.HGet(b.ctx, "asynq:{q:0}:t:"+id, "state").Val() != test.state {
				if b.ctx.Err() != nil {
					t.Fatalf("the task does not become %s", test.state)
				}
			}
			isLost(false) // it may still come
			if test.fault == nil {
				if err := asynq.NewInspectorFromRedisClient(client).ArchiveTask("q:0", id); err != nil {
					t.Fatal(err)
				}
			} else {
				test.fault(b.ctx, client)
			}
			isLost(true)
			if left := client.Exists(b.ctx, "asynq:{q:0}:t:"+id).Val(); left != 0 {
				t.Error("the task's remains are still there")
			}
			b.enqueue(t, ref, now.Add(time.Hour)) // its id is free
			isLost(false)
		})
	}
}

// TestLostOfMany: the indexes are those of what was asked for, in any queue.
func TestLostOfMany(t *testing.T) {
	t.Parallel()
	b := newBench(t, 3)
	var all []Ref
	var want []int
	for i := range 100 {
		w := Ref{Tenant: "t", Endpoint: fmt.Sprintf("ep_%d", i%7), Delivery: fmt.Sprintf("dlv_%d", i), Round: 1}
		all = append(all, w)
		if i%3 == 0 {
			want = append(want, i)
			continue
		}
		if _, err := b.Enqueue(b.ctx, w, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	lost, err := b.Lost(b.ctx, all)
	slices.Sort(lost)
	if err != nil || !slices.Equal(lost, want) {
		t.Errorf("Lost = %v, %v; want %v", lost, err, want)
	}
	if lost, err := b.Lost(b.ctx, nil); err != nil || len(lost) != 0 {
		t.Errorf("Lost of none = %v, %v", lost, err)
	}
}
