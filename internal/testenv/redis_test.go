package testenv_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/internal/testenv"
)

// onBoth runs a test on redis-server, where there is one, and on miniredis:
// what they have in common must not differ. It cannot be parallel, because it
// hides redis-server from the tests.
func onBoth(t *testing.T, test func(t *testing.T, s *testenv.RedisServer)) {
	t.Helper()
	t.Run("redis-server", func(t *testing.T) { test(t, testenv.RealRedis(t)) })
	t.Run("miniredis", func(t *testing.T) {
		hideRedis(t)
		s := testenv.Redis(t)
		if s.Real() {
			t.Fatal("Real() = true without a redis-server")
		}
		test(t, s)
	})
}

func hideRedis(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", "")
	t.Setenv("OUTHOOK_REDIS_SERVER", "")
	t.Setenv("OUTHOOK_REQUIRE_SERVERS", "")
	t.Setenv("OUTHOOK_TEST_REPORT", os.DevNull) // it skips nothing real
}

//nolint:paralleltest // changes the environment
func TestRedisStopAndStart(t *testing.T) {
	onBoth(t, func(t *testing.T, s *testenv.RedisServer) {
		client, addr := s.Client(), s.Addr()
		mustSet(t, client, "key")

		s.Stop()
		s.Stop() // no effect
		if err := ping(t, addr); err == nil {
			t.Error("answers after Stop")
		}
		s.Start()
		if s.Addr() != addr {
			t.Errorf("Addr() = %s after Start, want %s as before", s.Addr(), addr)
		}
		if n := mustCount(t, client); n != 0 {
			t.Errorf("%d keys after Stop and Start, want none: it keeps nothing", n)
		}
	})
}

//nolint:paralleltest // changes the environment
func TestRedisFlushAll(t *testing.T) {
	onBoth(t, func(t *testing.T, s *testenv.RedisServer) {
		client := s.Client()
		mustSet(t, client, "key")
		s.FlushAll()
		if n := mustCount(t, client); n != 0 {
			t.Errorf("%d keys after FlushAll, want none", n)
		}
	})
}

// A frozen server neither answers nor refuses, and goes on where it was.
func TestRedisFreezeAndThaw(t *testing.T) {
	t.Parallel()
	s := testenv.RealRedis(t)
	client := s.Client()
	mustSet(t, client, "key")

	s.Freeze()
	var timeout net.Error
	if err := pingFor(t, s.Addr(), 50*time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a frozen server's answer to PING: %v, want silence", err)
	}
	s.Thaw()
	if n := mustCount(t, client); n != 1 {
		t.Errorf("%d keys after Thaw, want 1", n)
	}
}

// The cleanup ends the process, in whatever state it is.
func TestRedisEndsWithItsTest(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(s *testenv.RedisServer){
		"running": func(*testenv.RedisServer) {},
		"frozen":  (*testenv.RedisServer).Freeze,
		"stopped": (*testenv.RedisServer).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var addr string
			t.Run("inner", func(t *testing.T) {
				s := testenv.RealRedis(t)
				addr = s.Addr()
				leave(s)
			})
			if err := ping(t, addr); err == nil {
				t.Errorf("%s answers after the end of its test", addr)
			}
		})
	}
}

func TestRedisServersAreIndependent(t *testing.T) {
	t.Parallel()
	const servers = 8
	clients := make([]*redis.Client, servers)
	for i := range clients {
		clients[i] = testenv.Redis(t).Client()
		mustSet(t, clients[i], strconv.Itoa(i))
	}
	for i, client := range clients {
		if n := mustCount(t, client); n != 1 {
			t.Errorf("server %d has %d keys, want its own one", i, n)
		}
	}
}

func TestRedisStartTwice(t *testing.T) {
	t.Parallel()
	end := runFake(t, func(t testing.TB) { testenv.Redis(t).Start() })
	if !end.failed || !strings.Contains(end.message, "it runs already") {
		t.Errorf("Start of a running server ended with %+v, want a failure", end)
	}
}

// Whoever takes the port of a stopped server is not mistaken for it.
func TestRedisStartWhenThePortIsTaken(t *testing.T) {
	t.Parallel()
	s := testenv.RealRedis(t)
	s.Stop()
	other := exec.CommandContext(t.Context(), mustLookPath(t), "--port", port(t, s.Addr()), "--bind", "127.0.0.1",
		"--save", "", "--dir", t.TempDir())
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	for ping(t, s.Addr()) != nil {
		if t.Context().Err() != nil {
			t.Fatal("the other server does not answer")
		}
	}
	// The other one leaves while Start tries again and again.
	timer := time.AfterFunc(100*time.Millisecond, func() { _ = other.Process.Kill() })
	defer timer.Stop()
	s.Start()
	_ = other.Wait() // killed
	if err := ping(t, s.Addr()); err != nil {
		t.Errorf("our own server does not answer: %v", err)
	}
}

// Without redis-server, miniredis stands in and the log says so.
//
//nolint:paralleltest // changes the environment
func TestRedisFallsBack(t *testing.T) {
	hideRedis(t)
	end := runFake(t, func(t testing.TB) { mustSet(t, testenv.Redis(t).Client(), "key") })
	if want := (ending{message: "Redis is miniredis: no redis-server found"}); end != want {
		t.Errorf("ended with %+v, want %+v", end, want)
	}
}

func TestWithoutRedisServer(t *testing.T) {
	const install = "apt-get install redis-server"
	uses := map[string]func(t testing.TB){
		"Redis":     func(t testing.TB) { testenv.Redis(t) },
		"RealRedis": func(t testing.TB) { testenv.RealRedis(t) },
		"Freeze":    func(t testing.TB) { testenv.Redis(t).Freeze() },
	}
	for _, tc := range []struct {
		required, use   string
		failed, skipped bool
	}{
		{"1", "Redis", true, false},
		{"1", "RealRedis", true, false},
		{"", "RealRedis", false, true},
		{"", "Freeze", false, true},
	} {
		t.Run(tc.use+tc.required, func(t *testing.T) {
			hideRedis(t)
			t.Setenv("OUTHOOK_REQUIRE_SERVERS", tc.required)
			end := runFake(t, uses[tc.use])
			if end.failed != tc.failed || end.skipped != tc.skipped || !strings.Contains(end.message, install) {
				t.Errorf("ended with %+v, want failed %t, skipped %t, and how to install it", end, tc.failed, tc.skipped)
			}
		})
	}
}

// A binary that is named must be there: a fallback would hide the typing error.
func TestNamedBinaryIsMissing(t *testing.T) {
	t.Setenv("OUTHOOK_REDIS_SERVER", filepath.Join(t.TempDir(), "redis-server"))
	end := runFake(t, func(t testing.TB) { testenv.Redis(t) })
	if !end.failed || !strings.HasPrefix(end.message, "OUTHOOK_REDIS_SERVER: ") {
		t.Errorf("ended with %+v, want a failure that names the variable", end)
	}
}

// A server that will not start fails the test with what it said.
func TestBrokenBinary(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "redis-server")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho out of order\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OUTHOOK_REDIS_SERVER", broken)
	end := runFake(t, func(t testing.TB) { testenv.Redis(t) })
	if !end.failed || !strings.Contains(end.message, "out of order") {
		t.Errorf("ended with %+v, want a failure with the server's output", end)
	}
}

// ping returns nil if the server at addr answers.
func ping(t *testing.T, addr string) error {
	t.Helper()
	return pingFor(t, addr, 10*time.Second)
}

// pingFor does without go-redis, which after a failed dial waits a second.
func pingFor(t *testing.T, addr string, patience time.Duration) error {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "+PONG\r\n" {
		err = fmt.Errorf("PING: %q", line)
	}
	return err
}

func mustSet(t testing.TB, client *redis.Client, key string) {
	t.Helper()
	if err := client.Set(t.Context(), key, "value", 0).Err(); err != nil {
		t.Fatalf("SET %s: %v", key, err)
	}
}

func mustCount(t *testing.T, client *redis.Client) int64 {
	t.Helper()
	n, err := client.DBSize(t.Context()).Result()
	if err != nil {
		t.Fatalf("DBSIZE: %v", err)
	}
	return n
}

func mustLookPath(t *testing.T) string {
	t.Helper()
	name := os.Getenv("OUTHOOK_REDIS_SERVER")
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
