package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
)

// setup is what the processes of a drill agree on. It travels as a file.
type setup struct {
	Driver    string // pgx or sqlite
	Source    string
	Redis     string // its address, or the proxy's
	Receiver  string // the URL of the hooks
	Secret    string // of every endpoint
	Tenants   int
	Endpoints int // of each tenant

	Concurrency int
	Retry       retry.Schedule
	Timeout     time.Duration
	// SweepInterval is the default one in most drills: zero.
	SweepInterval time.Duration
}

const eventType = "drill.held"

// defaults is a product with more tenants than shards, whose schedule is short
// enough to be lived through. It has room for the failures of a drill.
func defaults() setup {
	return setup{
		Driver: "pgx", Tenants: 10, Endpoints: 2, Concurrency: 32, Timeout: 5 * time.Second,
		Retry: retry.Schedule{0, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 10 * time.Second},
	}
}

func (s setup) save(name string) error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

func loadSetup(name string) (setup, error) {
	var s setup
	text, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// The names of what a drill sends. The tenant of an event follows from its number.

func (s setup) tenant(event int) string { return "t" + strconv.Itoa(event%s.Tenants) }

func eventID(event int) string { return "evt_" + strconv.Itoa(event) }

func endpointID(tenant string, n int) string { return fmt.Sprintf("ep_%s_%d", tenant, n) }

func (s setup) event(n int) sender.Event {
	return sender.Event{
		ID: eventID(n), Tenant: s.tenant(n), Type: eventType,
		Payload: fmt.Appendf(nil, `{"number":%d,"text":"what a product would say about it, at some length"}`, n),
	}
}

// host is what a process that imports Outhook has.
type host struct {
	setup

	db    *sql.DB
	store *sqlstore.Store
	redis *redis.Client
}

func (s setup) open() (*host, error) {
	redis.SetLogger(quiet{})
	dialect := sqlstore.PostgreSQL
	if s.Driver == "sqlite" {
		dialect = sqlstore.SQLite
	}
	db, err := sql.Open(s.Driver, s.Source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	st, err := sqlstore.New(db, dialect, sqlstore.Options{})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	client := redis.NewClient(&redis.Options{Addr: s.Redis, ContextTimeoutEnabled: true})
	return &host{setup: s, db: db, store: st, redis: client}, nil
}

func (h *host) close() error { return errors.Join(h.redis.Close(), h.db.Close()) }

// config is the host's. The name tells this process's requests from others'.
func (h *host) config(name string) sender.Config {
	return sender.Config{
		Store: h.store, Redis: h.redis,
		Profile:          sender.Profile{Retry: h.Retry, Timeout: h.Timeout},
		Concurrency:      h.Concurrency,
		SweepInterval:    h.SweepInterval,
		MaxResponseBody:  -1,
		UserAgent:        name,
		UnsafeAllowLocal: true,
		Logger:           slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
}

// prepare makes the tables and the endpoints, and a table of the host's own.
func (h *host) prepare(ctx context.Context) error {
	if _, err := h.store.Migrate(ctx); err != nil {
		return err
	}
	if _, err := h.db.ExecContext(ctx, "CREATE TABLE orders (event text)"); err != nil {
		return err
	}
	for t := range h.Tenants {
		for n := range h.Endpoints {
			tenant := h.tenant(t)
			id := endpointID(tenant, n)
			_, err := sender.PutEndpoint(ctx, h.config("drill"), store.Endpoint{
				ID: id, Tenant: tenant, URL: h.Receiver + "/" + id, Secrets: []store.Secret{{Value: h.Secret}},
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// quiet keeps go-redis from printing a line for each connection it cannot make.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// pause lets time pass, and reports false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
