package testenv

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// redisBinary names another redis-server than the one on PATH.
const redisBinary = "OUTHOOK_REDIS_SERVER"

var errRuns = errors.New("it runs already")

// RedisProcess is a redis-server that belongs to a program which is no test: see
// [RedisServer] for tests. It keeps nothing on disk.
type RedisProcess struct {
	addr    string
	logFile string
	binary  string
	version string
	proc    *Process // nil while stopped
}

// StartRedis starts a redis-server on a free loopback port. Its log is in dir.
func StartRedis(dir string) (*RedisProcess, error) {
	binary, err := findRedis()
	if err != nil {
		return nil, err
	}
	if binary == "" {
		return nil, errors.New("redis-server is missing: apt-get install redis-server")
	}
	s := &RedisProcess{binary: binary, logFile: filepath.Join(dir, "redis.log")}
	return s, s.startAnywhere()
}

// Addr returns the address, as host:port. It stays the same after Stop and Start.
func (s *RedisProcess) Addr() string { return s.addr }

// Start starts a server that was stopped again on the port that it had, and
// returns when it answers. The kernel may need a moment to let go of the port.
func (s *RedisProcess) Start() error {
	if s.proc != nil {
		return errRuns
	}
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

// Stop kills the server as kill -9 does: connections break, all data is lost.
// It has no effect on a server that is stopped.
func (s *RedisProcess) Stop() {
	if s.proc != nil {
		s.proc.Kill()
		s.proc = nil
	}
}

// Freeze stops the server from answering, as a machine that hangs: connections
// stay open, new ones are accepted by the kernel, nothing comes back.
func (s *RedisProcess) Freeze() error {
	if err := s.signal(freezeSignal); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !frozen(s.proc.Pid()) {
		if wait(ctx) != nil {
			return errors.New("it does not freeze")
		}
	}
	return nil
}

// Thaw ends what Freeze began. What clients sent meanwhile is answered now.
func (s *RedisProcess) Thaw() error { return s.signal(thawSignal) }

func (s *RedisProcess) signal(sig os.Signal) error {
	if s.proc == nil {
		return errors.New("it is stopped")
	}
	return s.proc.Signal(sig)
}

// startAnywhere starts the server on a free port, again if somebody else
// takes it in between.
func (s *RedisProcess) startAnywhere() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var lastErr error
	for ctx.Err() == nil {
		port, err := FreePort(ctx)
		if err != nil {
			lastErr = err
			continue
		}
		s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		lastErr = s.launch(ctx)
		if !errors.Is(lastErr, errPortTaken) {
			return lastErr
		}
	}
	return lastErr
}

// launch starts the process and waits until it answers.
func (s *RedisProcess) launch(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	proc, err := StartProcess(s.logFile, s.binary,
		"--port", port, "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no",
		"--dir", filepath.Dir(s.logFile), "--daemonize", "no",
	)
	if err != nil {
		return err
	}
	s.proc = proc
	if err := s.ready(ctx); err != nil {
		s.Stop()
		text, _ := os.ReadFile(s.logFile) // what it says is all there is to know
		if strings.Contains(string(text), "already in use") {
			return errPortTaken
		}
		return fmt.Errorf("%w; its log:\n%s", err, text)
	}
	return nil
}

// ready waits until our own process answers at the address.
func (s *RedisProcess) ready(ctx context.Context) error {
	for {
		// INFO says who answers: on a port that was taken it is somebody else.
		info, err := serverInfo(ctx, s.addr)
		if err == nil {
			if info["process_id"] != strconv.Itoa(s.proc.Pid()) {
				return errPortTaken
			}
			s.version = info["redis_version"]
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

// findRedis returns the path of the redis-server binary, or "".
func findRedis() (string, error) {
	named := os.Getenv(redisBinary)
	path, err := exec.LookPath(cmp.Or(named, "redis-server"))
	if err != nil && named != "" {
		return "", fmt.Errorf("%s: %w", redisBinary, err)
	}
	return path, nil // empty after an error
}
