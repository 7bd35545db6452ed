package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store"
)

// newConfig is the one Config of all roles: the process that sends and the
// process that delivers must agree.
func newConfig(o options, rdb *redisConn, st store.Store, log *slog.Logger) (sender.Config, error) {
	events, err := catalog()
	if err != nil {
		return sender.Config{}, err
	}
	cfg := sender.Config{
		Store: st,
		Redis: rdb.client,
		// An endpoint names the profile that it was promised. Those that name
		// none get Standard Webhooks, the zero Profile.
		Profiles: map[string]sender.Profile{
			"jam":    jam.Profile(),
			"jasper": jasper.Profile(),
		},
		Events:           events, // orders of other types are sent all the same
		Concurrency:      o.concurrency,
		Retention:        o.keep, // a log that nobody shortens fills the disk
		UnsafeAllowLocal: o.allowLocal,
		Logger:           log,
		Hooks:            []sender.Hook{notifier{log}},
	}
	if rdb.embedded {
		cfg.Shards = 1                  // there is one process
		cfg.SweepInterval = time.Second // this Redis is empty after each start
	}
	return cfg, nil
}

// redisConn is a connection to a Redis, maybe with the Redis itself.
type redisConn struct {
	client   redis.UniversalClient
	embedded bool
	closer   io.Closer
}

func (c *redisConn) close() error { return c.closer.Close() }

// openRedis does not wait for Redis to answer: Outhook works without, only
// slower, and /healthz says so.
func openRedis(address string) (*redisConn, error) {
	if address == embedded {
		env, err := senderdev.Start()
		if err != nil {
			return nil, err
		}
		return &redisConn{client: env.Config.Redis, embedded: true, closer: env}, nil
	}
	opts, err := redis.ParseURL(address)
	if err != nil { // it quotes the URL, which may hold a password
		return nil, errors.New("-redis cannot be parsed, must be redis://user:password@host:port/db, rediss://… or embedded")
	}
	opts.ContextTimeoutEnabled = true // go-redis ignores deadlines otherwise
	client := redis.NewClient(opts)
	return &redisConn{client: client, closer: client}, nil
}

// redisLog passes on what go-redis has to say: of a Redis that is away, dozens of
// lines per second, and Outhook says it in one.
type redisLog struct{ log *slog.Logger }

// Printf implements the interface of redis.SetLogger.
func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "Redis: "+fmt.Sprintf(format, args...))
}

// notifier is told what a tenant should hear of. A real product sends a mail.
type notifier struct{ log *slog.Logger }

var (
	_ sender.HookDeliveryExhausted = notifier{}
	_ sender.HookEndpointFailing   = notifier{}
	_ sender.HookEndpointRecovered = notifier{}
	_ sender.HookEndpointDisabled  = notifier{}
)

// DeliveryExhausted implements sender.HookDeliveryExhausted.
func (n notifier) DeliveryExhausted(ctx context.Context, e sender.DeliveryExhausted) {
	d := e.Delivery
	n.log.WarnContext(ctx, "Tenant: A delivery has failed for good",
		"tenant", d.Tenant, "delivery", d.ID, "endpoint", d.EndpointID, "error_class", d.LastErrorClass)
}

// EndpointFailing implements sender.HookEndpointFailing.
func (n notifier) EndpointFailing(ctx context.Context, e sender.EndpointFailing) {
	n.log.WarnContext(ctx, "Tenant: An endpoint is failing", "endpoint", e.Endpoint, "delivery", e.Delivery.ID)
}

// EndpointRecovered implements sender.HookEndpointRecovered.
func (n notifier) EndpointRecovered(ctx context.Context, e sender.EndpointRecovered) {
	n.log.InfoContext(ctx, "Tenant: An endpoint has recovered", "endpoint", e.Endpoint, "failing_since", e.FailingSince)
}

// EndpointDisabled implements sender.HookEndpointDisabled.
func (n notifier) EndpointDisabled(ctx context.Context, e sender.EndpointDisabled) {
	n.log.WarnContext(ctx, "Tenant: An endpoint was disabled", "endpoint", e.Endpoint, "reason", e.Endpoint.DisabledReason)
}
