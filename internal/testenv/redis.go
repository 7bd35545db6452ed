package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// quiet is go-redis's logger in tests, where Redis is down on purpose: it would
// print a line for every connection it cannot make.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) } //nolint:gochecknoinits // before any client can read it

// RedisServer is a Redis that belongs to one test. It keeps nothing on disk:
// after Stop and Start it is empty. The methods belong to the goroutine of the
// test, because they end it when they fail.
type RedisServer struct {
	t    testing.TB
	addr string

	real *RedisProcess        // nil on miniredis
	mini *miniredis.Miniredis // nil on redis-server
}

// Redis starts a redis-server on a loopback port of its own, which lasts until
// the test and its cleanups are over. The binary is the one in
// OUTHOOK_REDIS_SERVER, or the one on PATH. If there is none it is miniredis
// that is started; under OUTHOOK_REQUIRE_SERVERS=1 the test fails.
//
// miniredis keeps a key whose time to live is over: see its FastForward.
//
// A goroutine waits for the process to end. Tests that look for leaked
// goroutines before their cleanups are over call goleak.IgnoreCurrent after
// Redis.
func Redis(t testing.TB) *RedisServer {
	t.Helper()
	binary := mustFindRedis(t)
	if binary == "" && required() {
		missingRedis(t)
	}
	if binary == "" {
		mini := miniredis.NewMiniRedis()
		if err := mini.Start(); err != nil {
			t.Fatalf("start miniredis: %v", err)
		}
		t.Cleanup(mini.Close)
		t.Logf("Redis is miniredis: no redis-server found")
		announce("miniredis (no redis-server found)")
		return &RedisServer{t: t, addr: mini.Addr(), mini: mini}
	}
	server := &RedisProcess{binary: binary, logFile: filepath.Join(t.TempDir(), "redis.log")}
	t.Cleanup(server.Stop)
	if err := server.startAnywhere(); err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	announce("redis-server " + server.version)
	return &RedisServer{t: t, addr: server.Addr(), real: server}
}

// RealRedis is Redis for tests that miniredis cannot stand in for. Without a
// redis-server they are skipped.
func RealRedis(t testing.TB) *RedisServer {
	t.Helper()
	if mustFindRedis(t) == "" {
		missingRedis(t)
	}
	return Redis(t)
}

// Addr returns the address, as host:port. It stays the same after Stop and Start.
func (s *RedisServer) Addr() string { return s.addr }

// Real reports whether this is a redis-server, and not miniredis.
func (s *RedisServer) Real() bool { return s.mini == nil }

// Client returns a new client with go-redis's default options. It is closed
// when the test is over.
func (s *RedisServer) Client() *redis.Client {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	s.t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
			s.t.Errorf("close the Redis client: %v", err)
		}
	})
	return client
}

// Stop kills the server as kill -9 does: connections break, all data is lost.
// It has no effect on a server that is stopped.
func (s *RedisServer) Stop() {
	s.t.Helper()
	if s.mini != nil {
		s.mini.Close()
		s.mini.FlushAll()
		return
	}
	s.real.Stop()
}

// Start starts a stopped server again on the same port, and returns when it
// answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	var err error
	switch {
	case s.mini == nil:
		err = s.real.Start()
	case s.mini.Server() == nil:
		err = s.mini.Restart()
	default:
		err = errRuns
	}
	if err != nil {
		s.t.Fatalf("start Redis at %s: %v", s.addr, err)
	}
}

// Freeze stops the server from answering, as [RedisProcess.Freeze] does.
func (s *RedisServer) Freeze() {
	s.t.Helper()
	Require(s.t, "a redis-server, because miniredis cannot freeze", s.mini == nil, "apt-get install redis-server")
	if err := s.real.Freeze(); err != nil {
		s.t.Fatalf("freeze Redis at %s: %v", s.addr, err)
	}
}

// Thaw ends what Freeze began. What clients sent meanwhile is answered now.
func (s *RedisServer) Thaw() {
	s.t.Helper()
	Require(s.t, "a redis-server, because miniredis cannot thaw", s.mini == nil, "apt-get install redis-server")
	if err := s.real.Thaw(); err != nil {
		s.t.Fatalf("thaw Redis at %s: %v", s.addr, err)
	}
}

// FlushAll empties the server, as an operator's FLUSHALL does.
func (s *RedisServer) FlushAll() {
	s.t.Helper()
	if s.mini != nil {
		s.mini.FlushAll()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: s.addr, ContextTimeoutEnabled: true})
	defer client.Close()
	if err := client.FlushAll(ctx).Err(); err != nil {
		s.t.Fatalf("empty Redis at %s: %v", s.addr, err)
	}
}

// mustFindRedis returns the path of the redis-server binary, or "".
func mustFindRedis(t testing.TB) string {
	t.Helper()
	path, err := findRedis()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

func missingRedis(t testing.TB) {
	t.Helper()
	Require(t, "redis-server", false, "apt-get install redis-server")
}

var announced sync.Once

// announce says once per test binary what its Redis suites run on.
func announce(what string) {
	announced.Do(func() {
		say(fmt.Sprintf("%s: Redis suites run on %s", filepath.Base(os.Args[0]), what))
	})
}
