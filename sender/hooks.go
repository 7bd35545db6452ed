package sender

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/outhook/outhook/store"
)

// Hook is told what happens. It implements one or more of the Hook interfaces
// below, each of one method; more of them may come.
//
// Hooks are called one after the other, in the order of Config.Hooks, after
// what they are told of has been recorded. They must be safe for concurrent
// use and should return soon: the worker waits for them. What they are given
// is theirs. A panic is recovered and logged.
type Hook any

// HookEventAccepted is told of each event that Send accepted, except
// duplicates.
type HookEventAccepted interface {
	EventAccepted(ctx context.Context, e EventAccepted)
}

// EventAccepted is what [HookEventAccepted] is told.
type EventAccepted struct {
	Event      store.Event
	Deliveries []store.Delivery
}

// HookAttemptFinished is told of each attempt that was recorded.
type HookAttemptFinished interface {
	AttemptFinished(ctx context.Context, e AttemptFinished)
}

// AttemptFinished is what [HookAttemptFinished] is told: the attempt, and the
// delivery as it stands after it.
type AttemptFinished struct {
	Attempt  store.Attempt
	Delivery store.Delivery
}

// HookDeliveryExhausted is told of each delivery that ended as failed, whether
// its schedule was used up or the answer said that no further attempt makes
// sense. A ping that fails is not such a delivery.
type HookDeliveryExhausted interface {
	DeliveryExhausted(ctx context.Context, e DeliveryExhausted)
}

// DeliveryExhausted is what [HookDeliveryExhausted] is told.
type DeliveryExhausted struct {
	Delivery store.Delivery
}

// HookDeliveryCanceled is told of each delivery that ended as canceled: its
// endpoint was disabled or deleted, or its payload is no longer kept.
type HookDeliveryCanceled interface {
	DeliveryCanceled(ctx context.Context, e DeliveryCanceled)
}

// DeliveryCanceled is what [HookDeliveryCanceled] is told. The delivery's
// LastError says why.
type DeliveryCanceled struct {
	Delivery store.Delivery
}

// HookEndpointFailing is told of each endpoint that begins to fail: a delivery
// was exhausted, the first one since an attempt succeeded. It is not told of the
// others that follow. If a process dies or the Store fails at the wrong moment, it
// is told later, or not at all.
type HookEndpointFailing interface {
	EndpointFailing(ctx context.Context, e EndpointFailing)
}

// EndpointFailing is what [HookEndpointFailing] is told.
type EndpointFailing struct {
	// Endpoint is it, with its FailingSince.
	Endpoint store.Endpoint
	// Delivery is the one that was exhausted.
	Delivery store.Delivery
}

// HookEndpointRecovered is told of each endpoint that was failing and has
// accepted a delivery or a ping. The same holds of a moment that is wrong. An
// endpoint that the host enables again, or gives another URL, is well without it.
type HookEndpointRecovered interface {
	EndpointRecovered(ctx context.Context, e EndpointRecovered)
}

// EndpointRecovered is what [HookEndpointRecovered] is told.
type EndpointRecovered struct {
	// Endpoint is it, as it is now.
	Endpoint store.Endpoint
	// FailingSince is what the endpoint's was until now.
	FailingSince time.Time
}

// HookEndpointDisabled is told of each endpoint that Outhook disabled: after an
// answer that asked for it, or after Config.DisableAfter. The endpoint's
// DisabledReason says which.
type HookEndpointDisabled interface {
	EndpointDisabled(ctx context.Context, e EndpointDisabled)
}

// EndpointDisabled is what [HookEndpointDisabled] is told.
type EndpointDisabled struct {
	Endpoint store.Endpoint
}

// LogValue names the event in a log without its payload.
func (e EventAccepted) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", e.Event.ID), slog.String("tenant", e.Event.Tenant),
		slog.String("type", e.Event.Type), slog.Int("deliveries", len(e.Deliveries)))
}

// LogValue names the endpoint in a log without its credentials.
func (e EndpointDisabled) LogValue() slog.Value { return e.Endpoint.LogValue() }

// LogValue names the endpoint and the delivery in a log, without credentials.
func (e EndpointFailing) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("endpoint", e.Endpoint.LogValue()), slog.String("delivery", e.Delivery.ID))
}

// LogValue names the endpoint in a log without its credentials.
func (e EndpointRecovered) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("endpoint", e.Endpoint.LogValue()), slog.Time("failing_since", e.FailingSince))
}

// HookEnqueueFailed is told of each delivery that was stored and could not be
// enqueued. It is not lost: the sweeper enqueues it later. Many of them mean
// that Redis is unwell.
type HookEnqueueFailed interface {
	EnqueueFailed(ctx context.Context, e EnqueueFailed)
}

// EnqueueFailed is what [HookEnqueueFailed] is told.
type EnqueueFailed struct {
	Delivery store.Delivery
	Err      error
}

func implementsHook(h Hook) bool {
	switch h.(type) {
	case HookEventAccepted, HookAttemptFinished, HookDeliveryExhausted, HookDeliveryCanceled,
		HookEndpointFailing, HookEndpointRecovered, HookEndpointDisabled, HookEnqueueFailed:
		return true
	}
	return false
}

// callHooks calls those of the hooks that are a T.
func callHooks[T any](e *engine, call func(T)) {
	for _, hook := range e.cfg.Hooks {
		if h, ok := hook.(T); ok {
			e.guard("Hook", func() { call(h) })
		}
	}
}

// guard calls f, code of the host, and reports whether it panicked.
func (e *engine) guard(who string, f func()) (panicked bool) {
	defer func() {
		if p := recover(); p != nil {
			panicked = true
			e.logPanic(who, p)
		}
	}()
	f()
	return false
}

// logPanic logs a panic of the host's code without its value, which may hold a
// secret; the runtime's own errors hold none.
func (e *engine) logPanic(who string, value any) {
	text := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		text = err.Error()
	}
	e.log.Error(who+": Recovered from a panic", slog.String("panic", text), slog.String("stack", string(debug.Stack())))
}
