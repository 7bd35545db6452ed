package testenv

import (
	"fmt"
	"testing"
)

// PostgresServer is a PostgreSQL server of one test, which decides when it is
// down.
type PostgresServer struct {
	t         testing.TB
	process   *PostgresProcess
	databases int
}

// OwnPostgres starts a server that ends with the test; the settings are as for
// [StartPostgres]. Without PostgreSQL the test is skipped, as in [Postgres].
func OwnPostgres(t testing.TB, settings ...string) *PostgresServer {
	t.Helper()
	requirePostgres(t)
	process, err := StartPostgres("", settings...)
	t.Cleanup(process.End)
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	return &PostgresServer{t: t, process: process}
}

// Database returns the URL of a new, empty database.
func (p *PostgresServer) Database() string {
	p.t.Helper()
	p.databases++
	name := fmt.Sprintf("test_%d", p.databases)
	if err := p.process.CreateDatabase(name); err != nil {
		p.t.Fatalf("PostgreSQL: %v", err)
	}
	return p.process.URL(name)
}

// Stop ends the server at once, in the middle of what it does, as a crash would.
func (p *PostgresServer) Stop() { p.process.Stop() }

// Start starts it again, at the same address, and returns when it is ready.
func (p *PostgresServer) Start() {
	p.t.Helper()
	if err := p.process.Start(); err != nil {
		p.t.Fatalf("PostgreSQL: %v", err)
	}
}
