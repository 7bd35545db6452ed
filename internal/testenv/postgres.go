package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// postgresBinaries names another directory with initdb, postgres and psql.
const postgresBinaries = "OUTHOOK_POSTGRES_BIN"

// serverPatience is longer than that of Redis: a start takes about a second.
const serverPatience = time.Minute

// WithPostgres returns m with a PostgreSQL server around it, which is started by
// the first call of [Postgres] and ended after the last test:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.WithPostgres(m)) }
func WithPostgres(m TestingM) TestingM { return postgresMain{m} }

// TestingM is a [testing.M], or one with a server around it.
type TestingM interface{ Run() int }

type postgresMain struct{ m TestingM }

func (p postgresMain) Run() int {
	postgres.owned = true
	defer postgres.end()
	return p.m.Run()
}

// Postgres returns the URL of a new, empty database on the test binary's own
// PostgreSQL server, whose default collation is that of a language and whose
// time zone is an odd one. Without PostgreSQL the test is skipped; under
// OUTHOOK_REQUIRE_SERVERS=1 it fails. TestMain must use [WithPostgres].
func Postgres(t testing.TB) string {
	t.Helper()
	bin := findPostgres(t)
	Require(t, "PostgreSQL", bin != "", "apt-get install postgresql")
	name, err := postgres.createDatabase(bin)
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	return postgres.url(name)
}

// postgres is the one server of this test binary.
var postgres postgresServer

type postgresServer struct {
	owned bool // by a TestMain, which ends it

	once sync.Once
	err  error // of the start

	bin      string
	dir      string
	settings []string // beside those that all have
	port     int
	proc     *process

	databases atomic.Int64
}

func (s *postgresServer) url(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.User("postgres"),
		Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

func (s *postgresServer) createDatabase(bin string) (string, error) {
	if !s.owned {
		return "", errors.New("TestMain does not use testenv.WithPostgres: nobody would end the server")
	}
	s.once.Do(func() {
		s.bin = bin
		if s.err = s.start(); s.err == nil {
			announceVersion(filepath.Join(s.bin, "postgres"))
		}
	})
	if s.err != nil {
		return "", s.err
	}
	return s.newDatabase()
}

func (s *postgresServer) newDatabase() (string, error) {
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	out, err := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-d", s.url("postgres"),
		"-c", "CREATE DATABASE "+name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("create database %s: %w\n%s", name, err, out)
	}
	return name, nil
}

// start makes a cluster in a directory of its own, and starts a server on a
// free port, again if somebody else takes it in between.
func (s *postgresServer) start() error {
	dir, err := os.MkdirTemp("", "outhook-postgres-")
	if err != nil {
		return err
	}
	s.dir = dir
	if err := giveToServerUser("postgres", dir); err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = asServerUser("postgres", nil), dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverPatience)
	defer cancel()
	for {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		err := s.launch(ctx)
		if !errors.Is(err, errPortTaken) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *postgresServer) data() string { return filepath.Join(s.dir, "data") }

// launch starts the process and waits until it says that it is ready.
func (s *postgresServer) launch(ctx context.Context) error {
	args := []string{"-D", s.data()}
	for _, setting := range slices.Concat([]string{
		"port=" + strconv.Itoa(s.port), "listen_addresses=127.0.0.1", "unix_socket_directories=",
		"max_connections=200", "timezone=Asia/Kathmandu",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", // nothing here outlives the server
	}, s.settings) {
		args = append(args, "-c", setting)
	}
	logFile := filepath.Join(s.dir, "log")
	proc, err := startProcessAs(asServerUser("postgres", dieWithParent()), s.dir, logFile, filepath.Join(s.bin, "postgres"), args...)
	if err != nil {
		return err
	}
	s.proc = proc
	for {
		text, err := os.ReadFile(logFile)
		switch {
		case err != nil:
			return err
		case bytes.Contains(text, []byte("ready to accept connections")):
			return nil
		case s.proc.ended() && bytes.Contains(text, []byte("Address already in use")):
			return errPortTaken
		case s.proc.ended():
			return fmt.Errorf("it ended at once; its log:\n%s", text)
		case wait(ctx) != nil:
			return fmt.Errorf("it does not start; its log:\n%s", text)
		}
	}
}

// stop ends the process at once.
func (s *postgresServer) stop() {
	if s.proc == nil {
		return
	}
	// Without a chance to clean up it would leave shared memory behind.
	_ = s.proc.cmd.Process.Signal(quitSignal) // the only error is that it has ended
	timer := time.AfterFunc(patience, func() { _ = s.proc.cmd.Process.Kill() })
	<-s.proc.done
	timer.Stop()
}

// end ends the server and removes its files.
func (s *postgresServer) end() {
	s.stop()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // it is in the directory for temporary files
	}
}

// findPostgres returns the directory of PostgreSQL's binaries, or "". Debian
// does not have it on PATH.
func findPostgres(t testing.TB) string {
	t.Helper()
	if named := os.Getenv(postgresBinaries); named != "" {
		if _, err := os.Stat(filepath.Join(named, "initdb")); err != nil {
			t.Fatalf("%s: %v", postgresBinaries, err)
		}
		return named
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // a link has no psql beside it
			return filepath.Dir(path)
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.Max(found))
}
