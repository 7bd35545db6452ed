// Package queue is the wake-up call of a delivery: one asynq task per
// delivery, whose only job is to run a handler when the delivery is due. It is
// the only package that imports asynq, and knows neither the Store nor HTTP.
//
// How asynq is used, and why:
//
//   - The payload holds ids alone, because asynq sends the payload of every
//     active task again with each heartbeat. The Store decides everything.
//   - The task id is the delivery id and its round, so that enqueueing twice
//     is harmless.
//   - asynq's retry set is the timer between attempts: the handler returns
//     [Again] with the wait. asynq's own retry count and schedule play no part,
//     and MaxRetry is so large that nothing is ever archived.
//   - There are several queues, one asynq.Server each, because a Server has a
//     single dequeue loop that makes a round trip per task. A delivery's queue
//     is chosen by a hash of its endpoint.
//   - asynq keeps due times in whole seconds, rounded down, and polls. Tasks are
//     therefore asked for a little early (see lead), and the handler waits out
//     the rest.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	taskType = "outhook:delivery"

	// pollInterval is how often an idle Server looks for a task that is ready,
	// forwardInterval how often it looks for one that has become due.
	pollInterval    = 40 * time.Millisecond
	forwardInterval = 100 * time.Millisecond

	// lead is how much earlier than due a task is asked for: longer than both
	// polls together, so that it is in the handler's hands in time.
	lead = 300 * time.Millisecond

	// MaxEarly is how long before its time a task may reach the handler: the
	// lead, the second that asynq rounds away, and some slack.
	MaxEarly = lead + 1200*time.Millisecond

	// taskTimeout is a backstop far above what a handler takes. asynq counts in
	// seconds, and on expiry stops waiting for the handler without ending it.
	taskTimeout = 30 * time.Minute

	// maxRetry keeps asynq from archiving a task: an archived task never runs
	// again, and its id stays taken.
	maxRetry = 1 << 20
)

// Ref names a delivery's wake-up, and where it goes.
type Ref struct {
	Tenant   string `json:"t"`
	Endpoint string `json:"e"`
	Delivery string `json:"d"`
	Round    int    `json:"r"`
}

// Options says which queues to use.
type Options struct {
	// Redis is never closed by this package.
	Redis redis.UniversalClient
	// Name begins the name of each queue.
	Name string
	// Shards is the number of queues.
	Shards int
	// Logger gets asynq's own messages.
	Logger *slog.Logger
}

// Queue enqueues wake-ups, and runs a handler for those that are due.
type Queue struct {
	opts   Options
	client *asynq.Client
}

// New returns a Queue. It does not contact Redis.
func New(opts Options) *Queue {
	return &Queue{opts: opts, client: asynq.NewClientFromRedisClient(opts.Redis)}
}

// Enqueue asks for ref's delivery to be handled at the time at, in the queue
// of its endpoint. It reports false if the wake-up is there already.
func (q *Queue) Enqueue(ctx context.Context, ref Ref, at time.Time) (bool, error) {
	payload, err := json.Marshal(ref)
	if err != nil {
		return false, fmt.Errorf("delivery %s: encode its task: %w", ref.Delivery, err)
	}
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(taskType, payload),
		asynq.TaskID(taskID(ref)),
		asynq.Queue(q.name(q.shard(ref.Endpoint))),
		asynq.MaxRetry(maxRetry),
		asynq.Timeout(taskTimeout),
		asynq.ProcessAt(at.Add(-lead)),
	)
	switch {
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("delivery %s: enqueue: %w", ref.Delivery, err)
	}
	return true, nil
}

func (q *Queue) name(shard int) string {
	return q.opts.Name + ":" + strconv.Itoa(shard)
}

// key is the name of one of asynq's keys. Their shape is no part of its API: the
// tests hold it against the version in go.mod.
func (q *Queue) key(shard int, part string) string {
	return "asynq:{" + q.name(shard) + "}:" + part
}

func (q *Queue) shard(endpoint string) int {
	h := fnv.New32a()
	h.Write([]byte(endpoint))
	return int(h.Sum32() % uint32(q.opts.Shards))
}

func taskID(ref Ref) string {
	return ref.Delivery + "." + strconv.Itoa(ref.Round)
}
