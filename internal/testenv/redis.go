package testenv

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

const (
	// redisBinary names another redis-server than the one on PATH.
	redisBinary = "OUTHOOK_REDIS_SERVER"

	// patience bounds each wait for a server. A start takes about 10 ms; on a
	// machine in the middle of a build it takes longer.
	patience = 10 * time.Second
	tick     = 2 * time.Millisecond
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
	t       testing.TB
	addr    string
	logFile string

	binary string   // of redis-server; empty on miniredis
	proc   *process // nil while stopped
	mini   *miniredis.Miniredis
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
	binary := findRedis(t)
	if binary == "" && required() {
		missingRedis(t)
	}
	s := &RedisServer{t: t, binary: binary}
	if binary == "" {
		s.mini = miniredis.NewMiniRedis()
		if err := s.mini.Start(); err != nil {
			t.Fatalf("start miniredis: %v", err)
		}
		s.addr = s.mini.Addr()
		t.Cleanup(s.mini.Close)
		t.Logf("Redis is miniredis: no redis-server found")
		announce("miniredis (no redis-server found)")
		return s
	}
	s.logFile = filepath.Join(t.TempDir(), "redis.log")
	t.Cleanup(s.kill)
	s.startAnywhere()
	return s
}

// RealRedis is Redis for tests that miniredis cannot stand in for. Without a
// redis-server they are skipped.
func RealRedis(t testing.TB) *RedisServer {
	t.Helper()
	if findRedis(t) == "" {
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
	s.kill()
}

// Start starts a stopped server again on the same port, and returns when it
// answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	var err error
	switch {
	case s.mini != nil && s.mini.Server() == nil:
		err = s.mini.Restart()
	case s.mini == nil && s.proc == nil:
		err = s.startAgain()
	default:
		err = errors.New("it runs already")
	}
	if err != nil {
		s.t.Fatalf("start Redis at %s: %v", s.addr, err)
	}
}

// Freeze stops the server from answering, as a machine that hangs: connections
// stay open, new ones are accepted by the kernel, nothing comes back.
func (s *RedisServer) Freeze() {
	s.t.Helper()
	Require(s.t, "a redis-server, because miniredis cannot freeze", s.mini == nil, "apt-get install redis-server")
	s.signal(freezeSignal)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !frozen(s.proc.pid) {
		if wait(ctx) != nil {
			s.t.Fatalf("Redis at %s does not freeze", s.addr)
		}
	}
}

// Thaw ends what Freeze began. What clients sent meanwhile is answered now.
func (s *RedisServer) Thaw() {
	s.t.Helper()
	Require(s.t, "a redis-server, because miniredis cannot thaw", s.mini == nil, "apt-get install redis-server")
	s.signal(thawSignal)
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

// startAnywhere starts the server on a free port, again if somebody else
// takes it in between.
func (s *RedisServer) startAnywhere() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var lastErr error
	for ctx.Err() == nil {
		port, err := freePort(ctx)
		if err != nil {
			lastErr = err
			continue
		}
		s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		lastErr = s.launch(ctx)
		if lastErr == nil {
			return
		}
		if !errors.Is(lastErr, errPortTaken) {
			break
		}
	}
	s.t.Fatalf("start %s: %v", s.binary, lastErr)
}

// startAgain starts the server on the port that it had. The kernel may need a
// moment to let go of it.
func (s *RedisServer) startAgain() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := s.launch(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		if wait(ctx) != nil {
			return err
		}
	}
}

var errPortTaken = errors.New("the port is taken")

// launch starts the process and waits until it answers.
func (s *RedisServer) launch(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	proc, err := startProcess(s.logFile, s.binary,
		"--port", port, "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no",
		"--dir", filepath.Dir(s.logFile), "--daemonize", "no",
	)
	if err != nil {
		return err
	}
	s.proc = proc
	if err := s.ready(ctx); err != nil {
		s.kill()
		text, _ := os.ReadFile(s.logFile) // what it says is all there is to know
		if strings.Contains(string(text), "already in use") {
			return errPortTaken
		}
		return fmt.Errorf("%w; its log:\n%s", err, text)
	}
	return nil
}

// ready waits until our own process answers at the address.
func (s *RedisServer) ready(ctx context.Context) error {
	for {
		// INFO says who answers: on a port that was taken it is somebody else.
		info, err := serverInfo(ctx, s.addr)
		if err == nil {
			if info["process_id"] != strconv.Itoa(s.proc.pid) {
				return errPortTaken
			}
			announce("redis-server " + info["redis_version"])
			return nil
		}
		if s.proc.ended() {
			return errors.New("it ended at once")
		}
		if wait(ctx) != nil {
			return fmt.Errorf("it does not answer: %w", err)
		}
	}
}

// serverInfo asks the server about itself. It does without go-redis, which
// after a failed dial waits a second and writes to stderr.
func serverInfo(ctx context.Context, addr string) (map[string]string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if _, err := io.WriteString(conn, "INFO server\r\nQUIT\r\n"); err != nil {
		return nil, err
	}
	fields := map[string]string{}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			fields[name] = value
		}
	}
	return fields, lines.Err()
}

func (s *RedisServer) kill() {
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

func (s *RedisServer) signal(sig os.Signal) {
	s.t.Helper()
	if s.proc == nil {
		s.t.Fatalf("Redis at %s is stopped", s.addr)
	}
	if err := s.proc.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal Redis at %s: %v", s.addr, err)
	}
}

// process is a child process that a goroutine waits for.
type process struct {
	cmd  *exec.Cmd
	pid  int
	done chan struct{}
}

func startProcess(logFile, binary string, args ...string) (*process, error) {
	return startProcessAs(dieWithParent(), "", logFile, binary, args...)
}

// startProcessAs starts it with the attributes, in dir unless that is empty.
func startProcessAs(attr *syscall.SysProcAttr, dir, logFile, binary string, args ...string) (*process, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr, cmd.Dir = attr, dir
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		// On Linux the process is killed when the thread that started it ends:
		// this goroutine keeps that thread until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it always ends by a signal
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process, frozen or not, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // the only error is that it has ended
	<-p.done
}

// freePort returns a port that nobody listens on. It is below the ports that
// kernels give to outgoing connections: one of those could take the port while
// the server is stopped, or even be connected to itself by a client that dials.
func freePort(ctx context.Context) (int, error) {
	port := 15_000 + rand.IntN(15_000)
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	return port, listener.Close()
}

// wait lets a moment pass, or returns the error of ctx.
func wait(ctx context.Context) error {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// findRedis returns the path of the redis-server binary, or "".
func findRedis(t testing.TB) string {
	t.Helper()
	named := os.Getenv(redisBinary)
	path, err := exec.LookPath(cmp.Or(named, "redis-server"))
	if err != nil && named != "" {
		t.Fatalf("%s: %v", redisBinary, err)
	}
	if err != nil {
		return ""
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
