package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// leaseGrace is how long after its lease a task is left to asynq's recoverer,
// which acts 30 to 90 s after a lease has ended.
const leaseGrace = 2 * time.Minute

// removeStranded removes a task that will never run, and only such a one: its
// hash is there, so that its id is taken, but the list or set that its state
// names does not have it (after an eviction, or a dequeue whose reply was
// lost), or its lease ended long ago, or somebody archived it with asynq's
// tools. It returns 1 if it removed the task.
var removeStranded = redis.NewScript(`
local task, active, lease, pending, retry, scheduled, archived = unpack(KEYS)
local id, leases_ended = ARGV[1], tonumber(ARGV[2])
local state = redis.call("HGET", task, "state")
local has = state ~= "archived"
if state == "active" then
	local score = redis.call("ZSCORE", lease, id)
	has = score and tonumber(score) > leases_ended
elseif state == "pending" then
	has = redis.call("LLEN", pending) > 0
elseif state == "retry" then
	has = redis.call("ZSCORE", retry, id)
elseif state == "scheduled" then
	has = redis.call("ZSCORE", scheduled, id)
end
if has then
	return 0
end
redis.call("LREM", active, 0, id)
redis.call("ZREM", lease, id)
redis.call("ZREM", archived, id)
redis.call("DEL", task)
return 1
`)

// RemoveStranded removes ref's wake-up if asynq has lost sight of it, so that
// it can be enqueued again, and reports whether it did. A wake-up that may
// still come is left alone.
func (q *Queue) RemoveStranded(ctx context.Context, ref Ref, endpoint string) (bool, error) {
	shard, id := q.shard(endpoint), taskID(ref)
	keys := []string{
		q.key(shard, "t:"+id), q.key(shard, "active"), q.key(shard, "lease"),
		q.key(shard, "pending"), q.key(shard, "retry"), q.key(shard, "scheduled"),
		q.key(shard, "archived"),
	}
	ended := time.Now().Add(-leaseGrace).Unix()
	removed, err := removeStranded.Run(ctx, q.opts.Redis, keys, id, ended).Bool()
	if err != nil {
		return false, fmt.Errorf("delivery %s: look for its task: %w", ref.Delivery, err)
	}
	return removed, nil
}
