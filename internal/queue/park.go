package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Endpoint names an endpoint, in all tenants.
type Endpoint struct{ Tenant, ID string }

// Of returns the endpoint that ref goes to.
func (r Ref) Of() Endpoint { return Endpoint{r.Tenant, r.Endpoint} }

// What is due for an endpoint that takes no more for now is parked: it waits in
// the Store, without a wake-up, until one process starts it. That process has
// claimed the endpoint. A claim ends by itself, so that a process that died, or
// a Redis that lost everything, leaves deliveries behind that are overdue and
// have neither a wake-up nor a claim: they are lost, and the sweeper finds them.

// claimFor takes or renews the claims of one owner.
//
//nolint:dupword // Lua closes blocks with end
var claimFor = redis.NewScript(`
local held = {}
for i, key in ipairs(KEYS) do
	local owner = redis.call("GET", key)
	if not owner or owner == ARGV[1] then
		redis.call("SET", key, ARGV[1], "PX", ARGV[2])
		held[#held + 1] = i - 1
	end
end
return held
`)

// unclaim ends the claims of one owner.
//
//nolint:dupword // Lua closes blocks with end
var unclaim = redis.NewScript(`
for _, key in ipairs(KEYS) do
	if redis.call("GET", key) == ARGV[1] then
		redis.call("DEL", key)
	end
end
return 0
`)

// Claim takes or renews, for so long, the claims on those endpoints that no
// other owner has, and returns them.
func (q *Queue) Claim(ctx context.Context, owner string, endpoints []Endpoint, hold time.Duration) ([]Endpoint, error) {
	var held []Endpoint
	err := q.eachShard(endpoints, func(of []Endpoint, keys []string) error {
		found, err := claimFor.Run(ctx, q.opts.Redis, keys, owner, hold.Milliseconds()).Int64Slice()
		for _, i := range found {
			held = append(held, of[i])
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim endpoints: %w", err)
	}
	return held, nil
}

// Unclaim ends the owner's claims on the endpoints.
func (q *Queue) Unclaim(ctx context.Context, owner string, endpoints []Endpoint) error {
	err := q.eachShard(endpoints, func(_ []Endpoint, keys []string) error {
		return unclaim.Run(ctx, q.opts.Redis, keys, owner).Err()
	})
	if err != nil {
		return fmt.Errorf("end claims on endpoints: %w", err)
	}
	return nil
}

// Owners returns who has claimed the endpoints, as far as Redis knows and tells.
func (q *Queue) Owners(ctx context.Context, endpoints []Endpoint) []string {
	var owners []string
	_ = q.eachShard(endpoints, func(_ []Endpoint, keys []string) error {
		values, err := q.opts.Redis.MGet(ctx, keys...).Result()
		for _, value := range values {
			if owner, ok := value.(string); ok {
				owners = append(owners, owner)
			}
		}
		return err
	})
	return owners
}

// eachShard calls do with the endpoints of each shard and the keys of their
// claims: in a cluster the keys of one call must be in one place.
func (q *Queue) eachShard(endpoints []Endpoint, do func(of []Endpoint, keys []string) error) error {
	of, keys := make([][]Endpoint, q.opts.Shards), make([][]string, q.opts.Shards)
	for _, e := range endpoints {
		shard := q.shard(e.ID)
		of[shard] = append(of[shard], e)
		keys[shard] = append(keys[shard], q.ownKey("parked", e))
	}
	for shard := range of {
		if len(of[shard]) == 0 {
			continue
		}
		if err := do(of[shard], keys[shard]); err != nil {
			return err
		}
	}
	return nil
}

// ownKey is the name of a key that is not asynq's, beside the queue of the
// endpoint. Quoted, no tenant runs into the endpoint's id.
func (q *Queue) ownKey(part string, e Endpoint) string {
	return "outhook:{" + q.name(q.shard(e.ID)) + "}:" + part + ":" + strconv.Quote(e.Tenant) + e.ID
}
