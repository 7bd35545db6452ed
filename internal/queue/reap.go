package queue

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A process that has taken wake-ups beats: asynq extends its leases every 5 s,
// to 30 s from then. A process that died does not. asynq itself gives its
// wake-ups back 61 to 94 s later; the reaper does within about 13 s.
//
// It cannot trust clocks, of which every host has its own, nor a Redis that was
// frozen or took no writes, where nobody could beat. So a wake-up is given back
// only when its lease was seen unchanged for longer than a beat takes, in readings
// without a gap between them, each of which could have been a beat. A process
// that hangs for that long, or cannot reach Redis, looks dead.
const (
	reapInterval = time.Second
	// suspectAfter is how old a beat is, by our clock, when we begin to watch the
	// wake-up. It only keeps down what is read.
	suspectAfter = 3 * time.Second
	// deadAfter is how long a lease must be seen unchanged: a beat's interval,
	// and half of one for a process that is short of CPU.
	deadAfter = 7500 * time.Millisecond
	// readingGap is the longest time between two readings of one watch.
	readingGap = 2500 * time.Millisecond
	// slowReading is the longest reading that counts. A beat makes four round trips:
	// four of these fit into deadAfter beside its interval.
	slowReading = 500 * time.Millisecond
	// asynqLease is what asynq extends leases to.
	asynqLease = 30 * time.Second
	// reapMost bounds what is read of one queue at once.
	reapMost = 2000
)

// giveBack moves a wake-up from its dead owner to the head of the queue, unless
// its lease has changed since it was seen. It returns 1 if it did. A wake-up
// whose task was evicted has no owner: asynq takes it, writes its state, finds
// no message and forgets it. The id is freed for the sweeper.
var giveBack = redis.NewScript(`
local lease, active, pending, task = unpack(KEYS)
local id, seen = ARGV[1], tonumber(ARGV[2])
local score = redis.call("ZSCORE", lease, id)
if not score or tonumber(score) ~= seen then
	return 0
end
redis.call("ZREM", lease, id)
redis.call("LREM", active, 0, id)
if redis.call("HEXISTS", task, "msg") == 0 then
	redis.call("DEL", task)
	return 0
end
redis.call("HSET", task, "state", "pending")
redis.call("RPUSH", pending, id)
return 1
`)

// reaper gives back the wake-ups of processes that died. Any number of
// processes reap at once.
type reaper struct {
	*Queue
	watched map[owned]watch
	last    time.Time // of the last reading
}

// owned is a wake-up that a process has taken.
type owned struct {
	shard int
	id    string
}

// watch is a lease as it was first seen.
type watch struct {
	score float64
	since time.Time
}

func (r *reaper) run(ctx context.Context) {
	tick := time.NewTicker(reapInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, err := r.reap(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // asynq says often enough that Redis is away
			r.opts.Logger.Debug("Queue: Could not look for workers that died", "error", err)
		case n > 0:
			r.opts.Logger.Warn("Queue: Gave back what a worker that died had taken", slog.Int("deliveries", n))
		}
	}
}

// reap reads the leases once. It returns how many wake-ups it gave back.
func (r *reaper) reap(ctx context.Context, now time.Time) (given int, err error) {
	began := time.Now()
	leases, err := r.oldLeases(ctx, now.Add(asynqLease-suspectAfter))
	if err != nil {
		r.watched = nil
		return 0, err
	}
	if now.Sub(r.last) > readingGap || time.Since(began) > slowReading {
		r.watched = nil
	}
	r.last = now
	watched := make(map[owned]watch, len(leases))
	for of, score := range leases {
		w, known := r.watched[of]
		if !known || w.score != score {
			w = watch{score, now}
		}
		if now.Sub(w.since) < deadAfter {
			watched[of] = w
			continue
		}
		did, err := r.giveBack(ctx, of, score)
		if err != nil {
			r.watched = nil
			return given, err
		}
		if did {
			given++
		}
	}
	r.watched = watched
	return given, nil
}

// beatKeys are what asynq writes to at each beat before it extends the leases. In
// a Redis Cluster they may be on a node that has none of the queues.
func beatKeys() []string { return []string{"asynq:servers", "asynq:workers"} }

// oldLeases returns the leases that end before the given time. It fails if Redis
// does not take the writes of a beat: it has no memory left, or no replica, or
// cannot save.
func (r *reaper) oldLeases(ctx context.Context, end time.Time) (map[owned]float64, error) {
	pipe := r.opts.Redis.Pipeline()
	for _, key := range beatKeys() {
		tryWrite(ctx, pipe, key)
	}
	replies := make([]*redis.ZSliceCmd, r.opts.Shards)
	for i := range replies {
		tryWrite(ctx, pipe, r.key(i, "lease"))
		replies[i] = pipe.ZRangeByScoreWithScores(ctx, r.key(i, "lease"), &redis.ZRangeBy{
			Min: "-inf", Max: "(" + strconv.FormatInt(end.Unix(), 10), Count: reapMost,
		})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("queue %s: read the leases: %w", r.opts.Name, err)
	}
	leases := map[owned]float64{}
	for i, reply := range replies {
		for _, z := range reply.Val() {
			leases[owned{i, fmt.Sprint(z.Member)}] = z.Score
		}
	}
	return leases, nil
}

// tryWrite asks for a write to a sorted set that changes nothing: no member is "".
func tryWrite(ctx context.Context, pipe redis.Pipeliner, key string) {
	pipe.ZAddXX(ctx, key, redis.Z{Member: ""})
}

func (r *reaper) giveBack(ctx context.Context, of owned, score float64) (bool, error) {
	keys := []string{
		r.key(of.shard, "lease"), r.key(of.shard, "active"),
		r.key(of.shard, "pending"), r.key(of.shard, "t:"+of.id),
	}
	did, err := giveBack.Run(ctx, r.opts.Redis, keys, of.id, strconv.FormatFloat(score, 'f', -1, 64)).Bool()
	if err != nil {
		return false, fmt.Errorf("task %s: give it back: %w", of.id, err)
	}
	return did, nil
}
