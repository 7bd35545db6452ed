// Package senderdev runs Outhook with nothing installed: Redis and the Store
// are inside the process. It is for development, demonstrations and tests;
// nothing survives the process.
//
// It is the only package of Outhook that brings an embedded Redis (miniredis)
// with it. An application imports it from its development and test code only.
package senderdev

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
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

// Start starts an environment. Close it after RunWorkers has returned.
func Start() (*Env, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	env := &Env{
		Config: sender.Config{
			Store:            memstore.New(),
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

// Close ends the environment. It may be called more than once.
func (e *Env) Close() error { return e.close() }
