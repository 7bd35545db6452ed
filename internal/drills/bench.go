package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// bench is what one drill works with: its own Redis, database and receiver, and
// the processes that it starts. Its methods belong to one goroutine.
type bench struct {
	options
	setup

	ctx    context.Context
	name   string
	dir    string
	random *rand.Rand
	log    *os.File

	redis    *testenv.RedisProcess
	receiver *child
	proxy    *child // nil in most drills
	control  string // URL
	host     *host  // the auditor's own
	workers  map[string]*worker
	senders  []*child
	children []*child

	began   time.Time // of the events, where a drill needs to know
	faulted time.Time // just before the first fault, likewise
	healed  time.Time // when it was over
	mounted string    // a disk of the drill's own; empty in most
	notes   []string  // to be printed below the drill's row

	killed   map[string]bool // the processes that were
	inFlight int             // requests at the moments of faults that killed nobody
}

// child is a process of the drill.
type child struct {
	*testenv.Process

	name string
}

// worker is a worker that may be started again and again: w1.1, w1.2 and so on.
type worker struct {
	*child

	name    string
	started int
	program string
	env     []string
}

// start starts what every drill has.
func (b *bench) start() error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	var err error
	if b.log, err = os.Create(filepath.Join(b.dir, "drill.log")); err != nil {
		return err
	}
	if b.redis, err = testenv.StartRedis(b.dir); err != nil {
		return err
	}
	b.setup.Redis = b.redis.Addr()
	if b.setup.Secret, err = signing.StandardWebhooks().NewSecret(); err != nil {
		return err
	}
	database := "drill_" + regexp.MustCompile(`\W`).ReplaceAllString(b.name, "_")
	if err := b.postgres.CreateDatabase(database); err != nil {
		return err
	}
	b.setup.Source = b.postgres.URL(database)
	return b.startReceiver()
}

func (b *bench) startReceiver() error {
	hooks, err := b.freeAddr()
	if err != nil {
		return err
	}
	control, err := b.freeAddr()
	if err != nil {
		return err
	}
	b.setup.Receiver, b.control = "http://"+hooks, "http://"+control
	b.receiver, err = b.launch(b.program, nil, "receiver", "receiver", "-hooks", hooks, "-control", control, "-secret", b.setup.Secret)
	if err != nil {
		return err
	}
	return b.until("the receiver answers", 10*time.Second, func() (bool, error) {
		_, err := b.counts()
		return err == nil, nil
	})
}

// agree fixes the setup and prepares the database. A fault calls it first, when
// it has changed what it wants changed.
func (b *bench) agree() error {
	if err := b.setup.save(b.setupFile()); err != nil {
		return err
	}
	var err error
	if b.host, err = b.setup.open(); err != nil {
		return err
	}
	return b.host.prepare(b.ctx)
}

func (b *bench) setupFile() string { return filepath.Join(b.dir, "setup.json") }

func (b *bench) freeAddr() (string, error) {
	for {
		port, err := testenv.FreePort(b.ctx)
		if err == nil {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
		}
		if b.ctx.Err() != nil {
			return "", b.ctx.Err()
		}
	}
}

// launch starts a program in one of its roles.
func (b *bench) launch(program string, env []string, name, role string, args ...string) (*child, error) {
	logFile := filepath.Join(b.dir, name+".log")
	p, err := testenv.StartProcess(logFile, "env", append(append(env, program, role), args...)...)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{Process: p, name: name}
	b.children = append(b.children, c)
	return c, nil
}

// startWorker starts it, again if it ran before.
func (b *bench) startWorker(w *worker) error {
	w.started++
	var err error
	name := fmt.Sprintf("%s.%d", w.name, w.started)
	w.child, err = b.launch(w.program, w.env, name, "worker", "-setup", b.setupFile(), "-name", name)
	return err
}

// startWorkers starts the workers w1, w2 and so on.
func (b *bench) startWorkers(n int) error {
	for i := range n {
		w := &worker{name: fmt.Sprintf("w%d", i+1), program: b.program}
		b.workers[w.name] = w
		if err := b.startWorker(w); err != nil {
			return err
		}
	}
	return nil
}

// kill ends the worker as kill -9 does.
func (b *bench) kill(w *worker) {
	b.logf("kill -9 %s", w.child.name)
	w.Kill()
	b.killed[w.child.name] = true
}

// stop asks the process to end in peace and waits until it has.
func (b *bench) stop(c *child) error {
	b.logf("SIGTERM %s", c.name)
	_ = c.Signal(syscall.SIGTERM) // the only error is that it has ended
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	select {
	case <-c.Done():
	case <-timer.C:
		return fmt.Errorf("%s does not end in 30 s", c.name)
	}
	if !c.State().Success() {
		return fmt.Errorf("%s ended with %s: %s", c.name, c.State(), b.lastLine(c))
	}
	return nil
}

// stopAll stops the workers and what sends.
func (b *bench) stopAll() error {
	var errs []error
	for _, c := range b.senders {
		if !b.killed[c.name] {
			errs = append(errs, b.stop(c))
		}
	}
	for _, w := range b.workers {
		errs = append(errs, b.stop(w.child))
	}
	return errors.Join(errs...)
}

func (b *bench) lastLine(c *child) string {
	text, err := os.ReadFile(filepath.Join(b.dir, c.name+".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// send starts a process that sends events.
func (b *bench) send(first, count, rate int, args ...string) (*child, error) {
	name := fmt.Sprintf("send%d", len(b.senders)+1)
	c, err := b.launch(b.program, nil, name, "send", append([]string{
		"-setup", b.setupFile(), "-acks", filepath.Join(b.dir, "acks"), "-name", name,
		"-first", strconv.Itoa(first), "-count", strconv.Itoa(count), "-rate", strconv.Itoa(rate),
	}, args...)...)
	if err == nil {
		b.senders = append(b.senders, c)
	}
	return c, err
}

// sent waits until the process has sent all its events.
func (b *bench) sent(c *child) error {
	select {
	case <-c.Done():
	case <-b.ctx.Done():
		return fmt.Errorf("%s has not sent its events: %w", c.name, b.ctx.Err())
	}
	if !c.State().Success() {
		return fmt.Errorf("%s ended with %s: %s", c.name, c.State(), b.lastLine(c))
	}
	return nil
}

// arrived waits until the receiver has had so many requests.
func (b *bench) arrived(n int) error {
	return b.until(fmt.Sprintf("%d requests have arrived", n), 2*time.Minute, func() (bool, error) {
		c, err := b.counts()
		return c.Requests >= n, err
	})
}

// until polls.
func (b *bench) until(what string, patience time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if !pause(ctx, 20*time.Millisecond) {
			return fmt.Errorf("%s: not within %s", what, patience)
		}
	}
}

// atFault counts the requests under way at the moment of a fault that kills
// nobody.
func (b *bench) atFault(format string, args ...any) error {
	c, err := b.counts()
	b.inFlight += c.InFlight
	b.logf("%s; %d requests are under way", fmt.Sprintf(format, args...), c.InFlight)
	return err
}

// wait lets a random time between the two pass.
func (b *bench) wait(low, high time.Duration) error {
	d := low
	if high > low {
		d += time.Duration(b.random.Int64N(int64(high - low)))
	}
	if !pause(b.ctx, d) {
		return b.ctx.Err()
	}
	return nil
}

func (b *bench) behave(w behaviour) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return b.ask(http.MethodPut, "/behaviour", body, nil)
}

func (b *bench) counts() (counts, error) {
	var c counts
	return c, b.ask(http.MethodGet, "/counts", nil, &c)
}

// ask talks to the receiver's control.
func (b *bench) ask(method, path string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, b.control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// settle waits until no delivery is pending, or patience is over. Then it says
// what is left.
func (b *bench) settle(patience time.Duration) (took time.Duration, left string, err error) {
	began := time.Now()
	told := time.Duration(0)
	for {
		n, err := b.pending()
		if err != nil {
			return 0, "", err
		}
		took = time.Since(began)
		switch {
		case n == 0:
			b.logf("settled after %s", took)
			return took, "", nil
		case took > patience:
			return took, b.describePending(), nil
		case took-told > 2*time.Second:
			told = took
			b.logf("%d deliveries are pending: %s", n, b.describePending())
		}
		if !pause(b.ctx, 100*time.Millisecond) {
			return took, "", b.ctx.Err()
		}
	}
}

func (b *bench) pending() (n int, err error) {
	return n, b.host.db.QueryRowContext(b.ctx,
		"SELECT count(*) FROM outhook_deliveries WHERE state = '"+string(store.Pending)+"'").Scan(&n)
}

func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.log, "%s %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// notef has the line printed below the drill's row.
func (b *bench) notef(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// close ends everything that the drill started.
func (b *bench) close() {
	for _, c := range b.children {
		c.Kill()
	}
	if b.host != nil {
		_ = b.host.close() // everything was read
	}
	if b.redis != nil {
		b.redis.Stop()
	}
	if b.mounted != "" {
		if err := syscall.Unmount(b.mounted, 0); err != nil {
			b.logf("unmount %s: %v", b.mounted, err)
		}
	}
	if b.log != nil {
		_ = b.log.Close() // it is read by people
	}
}
