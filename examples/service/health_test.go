package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		if got := call[healthAnswer](t, f.client, http.StatusServiceUnavailable, "GET", "/healthz", ""); got != (healthAnswer{"down", "ok", "ok", "down"}) {
			t.Errorf("without workers: %+v", got)
		}
		f.svc.working.Store(true)
		if got := call[healthAnswer](t, f.client, http.StatusOK, "GET", "/healthz", ""); got != (healthAnswer{"ok", "ok", "ok", "ok"}) {
			t.Errorf("health: %+v", got)
		}

		// Without Redis events are accepted all the same.
		addEndpoint(t, f.client, `{"url":"https://example.com"}`)
		f.redis.Stop()
		if got := call[healthAnswer](t, f.client, http.StatusOK, "GET", "/healthz", ""); got != (healthAnswer{"degraded", "down", "ok", "ok"}) {
			t.Errorf("without Redis: %+v", got)
		}
		call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", `{"type":"a","payload":1}`)

		f.redis.Start()
		if err := f.svc.db.close(); err != nil {
			t.Fatal(err)
		}
		if got := call[healthAnswer](t, f.client, http.StatusServiceUnavailable, "GET", "/healthz", ""); got != (healthAnswer{"down", "ok", "down", "ok"}) {
			t.Errorf("without a database: %+v", got)
		}
		for _, request := range []string{"GET endpoints", "GET deliveries/dlv_1", "GET stats", "POST events", "POST endpoints/ep_1/test"} {
			method, path, _ := strings.Cut(request, " ")
			body := ""
			if path == "events" {
				body = `{"type":"a","payload":1}`
			}
			got := f.do(t, method, "acme/"+path, body)
			if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "sql:") {
				t.Errorf("%s without a database: %d %s", request, got.status, got.body)
			}
		}
	})
}

// A web process without workers is well.
func TestHealthOfAWebProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.svc.role = web
	if got := call[healthAnswer](t, f.client, http.StatusOK, "GET", "/healthz", ""); got.Workers != "elsewhere" {
		t.Errorf("health: %+v", got)
	}
}

// A database on the network is waited for, a minute; a file is not.
func TestWaitForDatabase(t *testing.T) {
	t.Parallel()
	errDown := errors.New("connection refused")
	for name, tc := range map[string]struct {
		kind     kind
		failures int
		err      error
		waited   time.Duration
	}{
		"there":        {postgres, 0, nil, 0},
		"comes":        {postgres, 5, nil, 5 * time.Second},
		"never comes":  {postgres, 1000, errDown, 61 * time.Second},
		"file":         {sqlite, 1, errDown, 0},
		"file, opened": {sqlite, 0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				logs, began, tries := &logBuffer{}, time.Now(), 0
				err := tc.kind.waitFor(t.Context(), func(context.Context) error {
					if tries++; tries <= tc.failures {
						return errDown
					}
					return nil
				}, slog.New(slog.NewTextHandler(logs, nil)))
				if !errors.Is(err, tc.err) || time.Since(began) != tc.waited {
					t.Errorf("%v after %s, want %v after %s", err, time.Since(began), tc.err, tc.waited)
				}
				if said := strings.Count(logs.String(), "Not ready; trying again"); said != int(tc.waited/time.Second) {
					t.Errorf("said so %d times in %s", said, tc.waited)
				}
			})
		})
	}
}

// Whatever is wrong with an address, what it holds is not shown.
func TestAddressesAreNotShown(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "outhook.db", "sqlite:", "oracle://u:hidden@h/d", "postgres://u:hidden@h:port/d",
		"postgres://u:hidden@h/d?sslmode=hidden", "postgres://u:hid%zzden@h/d",
		"mysql://u:hidden@h:port/d", "mysql://u:hidden@h", "mysql://u:hidden@h/d?charset=hidden", "mysql:u:hidden@tcp(h)/d",
	} {
		if _, _, err := connect(address); err == nil || strings.Contains(err.Error(), "hid") || !strings.HasPrefix(err.Error(), "-database ") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{"", "localhost:6379", "redis://u:hidden@h:port/0", "redis://u:hidden@h/x", "http://u:hidden@h"} {
		if _, err := openRedis(address); err == nil || strings.Contains(err.Error(), "hid") || !strings.HasPrefix(err.Error(), "-redis ") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
