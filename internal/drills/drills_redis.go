package main

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

var redisDrills = []drill{
	{name: "redis-flushed", fault: flushRedis, patience: 20 * time.Second},
	{name: "redis-killed", short: true, fault: killRedis, patience: 20 * time.Second},
	{name: "redis-full", fault: fillRedis, patience: 30 * time.Second},
	{name: "redis-frozen", fault: freezeRedis, patience: 30 * time.Second},
	{name: "redis-replies-lost", fault: loseReplies, patience: 3 * time.Minute, more: repliesWereLost},
}

// flushRedis empties Redis in the middle of everything.
func flushRedis(b *bench) error {
	deliveries, times := 9_000, 10
	if b.short {
		deliveries, times = 2_000, 3
	}
	sender, err := b.begin(2, deliveries, 300)
	if err != nil {
		return err
	}
	for range times {
		if err := b.wait(time.Second, 4*time.Second); err != nil {
			return err
		}
		if err := b.flushAll(); err != nil {
			return err
		}
	}
	return b.sent(sender)
}

func (b *bench) flushAll() error {
	direct := b.direct()
	defer direct.Close()
	if err := b.atFault("FLUSHALL"); err != nil {
		return err
	}
	return direct.FlushAll(b.ctx).Err()
}

// direct is a client that goes past the proxy.
func (b *bench) direct() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: b.redis.Addr(), ContextTimeoutEnabled: true})
}

// killRedis kills it and starts it again, empty.
func killRedis(b *bench) error {
	deliveries, downs := 12_000, []time.Duration{0, 2 * time.Second, 5 * time.Second, 10 * time.Second}
	if b.short {
		deliveries, downs = 2_000, []time.Duration{0, 3 * time.Second}
	}
	sender, err := b.begin(2, deliveries, 300)
	if err != nil {
		return err
	}
	for _, down := range downs {
		if err := b.wait(time.Second, 3*time.Second); err != nil {
			return err
		}
		if err := b.atFault("kill -9 redis-server, for %s", down); err != nil {
			return err
		}
		b.redis.Stop()
		if err := b.wait(down, down); err != nil {
			return err
		}
		if err := b.redis.Start(); err != nil {
			return err
		}
	}
	return b.sent(sender)
}

// fillRedis leaves Redis no memory to write to, and then gives it some.
func fillRedis(b *bench) error {
	sender, err := b.begin(2, 6_000, 300)
	if err != nil {
		return err
	}
	direct := b.direct()
	defer direct.Close()
	if err := direct.ConfigSet(b.ctx, "maxmemory-policy", "noeviction").Err(); err != nil {
		return err
	}
	for range 2 {
		if err := b.wait(2*time.Second, 3*time.Second); err != nil {
			return err
		}
		if err := b.atFault("maxmemory"); err != nil {
			return err
		}
		if err := direct.ConfigSet(b.ctx, "maxmemory", "1mb").Err(); err != nil {
			return err
		}
		if err := direct.LPush(b.ctx, "key", "value").Err(); err == nil {
			return fmt.Errorf("Redis still takes writes at maxmemory") //nolint:staticcheck // a name
		}
		if err := b.wait(10*time.Second, 10*time.Second); err != nil {
			return err
		}
		b.logf("memory is freed")
		if err := direct.ConfigSet(b.ctx, "maxmemory", "0").Err(); err != nil {
			return err
		}
	}
	return b.sent(sender)
}

// freezeRedis stops it from answering.
func freezeRedis(b *bench) error {
	sender, err := b.begin(2, 6_000, 300)
	if err != nil {
		return err
	}
	if err := b.wait(3*time.Second, 5*time.Second); err != nil {
		return err
	}
	if err := b.atFault("SIGSTOP redis-server"); err != nil {
		return err
	}
	if err := b.redis.Freeze(); err != nil {
		return err
	}
	if err := b.wait(10*time.Second, 10*time.Second); err != nil {
		return err
	}
	b.logf("SIGCONT")
	if err := b.redis.Thaw(); err != nil {
		return err
	}
	return b.sent(sender)
}

// loseReplies puts a network between the host and Redis that loses one reply
// in fifty.
func loseReplies(b *bench) error {
	addr, err := b.freeAddr()
	if err != nil {
		return err
	}
	if b.proxy, err = b.launch(b.program, nil, "proxy", "proxy", "-listen", addr, "-to", b.redis.Addr()); err != nil {
		return err
	}
	b.setup.Redis = addr
	sender, err := b.begin(2, 6_000, 200)
	if err != nil {
		return err
	}
	return b.sent(sender)
}

// repliesWereLost makes sure that there was a fault.
func repliesWereLost(b *bench, _ ledger) []string {
	if err := b.stop(b.proxy); err != nil {
		return []string{err.Error()}
	}
	var swallowed, delayed int
	line := b.lastLine(b.proxy)
	if _, err := fmt.Sscanf(line, proxySummary, &swallowed, &delayed); err != nil || swallowed < 20 || delayed < 20 {
		return []string{"the proxy lost too few replies: " + line}
	}
	return nil
}
