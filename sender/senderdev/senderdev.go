// Package senderdev runs Outhook with nothing installed: Redis is inside the
// process, and so is the Store. It is for development, demonstrations and tests.
//
// # A single process that lasts
//
// With [StartWith] and a Store on disk, such as sqlstore on SQLite, it is a whole
// installation in one process: the embedded Redis keeps nothing, but it only ever
// held wake-ups. After kill -9 the next start finds in the Store what was under
// way, and goes on within about two seconds. Its limits:
//
//   - One process, with RunWorkers in it: another one has a Redis of its own, and
//     the deliveries of both would be attempted by both.
//   - About 2,000 deliveries per second at most, and a few percent of a core while
//     idle: the embedded Redis is not fast.
//   - An attempt that was under way when the process died is made again; the
//     receiver sees the same webhook-id.
//   - Env.Config permits local endpoints: where tenants choose the URLs, set
//     UnsafeAllowLocal to false in the copy.
//
// It is the only package of Outhook that brings an embedded Redis (miniredis)
// with it.
package senderdev

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// Env is a running environment.
type Env struct {
	// Config works as it is: give it to sender.New and sender.RunWorkers. Add
	// profiles and hooks to a copy. It permits local endpoints
	// (UnsafeAllowLocal), because those of a developer are.
	Config sender.Config

	redis  *miniredis.Miniredis
	client *redis.Client
	close  func() error
}

// Start starts an environment whose Store is in memory: nothing survives the
// process. Close it after RunWorkers has returned.
func Start() (*Env, error) { return StartWith(memstore.New()) }

// StartWith starts an environment on a Store of the host's, which Close leaves
// open; see the package comment for what that is good for.
func StartWith(s store.Store) (*Env, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	env := &Env{
		Config: sender.Config{
			Store:            s,
			Redis:            client,
			Shards:           1, // each costs CPU while idle, and speed is not the point
			SweepInterval:    time.Second,
			UnsafeAllowLocal: true,
		},
		redis:  server,
		client: client,
	}
	env.close = sync.OnceValue(func() error {
		err := client.Close()
		server.Close()
		return err
	})
	return env, nil
}

// RedisAddr is the address (host:port) of the embedded Redis, for tools such as
// redis-cli.
func (e *Env) RedisAddr() string { return e.redis.Addr() }

// Close ends the environment, once RunWorkers has returned: see Config.Redis. It
// may be called more than once.
func (e *Env) Close() error { return e.close() }
