package integration_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store/sqlstore"
)

// children are programs that tests run in processes of their own, which they
// kill: the test binary, told by this variable to be one of them.
const childVariable = "OUTHOOK_TEST_CHILD"

// childTimeout ends a child that nobody killed.
const childTimeout = 2 * time.Minute

var children = map[string]func(ctx context.Context, args []string) error{
	"worker":   runWorkerChild,
	"embedded": runEmbeddedChild,
}

// beChild runs the child that the environment asks for, and reports whether it
// asks for one.
func beChild() bool {
	run, ok := children[os.Getenv(childVariable)]
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), childTimeout)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}

// runWorkerChild works off a PostgreSQL database: its source, Redis' address.
func runWorkerChild(ctx context.Context, args []string) error {
	db, err := sql.Open("pgx", args[0])
	if err != nil {
		return err
	}
	s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
	if err != nil {
		return err
	}
	return sender.RunWorkers(ctx, workerConfig(s, redis.NewClient(&redis.Options{Addr: args[1]})))
}

// runEmbeddedChild is a whole installation in one process, on a SQLite database:
// its source, and what the ids of the events that it sends begin with.
func runEmbeddedChild(ctx context.Context, args []string) error {
	db, err := sql.Open("sqlite", args[0])
	if err != nil {
		return err
	}
	s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	if err != nil {
		return err
	}
	env, err := senderdev.StartWith(s)
	if err != nil {
		return err
	}
	go sendFor(ctx, env.Config, args[1])
	return sender.RunWorkers(ctx, env.Config)
}

// sendFor sends until it is killed, and prints the id of each event that was
// accepted.
func sendFor(ctx context.Context, cfg sender.Config, prefix string) {
	s, err := sender.New(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("%s-%d", prefix, i)
		_, err := s.Send(ctx, sender.Event{ID: id, Tenant: "acme", Type: "order.paid", Payload: []byte(`{}`)})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		fmt.Println(id)
	}
}

// child is a process that a test has started.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *bufio.Scanner
	stderr *strings.Builder
}

// startChild starts the program. It is killed when the test is over at the latest.
func startChild(t *testing.T, name string, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0], args...), stderr: &strings.Builder{}}
	c.cmd.Env = append(os.Environ(), childVariable+"="+name)
	c.cmd.Stderr = c.stderr
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.output = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kill() })
	return c
}

// lines reads so many lines of what the child prints.
func (c *child) lines(n int) []string {
	c.t.Helper()
	var lines []string
	for len(lines) < n && c.output.Scan() {
		lines = append(lines, c.output.Text())
	}
	if len(lines) < n {
		c.kill()
		c.t.Fatalf("the child ended after %d of %d lines:\n%s", len(lines), n, c.stderr)
	}
	return lines
}

// kill is kill -9. It returns what the child had still printed.
func (c *child) kill() []string {
	if c.cmd.ProcessState != nil {
		return nil
	}
	_ = c.cmd.Process.Kill()
	var lines []string
	for c.output.Scan() {
		lines = append(lines, c.output.Text())
	}
	_ = c.cmd.Wait() // it was killed
	if text := c.stderr.String(); text != "" {
		c.t.Log(text)
	}
	return lines
}
