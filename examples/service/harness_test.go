package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// patience is for whatever the machine has to do in a test.
const patience = time.Minute

// addresses are how to get a new, empty database of each kind.
var addresses = map[string]func(t *testing.T) string{
	"memory":     func(*testing.T) string { return memory },
	"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "odd name?#%41.db") },
	"PostgreSQL": func(t *testing.T) string { return testenv.Postgres(t) },
	"MySQL":      mysqlAddress,
}

// mysqlAddress is testenv's as the service takes it.
func mysqlAddress(t *testing.T) string {
	t.Helper()
	config, err := mysqldriver.ParseDSN(testenv.MySQL(t))
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "mysql", User: url.UserPassword(config.User, config.Passwd), Host: config.Addr, Path: config.DBName}
	return u.String()
}

// onEach runs a test on each kind of database.
func onEach(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	on(t, []string{"memory", "SQLite", "PostgreSQL", "MySQL"}, test)
}

// onSQL is onEach without the one that has no transactions.
func onSQL(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	on(t, []string{"SQLite", "PostgreSQL", "MySQL"}, test)
}

func on(t *testing.T, kinds []string, test func(t *testing.T, address string)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, addresses[kind](t))
		})
	}
}

// fixture is a service in this process, on a Redis of its own.
type fixture struct {
	client
	svc   *service
	redis *testenv.RedisServer
	logs  *logBuffer
}

// newFixture starts a service without workers.
func newFixture(t *testing.T, address string) *fixture {
	t.Helper()
	f := &fixture{redis: testenv.Redis(t), logs: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db, err := openDatabase(t.Context(), address, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.close() }) // a test may have closed it
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	o := options{role: both, allowLocal: true, concurrency: 8, keep: 24 * time.Hour}
	cfg, err := newConfig(o, &redisConn{client: rdb}, db.store, log)
	if err != nil {
		t.Fatal(err)
	}
	cfg.SweepInterval = time.Second
	if f.svc, err = newService(o.role, cfg, db, log); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.svc.handler())
	t.Cleanup(server.Close)
	f.client = newClient(t, server.URL)
	return f
}

// work runs the workers until the test is over.
func (f *fixture) work(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	f.svc.working.Store(true)
	go func() { ended <- sender.RunWorkers(ctx, f.svc.cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("RunWorkers: %v", err)
		}
	})
}

// count returns the number of rows of a table.
func (f *fixture) count(t *testing.T, table string) (n int) {
	t.Helper()
	if err := f.svc.db.sql.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (f *fixture) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := f.svc.db.sql.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// logBuffer is a log that a test reads.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// client calls the API.
type client struct {
	base string
	http *http.Client
}

func newClient(t *testing.T, base string) client {
	t.Helper()
	c := client{base, &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 50},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// answered is what came back.
type answered struct {
	status int
	header http.Header
	body   string
}

// try sends a request. A path that begins with "/" is used as it is, others are
// a tenant's: its events, and all else of the portal's API.
func (c client) try(ctx context.Context, method, path, contentType, body string) (answered, error) {
	if !strings.HasPrefix(path, "/") {
		tenant, rest, _ := strings.Cut(path, "/")
		if path = "/tenants/" + tenant + "/webhooks/api/v1/" + rest; rest == "events" {
			path = "/v1/tenants/" + tenant + "/events"
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return answered{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answered{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answered{res.StatusCode, res.Header, string(text)}, err
}

// do sends a request with a JSON body and wants an answer.
func (c client) do(t *testing.T, method, path, body string) answered {
	t.Helper()
	got, err := c.try(t.Context(), method, path, "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// call sends a request and reads the answer into a T. It must have the status.
func call[T any](t *testing.T, c client, status int, method, path, body string) (value T) {
	t.Helper()
	got := c.do(t, method, path, body)
	if got.status != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	if err := json.Unmarshal([]byte(got.body), &value); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, got.body)
	}
	return value
}

// The answers, as far as a client looks at them.
type (
	list[T any]    struct{ Items []T }
	endpointAnswer struct {
		ID, Secret string
	}
	eventAnswer struct {
		ID         string   `json:"id"`
		Deliveries []string `json:"deliveries"`
		Duplicate  bool     `json:"duplicate"`
	}
	deliveryAnswer struct {
		ID         string
		State      store.DeliveryState
		LastStatus int `json:"last_status"`
	}
	healthAnswer struct{ Status, Redis, Database, Workers string }
)

// addEndpoint creates an endpoint of tenant acme.
func addEndpoint(t *testing.T, c client, fields string) endpointAnswer {
	t.Helper()
	return call[endpointAnswer](t, c, http.StatusCreated, "POST", "acme/endpoints", fields)
}

// waitForState asks for the delivery until it is in the state.
func waitForState(t *testing.T, c client, id string, state store.DeliveryState) deliveryAnswer {
	t.Helper()
	var got deliveryAnswer
	eventually(t, func() bool {
		got = call[deliveryAnswer](t, c, http.StatusOK, "GET", "acme/deliveries/"+id, "")
		return got.State == state
	}, func() string { return "delivery " + id + " is " + string(got.State) + ", want " + string(state) })
	return got
}

// eventually tries until done reports true.
func eventually(t *testing.T, done func() bool, otherwise func() string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(otherwise())
		}
	}
}
