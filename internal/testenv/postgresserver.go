package testenv

import (
	"context"
	"slices"
	"testing"
)

// PostgresServer is a PostgreSQL server of one test, which decides when it is
// down.
type PostgresServer struct {
	t      testing.TB
	server postgresServer
}

// StartPostgres starts a server that ends with the test. The settings, such as
// "fsync=on", overrule those of [Postgres], under which a commit may be lost
// when the server crashes: here it is not. Without PostgreSQL the test is
// skipped, as there.
func StartPostgres(t testing.TB, settings ...string) *PostgresServer {
	t.Helper()
	bin := findPostgres(t)
	Require(t, "PostgreSQL", bin != "", "apt-get install postgresql")
	p := &PostgresServer{t: t}
	p.server.bin, p.server.settings = bin, slices.Concat([]string{"synchronous_commit=on"}, settings)
	t.Cleanup(p.server.end)
	if err := p.server.start(); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	return p
}

// Database returns the URL of a new, empty database.
func (p *PostgresServer) Database() string {
	p.t.Helper()
	name, err := p.server.newDatabase()
	if err != nil {
		p.t.Fatalf("PostgreSQL: %v", err)
	}
	return p.server.url(name)
}

// Stop ends the server at once, in the middle of what it does, as a crash would.
func (p *PostgresServer) Stop() { p.server.stop() }

// Start starts it again, at the same address, and returns when it is ready.
func (p *PostgresServer) Start() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverPatience)
	defer cancel()
	if err := p.server.launch(ctx); err != nil {
		p.t.Fatalf("PostgreSQL: %v", err)
	}
}
