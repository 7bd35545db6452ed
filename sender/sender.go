package sender

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/outhook/outhook/internal/queue"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

// Event is what the host sends.
type Event struct {
	// ID identifies the event within its tenant: up to 128 printable ASCII
	// characters without a space and without a '.'. It is the webhook-id that
	// receivers see. Sending an ID twice delivers it once, so a host that may
	// call Send again after an error gives an ID of its own.
	// Defaults to "evt_" and a new UUIDv7.
	ID string
	// Tenant is the host's customer that the event is about. Required.
	Tenant string
	// Type is what endpoints subscribe to: words of letters, digits, '_' and
	// '-', joined by '.', such as "review.completed". Required.
	Type string
	// Payload is the request body. It is sent and signed byte for byte as it
	// is here. Required; Config.MaxPayload bounds it.
	Payload []byte
	// ContentType is the request's Content-Type.
	// Defaults to "application/json".
	ContentType string
	// Hops counts the webhooks that led to this event, one causing the next, up
	// to Config.MaxHops. A host that sends an event because of a webhook that it
	// received sets it to [Hops] of that request's header; two products that
	// are subscribed to each other then come to an end.
	Hops int
}

// Receipt says what Send accepted.
type Receipt struct {
	// EventID is the event's ID, given or made.
	EventID string
	// Duplicate reports that the event had been accepted before; nothing was
	// written now.
	Duplicate bool
	// Deliveries are the event's deliveries, one for each endpoint that was
	// subscribed when it was first accepted. There may be none.
	Deliveries []store.Delivery

	event *store.Event // that the hooks are told of; nil if they have been
}

// Sender sends events. It is safe for concurrent use and holds nothing that
// needs closing. The interface stays as small as it is, so that hosts can fake
// it; package sendertest has a fake.
type Sender interface {
	// Send accepts the event for every enabled endpoint of its tenant that
	// subscribes to its type. When it returns without an error, the event and
	// its deliveries are in the Store, and each will reach its endpoint at
	// least once or end as a recorded failure, whatever happens to Redis or
	// this process. When it returns an error nothing was accepted, unless the
	// Store wrote and its answer was lost: to send the same event again
	// safely, give it an ID.
	//
	// The error wraps ErrInvalid if the event itself is at fault, and then
	// ErrTooManyHops if it comes of a loop, ErrEventIDReused if its ID was used
	// for another type or payload, and ErrTooManyPending if the tenant's backlog
	// is full (Config.MaxPending).
	Send(ctx context.Context, e Event) (Receipt, error)

	// Resend attempts one delivery now, in whatever state it is, and if that
	// fails follows the whole retry schedule anew: a new round. The receiver
	// sees the same webhook-id.
	//
	// The error wraps store.ErrNotFound if the tenant has no such delivery or
	// its endpoint was deleted, ErrEndpointDisabled if it is disabled, and
	// ErrInvalid if the delivery is a ping's.
	Resend(ctx context.Context, tenant, deliveryID string) (store.Delivery, error)

	// Replay resends all deliveries that match the filter. If it is cut short
	// by an error, calling it again goes on where it stopped, because those it
	// has reached are pending and match no more.
	Replay(ctx context.Context, f ReplayFilter) (ReplayResult, error)
}

// ValidateEvent checks an event as Send does, without sending it: every fault at
// once, each a *FieldError.
func ValidateEvent(cfg Config, e Event) error {
	return e.validate(cfg.withDefaults())
}

// New returns a Sender. It reports every fault of the Config at once, each a
// *FieldError, and contacts neither Redis nor the Store.
func New(cfg Config) (Sender, error) {
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	return &client{engine: e}, nil
}

// engine is what sending and delivering share.
type engine struct {
	cfg       Config
	queue     *queue.Queue
	log       *slog.Logger
	recordFor time.Duration // defaultRecordFor, but in tests
	enqueues  atomic.Int64  // that Redis has answered
}

func newEngine(cfg Config) (*engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	q := queue.New(queue.Options{Redis: cfg.Redis, Name: cfg.Queue, Shards: cfg.Shards, Logger: cfg.Logger})
	return &engine{cfg: cfg, queue: q, log: cfg.Logger, recordFor: defaultRecordFor}, nil
}

// client is the Sender.
type client struct {
	*engine
	redis    gate // closed while Redis is down
	backlogs backlogs
}

var _ TxSender = (*client)(nil)

// Send implements [Sender].
func (c *client) Send(ctx context.Context, e Event) (Receipt, error) {
	receipt, err := c.accept(ctx, c.cfg.Store, e)
	if err != nil {
		return Receipt{}, err
	}
	c.Wake(ctx, receipt)
	receipt.event = nil
	return receipt, nil
}

// fanOut makes a delivery for each endpoint that gets the event.
func (c *client) fanOut(ctx context.Context, in store.Store, event store.Event) ([]store.Delivery, error) {
	var deliveries []store.Delivery
	filter := store.EndpointFilter{Tenant: event.Tenant, Limit: store.MaxLimit}
	for endpoint, err := range store.AllEndpoints(ctx, in, filter) {
		if err != nil {
			return nil, err
		}
		if endpoint.Disabled || !endpoint.Subscribes(event.Type) {
			continue
		}
		d := newDelivery(event, endpoint.ID)
		d.NextAttemptAt = event.CreatedAt.Add(c.firstWait(endpoint))
		deliveries = append(deliveries, d)
	}
	return deliveries, nil
}

// firstWait is the schedule's wait before the first attempt. An endpoint whose
// profile is unknown is attempted at once: the attempt says what is wrong.
func (e *engine) firstWait(endpoint store.Endpoint) time.Duration {
	profile, ok := e.cfg.profile(endpoint)
	if !ok {
		return 0
	}
	wait, _ := e.next(profile, 0, retry.Result{})
	return wait
}

const (
	// enqueueTimeout bounds how long Send waits for a Redis that hangs.
	enqueueTimeout = time.Second
	// enqueuers is how many enqueues of one call are under way at once.
	enqueuers = 16
)

var errRedisDown = errors.New("redis failed a moment ago")

// wake enqueues the deliveries. They are stored, so that a failure is no
// error: the sweeper of RunWorkers enqueues what is missing. Redis clients
// honour a context only if told to, so that a hung Redis is left behind after
// enqueueTimeout; the goroutine ends when the client gives up.
func (c *client) wake(ctx context.Context, deliveries []store.Delivery) {
	if len(deliveries) == 0 {
		return
	}
	if c.redis.wait() > 0 {
		c.enqueueFailed(ctx, deliveries, errRedisDown)
		return
	}
	ctx = context.WithoutCancel(ctx)
	done, answers := make(chan struct{}), c.enqueues.Load()
	go func() {
		defer close(done)
		result := c.enqueueAll(ctx, deliveries)
		if result.err == nil {
			c.redis.worked()
			return
		}
		if c.redis.failed("") {
			c.log.Warn("Sender: Redis failed; what was stored is enqueued by the sweeper until it is back", "error", result.err)
		}
		c.enqueueFailed(ctx, result.failed, result.err)
	}()
	timer := time.NewTimer(enqueueTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		// Many enqueues on a slow Redis take longer, and go on without us.
		if c.enqueues.Load() == answers && c.redis.failed("") {
			c.log.Warn("Sender: Redis does not answer; what was stored is enqueued by the sweeper until it does")
		}
	}
}

func (c *client) enqueueFailed(ctx context.Context, deliveries []store.Delivery, err error) {
	for _, d := range deliveries {
		callHooks(c.engine, func(h HookEnqueueFailed) { h.EnqueueFailed(ctx, EnqueueFailed{Delivery: d, Err: err}) })
	}
}

// enqueued is what came of enqueueAll.
type enqueued struct {
	added  int              // got a task; the others had one
	failed []store.Delivery // could not be enqueued, or were not tried after err
	err    error            // the first
}

// enqueueAll enqueues the deliveries, several at once, up to the first error.
func (e *engine) enqueueAll(ctx context.Context, deliveries []store.Delivery) enqueued {
	var (
		mu     sync.Mutex
		next   int
		result enqueued
	)
	take := func() (store.Delivery, bool) {
		mu.Lock()
		defer mu.Unlock()
		if result.err != nil || next == len(deliveries) {
			return store.Delivery{}, false
		}
		next++
		return deliveries[next-1], true
	}
	work := func() {
		for d, ok := take(); ok; d, ok = take() {
			added, err := e.queue.Enqueue(ctx, ref(d), d.NextAttemptAt)
			if err == nil {
				e.enqueues.Add(1)
			}
			mu.Lock()
			switch {
			case err != nil:
				result.failed = append(result.failed, d)
				result.err = cmp.Or(result.err, err)
			case added:
				result.added++
			}
			mu.Unlock()
		}
	}
	var helpers sync.WaitGroup
	for range min(len(deliveries), enqueuers) - 1 {
		helpers.Go(work)
	}
	work()
	helpers.Wait()
	result.failed = append(result.failed, deliveries[next:]...)
	return result
}

func ref(d store.Delivery) queue.Ref {
	return queue.Ref{Tenant: d.Tenant, Endpoint: d.EndpointID, Delivery: d.ID, Round: d.Round}
}

// newEvent returns the record of e.
func newEvent(e Event) store.Event {
	event := store.Event{
		ID: e.ID, Tenant: e.Tenant, Type: e.Type,
		Payload: e.Payload, ContentType: e.ContentType, Hops: e.Hops, CreatedAt: now(),
	}
	if event.ID == "" {
		event.ID = newID("evt_")
	}
	return event
}

// newDelivery returns a delivery that is due at once.
func newDelivery(event store.Event, endpointID string) store.Delivery {
	return store.Delivery{
		ID: newID("dlv_"), Tenant: event.Tenant,
		EventID: event.ID, EndpointID: endpointID, EventType: event.Type,
		State: store.Pending, Round: 1, Trigger: store.TriggerSchedule,
		NextAttemptAt: event.CreatedAt, CreatedAt: event.CreatedAt, UpdatedAt: event.CreatedAt,
	}
}

// newID returns a new id: ordered by time, and without a '.'.
func newID(prefix string) string {
	return prefix + uuid.Must(uuid.NewV7()).String()
}

// now is the time as a Store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
