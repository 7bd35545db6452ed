package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// takeTurn is the generic cell rate algorithm (ITU-T I.371): what is kept is the
// time at which the endpoint will have rested fully. It goes by the clock of Redis,
// which all processes share. It returns whether a turn was taken, and the
// microseconds until there is another.
var takeTurn = redis.NewScript(`
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call("GET", KEYS[1]) or now), now)
full = math.min(full, now + burst * interval) -- the limit may have been raised, or the clock put back
local slack = (burst - 1) * interval
if full - slack > now then
	return {0, full - slack - now}
end
full = full + interval
redis.call("SET", KEYS[1], string.format("%.0f", full), "PX", math.ceil((full - now) / 1000))
return {1, math.max(full - slack - now, 0)}
`)

// Take takes a turn of the endpoint, of which there is one every interval and,
// after a rest, burst at once. It reports whether there was one, and how long it
// is until the next.
func (q *Queue) Take(ctx context.Context, e Endpoint, interval time.Duration, burst int) (ok bool, wait time.Duration, err error) {
	keys := []string{q.ownKey("rate", e)}
	answer, err := takeTurn.Run(ctx, q.opts.Redis, keys, max(interval.Microseconds(), 1), burst).Int64Slice()
	if err != nil || len(answer) != 2 {
		return false, 0, fmt.Errorf("endpoint %s: take a turn: %w", e.ID, err)
	}
	return answer[0] == 1, time.Duration(answer[1]) * time.Microsecond, nil
}
