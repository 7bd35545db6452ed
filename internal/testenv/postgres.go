package testenv

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

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
// PostgreSQL server, which is a [PostgresProcess]. Without PostgreSQL the test is
// skipped; under OUTHOOK_REQUIRE_SERVERS=1 it fails. TestMain must use
// [WithPostgres].
func Postgres(t testing.TB) string {
	t.Helper()
	requirePostgres(t)
	address, err := postgres.createDatabase()
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	return address
}

func requirePostgres(t testing.TB) {
	t.Helper()
	bin, err := findPostgres()
	if err != nil {
		t.Fatalf("%v", err)
	}
	Require(t, "PostgreSQL", bin != "", "apt-get install postgresql")
}

// postgres is the one server of this test binary.
var postgres postgresServer

type postgresServer struct {
	owned bool // by a TestMain, which ends it

	once   sync.Once
	err    error // of the start
	server *PostgresProcess

	databases atomic.Int64
}

func (s *postgresServer) createDatabase() (string, error) {
	if !s.owned {
		return "", errors.New("TestMain does not use testenv.WithPostgres: nobody would end the server")
	}
	s.once.Do(func() {
		s.server, s.err = StartPostgres("")
		if s.err == nil {
			announceVersion(filepath.Join(s.server.bin, "postgres"))
		}
	})
	if s.err != nil {
		return "", s.err
	}
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	return s.server.URL(name), s.server.CreateDatabase(name)
}

func (s *postgresServer) end() {
	if s.server != nil {
		s.server.End()
	}
}
