package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/store"
)

// describePending says of the deliveries that are pending how they stand in the
// Store and in Redis: how many of each kind, with one of them by name.
func (b *bench) describePending() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 20*time.Second)
	defer cancel()
	direct := b.direct()
	defer direct.Close()
	kinds := map[string]int{}
	example := map[string]string{}
	filter := store.DeliveryFilter{Tenant: store.AllTenants, States: []store.DeliveryState{store.Pending}, Limit: store.MaxLimit}
	page, err := b.host.store.ListDeliveries(ctx, filter)
	if err != nil {
		return err.Error()
	}
	for _, d := range page.Items {
		kind := fmt.Sprintf("after %d attempts, %s, %s", d.Attempts, due(d), taskState(ctx, direct, d))
		kinds[kind]++
		example[kind] = d.ID
	}
	var lines []string
	for kind, n := range kinds {
		lines = append(lines, fmt.Sprintf("%d %s, such as %s", n, kind, example[kind]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

func due(d store.Delivery) string {
	overdue := time.Since(d.NextAttemptAt)
	switch {
	case overdue < 0:
		return "not due yet"
	case overdue < 10*time.Second:
		return "due"
	}
	return "overdue for more than 10 s"
}

// taskState is where Redis has the delivery's task, by the keys that asynq gives
// it in the default queues.
func taskState(ctx context.Context, direct *redis.Client, d store.Delivery) string {
	id := fmt.Sprintf("%s.%d", d.ID, d.Round)
	var queue, found string
	for shard := range 4 {
		queue = fmt.Sprintf("asynq:{outhook:%d}:", shard)
		state, err := direct.HGet(ctx, queue+"t:"+id, "state").Result()
		if err == nil {
			found = "task " + state
			break
		}
		if !errors.Is(err, redis.Nil) {
			return "Redis says " + err.Error()
		}
	}
	if found == "" {
		return "no task"
	}
	for _, set := range []string{"lease", "retry", "scheduled", "archived"} {
		if direct.ZScore(ctx, queue+set, id).Err() == nil {
			found += " in " + set
		}
	}
	for _, list := range []string{"pending", "active"} {
		if direct.LPos(ctx, queue+list, id, redis.LPosArgs{}).Err() == nil {
			found += " in " + list
		}
	}
	return found
}
