package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

// Again is what a handler returns when the delivery is not done: it is to be
// handled once more, after Wait.
type Again struct {
	Wait time.Duration
	// Err says why, for asynq's tools.
	Err error
	// Failed counts it as a failure in asynq's statistics.
	Failed bool
}

// Error implements error.
func (a *Again) Error() string { return fmt.Sprintf("again in %s: %v", a.Wait, a.Err) }

// Unwrap returns a.Err.
func (a *Again) Unwrap() error { return a.Err }

// Handler handles a delivery. It returns nil when the wake-up is done with,
// and *[Again] when there is to be another. Any other error means again in a
// second. It must not panic.
type Handler func(ctx context.Context, ref Ref) error

// RunOptions says how to run handlers.
type RunOptions struct {
	// Handlers is the number of handlers that run at once in each shard.
	Handlers int
	// ShutdownTimeout bounds how long handlers may go on after the stop.
	ShutdownTimeout time.Duration
}

// Run handles wake-ups until ctx is done; then it takes no more, waits for the
// handlers that run, and cancels the context of those that still run after
// the ShutdownTimeout. It returns after the last handler has.
func (q *Queue) Run(ctx context.Context, opts RunOptions, handle Handler) error {
	workCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var running gate
	task := asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		if !running.enter() {
			return errStopped
		}
		defer running.leave()
		var ref Ref
		if err := json.Unmarshal(task.Payload(), &ref); err != nil || ref.Endpoint == "" {
			q.opts.Logger.Error("Queue: Dropping a task that is not one of ours", "error", err)
			return nil
		}
		return handle(ctx, ref)
	})
	log := newLogger(q.opts.Logger)
	servers := make([]*asynq.Server, 0, q.opts.Shards)
	var startErr error
	for i := range q.opts.Shards {
		server := asynq.NewServerFromRedisClient(q.opts.Redis, q.serverConfig(workCtx, opts, i, log))
		if startErr = server.Start(task); startErr != nil {
			startErr = fmt.Errorf("queue %s: start: %w", q.name(i), startErr)
			break
		}
		servers = append(servers, server)
	}
	var stopped sync.WaitGroup
	if startErr == nil {
		stopped.Go(func() { (&reaper{Queue: q}).run(ctx) })
		<-ctx.Done()
	}
	for _, server := range servers {
		stopped.Go(server.Shutdown)
	}
	stopped.Wait()
	// asynq no longer waits for a handler that outlived the ShutdownTimeout;
	// we do, because its goroutine is ours.
	cancel()
	running.closeAndWait()
	return startErr
}

func (q *Queue) serverConfig(workCtx context.Context, opts RunOptions, shard int, log *logger) asynq.Config {
	return asynq.Config{
		Concurrency:              opts.Handlers,
		Queues:                   map[string]int{q.name(shard): 1},
		BaseContext:              func() context.Context { return workCtx },
		TaskCheckInterval:        pollInterval,
		DelayedTaskCheckInterval: forwardInterval,
		ShutdownTimeout:          opts.ShutdownTimeout,
		RetryDelayFunc:           retryDelay,
		IsFailure:                isFailure,
		Logger:                   log,
		LogLevel:                 asynq.WarnLevel,
	}
}

func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	if again, ok := errors.AsType[*Again](err); ok {
		return max(again.Wait, lead) - lead
	}
	// A lost lease, or a handler that outlived taskTimeout.
	return time.Second
}

func isFailure(err error) bool {
	again, ok := errors.AsType[*Again](err)
	return ok && again.Failed
}

var errStopped = errors.New("workers have stopped")

// gate counts those inside and, once closed, lets nobody in.
type gate struct {
	mu     sync.Mutex
	inside sync.WaitGroup
	closed bool
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

func (g *gate) leave() { g.inside.Done() }

func (g *gate) closeAndWait() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
