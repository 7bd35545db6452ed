package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// mysqlBinaries names another directory with mariadbd or mysqld. The other
// programs are there, or in the bin beside it.
const mysqlBinaries = "OUTHOOK_MYSQL_BIN"

// WithMySQL returns m with a MariaDB or MySQL server around it, which is started
// by the first call of [MySQL] and ended after the last test.
func WithMySQL(m TestingM) TestingM { return mysqlMain{m} }

type mysqlMain struct{ m TestingM }

func (p mysqlMain) Run() int {
	mysql.owned = true
	defer mysql.end()
	return p.m.Run()
}

// MySQL returns the data source name, for github.com/go-sql-driver/mysql, of a
// new, empty database on the test binary's own MariaDB or MySQL server, whose
// default character set is latin1 and whose time zone is an odd one. Without a
// server the test is skipped; under OUTHOOK_REQUIRE_SERVERS=1 it fails. TestMain
// must use [WithMySQL].
func MySQL(t testing.TB) string {
	t.Helper()
	programs, ok := findMySQL(t)
	Require(t, "MariaDB", ok, "apt-get install mariadb-server")
	name, err := mysql.createDatabase(programs)
	if err != nil {
		t.Fatalf("MySQL: %v", err)
	}
	return fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", mysql.port, name)
}

// mysql is the one server of this test binary.
var mysql mysqlServer

type mysqlServer struct {
	owned bool // by a TestMain, which ends it

	once sync.Once
	err  error // of the start

	programs mysqlPrograms
	dir      string
	port     int
	proc     *Process

	databases atomic.Int64
}

func (s *mysqlServer) createDatabase(programs mysqlPrograms) (string, error) {
	if !s.owned {
		return "", errors.New("TestMain does not use testenv.WithMySQL: nobody would end the server")
	}
	s.once.Do(func() {
		s.programs = programs
		s.err = s.start()
	})
	if s.err != nil {
		return "", s.err
	}
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	out, err := exec.Command(s.programs.client, "--no-defaults", "--protocol=tcp", "--host=127.0.0.1",
		"--port="+strconv.Itoa(s.port), "--user=root", "--execute=CREATE DATABASE "+name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("create database %s: %w\n%s", name, err, out)
	}
	return name, nil
}

// start makes the files of a server in a directory of their own, and starts it on
// a free port, again if somebody else takes it in between.
func (s *mysqlServer) start() error {
	dir, err := os.MkdirTemp("", "outhook-mysql-")
	if err != nil {
		return err
	}
	s.dir = dir
	if err := giveToServerUser("mysql", dir); err != nil {
		return err
	}
	install := exec.Command(s.programs.server, "--no-defaults", "--initialize-insecure", "--datadir="+s.data())
	if s.programs.install != "" { // MariaDB's way
		install = exec.Command(s.programs.install, "--no-defaults", "--datadir="+s.data(),
			"--auth-root-authentication-method=normal", "--skip-test-db")
	}
	install.SysProcAttr, install.Dir = asServerUser("mysql", nil), dir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", install.Path, err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverPatience)
	defer cancel()
	for {
		err := s.launch(ctx)
		if err == nil {
			announceVersion(s.programs.server)
		}
		if !errors.Is(err, errPortTaken) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *mysqlServer) data() string { return filepath.Join(s.dir, "data") }

// launch starts the process and waits until it says that it is ready.
func (s *mysqlServer) launch(ctx context.Context) error {
	port, err := FreePort(ctx)
	if err != nil {
		return err
	}
	s.port = port
	logFile := filepath.Join(s.dir, "log")
	s.proc, err = startProcessAs(asServerUser("mysql", dieWithParent()), s.dir, logFile, s.programs.server,
		"--no-defaults", "--datadir="+s.data(), "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		"--socket="+filepath.Join(s.dir, "socket"), "--pid-file="+filepath.Join(s.dir, "pid"), "--max-connections=500",
		"--default-time-zone=+05:45", "--character-set-server=latin1", "--collation-server=latin1_swedish_ci",
		"--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0") // nothing here outlives the server
	if err != nil {
		return err
	}
	return s.proc.says(ctx, logFile, "ready for connections")
}

// end ends the server and removes its files.
func (s *mysqlServer) end() {
	if s.proc != nil {
		s.proc.Kill()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // it is in the directory for temporary files
	}
}

// mysqlPrograms are the paths of what comes with a server.
type mysqlPrograms struct {
	server  string
	install string // empty for MySQL, whose server does it
	client  string
}

// findMySQL looks for MariaDB's programs, then for MySQL's. Debian has the
// server where users have no PATH to.
func findMySQL(t testing.TB) (programs mysqlPrograms, ok bool) {
	t.Helper()
	path := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin")
	named := os.Getenv(mysqlBinaries)
	if named != "" {
		path = []string{named, filepath.Join(named, "..", "bin")}
	}
	find := func(names ...string) string {
		for _, name := range names {
			for _, dir := range path {
				if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(found) {
					return found
				}
			}
		}
		return ""
	}
	programs = mysqlPrograms{
		server: find("mariadbd", "mysqld"), install: find("mariadb-install-db"), client: find("mariadb", "mysql"),
	}
	ok = programs.server != "" && programs.client != ""
	if named != "" && !ok {
		t.Fatalf("%s: %s has no mariadbd or mysqld, or no client", mysqlBinaries, named)
	}
	return programs, ok
}

// announceVersion says what the tests run on.
func announceVersion(program string) {
	version, err := exec.Command(program, "--version").Output()
	if err == nil {
		say(filepath.Base(os.Args[0]) + ": " + strings.TrimSpace(string(version)))
	}
}
