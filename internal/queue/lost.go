package queue

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// findLost returns which of the wake-ups will never run: asynq has no task of
// that id, or it has lost sight of the task. Then the id is taken, but the list
// or set that the task's state names does not have it (after an eviction, or a
// write that was lost), or somebody archived it with asynq's tools: what is left
// of such a task is removed, so that it can be enqueued again. Whether a list
// has a pending task would take too long to see: only if it is empty it has not.
//
//nolint:dupword // Lua closes blocks with end
var findLost = redis.NewScript(`
local active, lease, pending, retry, scheduled, archived = unpack(KEYS)
local waiting = redis.call("LLEN", pending) > 0
local lost = {}
for i = 2, #ARGV do
	local id, task = ARGV[i], ARGV[1] .. ARGV[i]
	local state = redis.call("HGET", task, "state")
	local has = false
	if state == "pending" then
		has = waiting
	elseif state == "active" then
		has = redis.call("ZSCORE", lease, id)
	elseif state == "retry" then
		has = redis.call("ZSCORE", retry, id)
	elseif state == "scheduled" then
		has = redis.call("ZSCORE", scheduled, id)
	end
	if not has then
		if redis.call("EXISTS", task) == 1 then
			redis.call("LREM", active, 0, id)
			redis.call("ZREM", lease, id)
			redis.call("ZREM", archived, id)
			redis.call("DEL", task)
		end
		lost[#lost + 1] = i - 2
	end
end
return lost
`)

// Lost returns the indexes of those wake-ups that will never run unless they are
// enqueued again. It makes a round trip for each queue, however many there are.
func (q *Queue) Lost(ctx context.Context, refs []Ref) ([]int, error) {
	indexes := make([][]int, q.opts.Shards) // in refs
	args := make([][]any, q.opts.Shards)
	for i, ref := range refs {
		shard := q.shard(ref.Endpoint)
		indexes[shard] = append(indexes[shard], i)
		args[shard] = append(args[shard], taskID(ref))
	}
	var lost []int
	for shard, ids := range args {
		if len(ids) == 0 {
			continue
		}
		keys := []string{
			q.key(shard, "active"), q.key(shard, "lease"), q.key(shard, "pending"),
			q.key(shard, "retry"), q.key(shard, "scheduled"), q.key(shard, "archived"),
		}
		found, err := findLost.Run(ctx, q.opts.Redis, keys, append([]any{q.key(shard, "t:")}, ids...)...).Int64Slice()
		if err != nil {
			return nil, fmt.Errorf("queue %s: look for tasks: %w", q.name(shard), err)
		}
		for _, i := range found {
			lost = append(lost, indexes[shard][i])
		}
	}
	return lost, nil
}
