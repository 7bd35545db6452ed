package sender

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/store"
)

// waitingRoom is how many handlers of each queue may wait, for their time or a
// slot, beside those that make attempts.
const waitingRoom = 256

// RunWorkers delivers, and carries out what [StartReplay] has started, until ctx is
// done. It may run in any number of processes at once. When ctx is done it takes no
// more deliveries, lets the attempts under way finish within Config.ShutdownTimeout,
// and returns nil; no goroutine of its own is left. An attempt that is cut off is made
// again later.
//
// It returns an error only if the Config is at fault. A Redis or Store that is
// down, at the start or later, is waited for.
func RunWorkers(ctx context.Context, cfg Config) error {
	e, err := newEngine(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &worker{
		engine:    e,
		transport: e.cfg.Transport,
		lanes:     newLanes(ctx, e),
		stop:      ctx.Done(),
		held:      map[string]struct{}{},
		// Some records that always fail must not keep everybody from the others.
		loads: gate{tolerance: 2, longest: time.Second},
	}
	if w.transport == nil {
		own, err := NewTransport(e.cfg, TransportOptions{})
		if err != nil {
			return err
		}
		defer own.CloseIdleConnections()
		w.transport = own
	}
	w.log.Info("Workers: Started", slog.Int("concurrency", e.cfg.Concurrency), slog.Int("shards", e.cfg.Shards))
	var keeping sync.WaitGroup
	keeping.Go(func() { newSweeper(e).run(ctx) })
	keeping.Go(func() { purger{e}.run(ctx) })
	keeping.Go(func() { roller{e}.run(ctx) })
	replayer := &replayer{client: &client{engine: e}}
	keeping.Go(func() { replayer.run(ctx) })
	w.runLanes(ctx, &keeping)
	err = e.queue.Run(ctx, queue.RunOptions{
		Handlers:        e.cfg.Concurrency + waitingRoom,
		ShutdownTimeout: e.cfg.ShutdownTimeout,
	}, w.handle)
	cancel()
	keeping.Wait()
	w.log.Info("Workers: Stopped")
	return err
}

// runLanes starts what is parked, until ctx is done, and lets it finish within the
// ShutdownTimeout from then.
func (w *worker) runLanes(ctx context.Context, keeping *sync.WaitGroup) {
	workCtx, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	w.lanes.isHeld = w.holds
	w.lanes.start = func(ref queue.Ref, p *permit) { w.handleParked(workCtx, ref, p) }
	keeping.Go(func() {
		defer cutOff()
		w.lanes.run(ctx)
		late := time.AfterFunc(w.cfg.ShutdownTimeout, cutOff)
		defer late.Stop()
		w.lanes.leave()
	})
}

// worker makes the attempts of one RunWorkers.
type worker struct {
	*engine
	transport http.RoundTripper
	lanes     *lanes
	stop      <-chan struct{} // closed when no more work is to begin

	loads gate // closed while the Store cannot be read

	mu   sync.Mutex
	held map[string]struct{} // deliveries that a handler has
}

var (
	errNotDue   = errors.New("not due yet")
	errStopping = errors.New("workers are stopping")
	errBusy     = errors.New("another task of the delivery is being handled")
	errStore    = errors.New("the store failed")
	errFailed   = errors.New("attempt failed")
)

// handle makes the next attempt of a delivery when it is due. The Store alone
// decides whether there is one: the task may be late, early, doubled or for a
// round that is over.
func (w *worker) handle(ctx context.Context, ref queue.Ref) error {
	if !w.hold(ref.Delivery) {
		return &queue.Again{Wait: time.Second, Err: errBusy}
	}
	defer w.release(ref.Delivery)
	if err := w.work(ctx, ref, nil); !errors.Is(err, errParked) {
		return err
	}
	return nil
}

// handleParked does the same for a delivery that was parked, and has no task. If
// it needs one, and gets none, the sweeper or its lane finds it.
func (w *worker) handleParked(ctx context.Context, ref queue.Ref, p *permit) {
	if !w.hold(ref.Delivery) {
		p.end()
		return
	}
	defer w.release(ref.Delivery)
	again, ok := errors.AsType[*queue.Again](w.work(ctx, ref, p))
	if !ok || errors.Is(again, errStopping) {
		return
	}
	at := time.Now().Add(again.Wait)
	for range parkedTries {
		added, err := w.queue.Enqueue(ctx, ref, at)
		if added || err != nil || !w.sleep(ctx, parkedRest) {
			return
		}
		// The task that it had before it was parked is about to end.
	}
}

const (
	parkedTries = 5
	parkedRest  = 100 * time.Millisecond
)

// work makes the attempt when it is due. A permit that is given is for the first
// look.
func (w *worker) work(ctx context.Context, ref queue.Ref, p *permit) error {
	for {
		// While the Store is down tasks wait here, and the rest in Redis.
		// Not with a permit in hand: who is let through to see would wait for it.
		for wait := w.loads.wait(); p == nil && wait > 0; wait = w.loads.wait() {
			if !w.sleep(ctx, wait) {
				return &queue.Again{Err: errStopping}
			}
		}
		if p == nil {
			var err error
			if p, err = w.lanes.enter(ctx, ref); err != nil {
				w.loads.unused()
				return err
			}
		}
		parked := p.parked
		wait, err := w.attemptIfDue(ctx, ref, p)
		p = nil
		if !errors.Is(err, errNotDue) {
			return err
		}
		// What was parked has no task that would keep other processes from it.
		if wait > queue.MaxEarly || parked {
			return &queue.Again{Wait: wait, Err: errNotDue}
		}
		if !w.sleep(ctx, wait) {
			return &queue.Again{Wait: wait, Err: errStopping}
		}
	}
}

// attemptIfDue makes the attempt, and gives the permit back. If it is not due it
// returns errNotDue and the wait: nobody waits for the time with a permit in hand.
func (w *worker) attemptIfDue(ctx context.Context, ref queue.Ref, p *permit) (time.Duration, error) {
	defer p.end()
	job, found, err := w.load(ctx, ref)
	if err != nil || !found {
		return 0, err
	}
	d := job.Delivery
	if d.State != store.Pending || d.Round != ref.Round {
		return 0, nil
	}
	if wait := time.Until(d.NextAttemptAt); wait > 0 {
		return wait, errNotDue
	}
	if job.Endpoint != nil {
		p.see(*job.Endpoint)
	}
	if reason := unservable(job); reason != "" {
		return 0, w.cancel(ctx, d, reason)
	}
	if p.blocked() || !p.turn(ctx, w.cfg.rateLimit(*job.Endpoint)) {
		p.putBack(ref)
		return 0, errParked
	}
	return 0, w.deliver(ctx, job, p)
}

// load reads what the attempt needs. A delivery that is not in the Store has no
// attempt to make.
func (w *worker) load(ctx context.Context, ref queue.Ref) (job store.Job, found bool, err error) {
	loadCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	job, err = store.LoadJob(loadCtx, w.cfg.Store, ref.Tenant, ref.Delivery)
	switch {
	case err == nil:
		w.loads.worked()
		return job, true, nil
	case errors.Is(err, store.ErrNotFound):
		w.loads.worked()
		w.log.Warn("Worker: Dropping a task whose delivery is not in the store", "delivery", ref.Delivery)
		return store.Job{}, false, nil
	case ctx.Err() != nil:
		w.loads.unused()
		return store.Job{}, false, &queue.Again{Err: errStopping}
	}
	if w.loads.failed(ref.Delivery) {
		w.log.Error("Worker: Could not load a delivery", "delivery", ref.Delivery, "error", err)
	}
	return store.Job{}, false, storeFailed()
}

// deliver makes an attempt and records it.
func (w *worker) deliver(ctx context.Context, job store.Job, p *permit) error {
	p.ask()
	r := w.attempt(ctx, w.transport, job)
	pause := w.pauseOf(r)
	p.hear(r, pause)
	if r.cutOff {
		// That says nothing about the endpoint.
		w.log.Info("Worker: Attempt cut off; it will be made again", "delivery", job.Delivery.ID)
		return &queue.Again{Err: errStopping}
	}
	d, err := w.record(ctx, job, r)
	if err != nil {
		w.log.Error("Worker: An attempt was made and could not be recorded; it will be made again",
			"delivery", job.Delivery.ID, "error", err)
		return storeFailed()
	}
	if pause > 0 {
		p.see(w.pauseEndpoint(ctx, *job.Endpoint, r.attempt.EndedAt.Add(pause)))
	}
	if d.State != store.Pending || d.Round != job.Delivery.Round {
		return nil
	}
	return &queue.Again{Wait: time.Until(d.NextAttemptAt), Err: errFailed, Failed: true}
}

// unservable says why a delivery cannot be attempted at all; empty if it can.
func unservable(job store.Job) string {
	switch {
	case job.Endpoint == nil:
		return "the endpoint was deleted"
	case job.Endpoint.Disabled:
		return "the endpoint is disabled"
	case job.Delivery.Trigger == store.TriggerTest:
		return "the process that sent the test ended before the answer came"
	case job.Event == nil || len(job.Event.Payload) == 0:
		return "the event's payload is no longer kept"
	}
	return ""
}

// cancel ends a delivery without an attempt.
func (w *worker) cancel(ctx context.Context, d store.Delivery, reason string) error {
	d.State = store.Canceled
	d.UpdatedAt = now()
	d.EndedAt = d.UpdatedAt
	d.NextAttemptAt = time.Time{}
	d.LastErrorClass, d.LastError = store.ErrorEndpoint, reason
	writeCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := w.cfg.Store.UpdateDelivery(writeCtx, d, nil)
	switch {
	case errors.Is(err, store.ErrConflict):
		return &queue.Again{Err: err} // look at it afresh
	case err != nil:
		w.log.Error("Worker: Could not cancel a delivery", "delivery", d.ID, "error", err)
		return storeFailed()
	}
	d.Version++
	w.log.Info("Worker: Canceled a delivery", "delivery", d.ID, "reason", reason)
	callHooks(w.engine, func(h HookDeliveryCanceled) { h.DeliveryCanceled(ctx, DeliveryCanceled{Delivery: d}) })
	return nil
}

// storeFailed is the wait before a Store that failed is asked again: spread
// out, so that its return is not met by everybody at once.
func storeFailed() error {
	return &queue.Again{Wait: time.Second + rand.N(4*time.Second), Err: errStore}
}

// sleep waits, and reports false if the workers stop meanwhile or asynq has
// given the task up.
func (w *worker) sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-w.stop:
	case <-ctx.Done():
	}
	return false
}

// hold claims a delivery within this process: a second task of it, which the
// sweeper may have added after Redis lost the first, must not overtake an
// attempt under way.
func (w *worker) hold(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.held[id]; taken {
		return false
	}
	w.held[id] = struct{}{}
	return true
}

func (w *worker) holds(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, taken := w.held[id]
	return taken
}

func (w *worker) release(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.held, id)
}
