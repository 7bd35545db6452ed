package testenv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// postgresBinaries names another directory with initdb, postgres and psql.
const postgresBinaries = "OUTHOOK_POSTGRES_BIN"

// PostgresProcess is a PostgreSQL server that belongs to a program which is no
// test: see [Postgres] for tests. Its default collation is that of a language,
// and its time zone an odd one. What was committed outlives the server's
// processes, and not the machine.
type PostgresProcess struct {
	bin      string
	dir      string
	logs     string   // directory
	settings []string // beside those that all have
	port     int
	launched int
	proc     *Process // nil while stopped
}

// StartPostgres makes a cluster in a directory of its own, and starts a server
// on a free loopback port, again if somebody else takes it in between. Its logs
// are in dir, or with the cluster if that is empty. The settings, such as
// "fsync=on", overrule those that it has otherwise. End it whether or not there
// is an error.
func StartPostgres(dir string, settings ...string) (*PostgresProcess, error) {
	s := &PostgresProcess{logs: dir, settings: settings}
	bin, err := findPostgres()
	if err != nil {
		return s, err
	}
	if bin == "" {
		return s, errors.New("PostgreSQL is missing: apt-get install postgresql")
	}
	s.bin = bin
	if s.dir, err = os.MkdirTemp("", "outhook-postgres-"); err != nil {
		return s, err
	}
	s.logs = cmp.Or(s.logs, s.dir)
	if err := giveToServerUser("postgres", s.dir); err != nil {
		return s, err
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = asServerUser("postgres", nil), s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return s, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverPatience)
	defer cancel()
	for {
		if s.port, err = FreePort(ctx); err == nil {
			err = s.launch(ctx)
		}
		if !errors.Is(err, errPortTaken) || ctx.Err() != nil {
			return s, err
		}
	}
}

// URL returns the address of a database.
func (s *PostgresProcess) URL(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.User("postgres"),
		Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

// CreateDatabase makes an empty database.
func (s *PostgresProcess) CreateDatabase(name string) error {
	out, err := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-d", s.URL("postgres"),
		"-c", "CREATE DATABASE "+name).CombinedOutput()
	if err != nil {
		return fmt.Errorf("create database %s: %w\n%s", name, err, out)
	}
	return nil
}

// Start starts a server that was stopped again, on the port that it had.
func (s *PostgresProcess) Start() error {
	if s.proc != nil {
		return errRuns
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverPatience)
	defer cancel()
	for {
		err := s.launch(ctx)
		if !errors.Is(err, errPortTaken) || wait(ctx) != nil {
			return err
		}
	}
}

// Stop is PostgreSQL's immediate shutdown: connections break, transactions under
// way are gone, and the next start recovers from the log. A kill -9 would do the
// same and leave shared memory behind.
func (s *PostgresProcess) Stop() {
	if s.proc == nil {
		return
	}
	proc := s.proc
	s.proc = nil
	_ = proc.Signal(quitSignal) // the only error is that it has ended
	timer := time.AfterFunc(patience, proc.Kill)
	defer timer.Stop()
	<-proc.Done()
}

// End stops the server and removes its files.
func (s *PostgresProcess) End() {
	s.Stop()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // it is in the directory for temporary files
	}
}

func (s *PostgresProcess) data() string { return filepath.Join(s.dir, "data") }

// launch starts the process and waits until it says that it is ready.
func (s *PostgresProcess) launch(ctx context.Context) error {
	args := []string{"-D", s.data()}
	for _, setting := range slices.Concat([]string{
		"port=" + strconv.Itoa(s.port), "listen_addresses=127.0.0.1", "unix_socket_directories=",
		"max_connections=200", "timezone=Asia/Kathmandu",
		"fsync=off", "full_page_writes=off", // nothing here outlives the machine
	}, s.settings) {
		args = append(args, "-c", setting)
	}
	s.launched++
	logFile := filepath.Join(s.logs, fmt.Sprintf("postgres.%d.log", s.launched))
	proc, err := startProcessAs(asServerUser("postgres", dieWithParent()), s.dir, logFile, filepath.Join(s.bin, "postgres"), args...)
	if err != nil {
		return err
	}
	s.proc = proc
	if err := proc.says(ctx, logFile, "ready to accept connections"); err != nil {
		s.Stop()
		return err
	}
	return nil
}

// findPostgres returns the directory of PostgreSQL's binaries, or "". Debian
// does not have it on PATH.
func findPostgres() (string, error) {
	if named := os.Getenv(postgresBinaries); named != "" {
		if _, err := os.Stat(filepath.Join(named, "initdb")); err != nil {
			return "", fmt.Errorf("%s: %w", postgresBinaries, err)
		}
		return named, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // a link has no psql beside it
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", err
	}
	return filepath.Dir(slices.Max(found)), nil
}
