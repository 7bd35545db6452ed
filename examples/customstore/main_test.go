package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStore is the whole conformance test of a Store.
func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		return reopen(t, filepath.Join(t.TempDir(), "webhooks.jsonl"))
	})
}

func Example() {
	// Shows what main prints.
	main()
	// Output:
	// written, and closed
	// dlv_1 is pending: {"jam":1} to https://example.com/hook
	// again: event "evt_1": already exists
}

func reopen(t *testing.T, path string) *fileStore {
	t.Helper()
	s, err := open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// contents is all that a store holds. It hides nothing: two of them are equal
// if their secrets are.
type contents struct {
	Endpoints  []store.Endpoint
	Events     []store.Event
	Deliveries []store.Delivery
	Attempts   []store.Attempt
}

func read(t *testing.T, s store.Store) (all contents) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for e, err := range store.AllEndpoints(t.Context(), s, store.EndpointFilter{Tenant: store.AllTenants}) {
		must(err)
		all.Endpoints = append(all.Endpoints, e)
	}
	for d, err := range store.AllDeliveries(t.Context(), s, store.DeliveryFilter{Tenant: store.AllTenants}) {
		must(err)
		all.Deliveries = append(all.Deliveries, d)
		e, err := s.GetEvent(t.Context(), d.Tenant, d.EventID)
		must(err)
		all.Events = append(all.Events, e)
	}
	for a, err := range store.AllAttempts(t.Context(), s, store.AttemptFilter{Tenant: store.AllTenants}) {
		must(err)
		all.Attempts = append(all.Attempts, a)
	}
	return all
}

var now = time.Date(2026, time.January, 2, 3, 4, 5, 678_901_000, time.UTC)

// write fills a store, with changes that are refused in between.
func write(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	endpoint := store.Endpoint{
		ID: "ep_1", Tenant: "ws_1", URL: "https://example.com", CreatedAt: now,
		EventTypes: []string{"jam.*"}, Headers: map[string][]string{"Authorization": {"Bearer 1", "2"}},
		Secrets:   []store.Secret{{Value: "whsec_2"}, {Value: "whsec_1", ExpiresAt: now}},
		RateLimit: store.RateLimit{PerSecond: 0.1, Burst: 2}, FailingSince: now, PausedUntil: now,
	}
	gone := store.Endpoint{ID: "ep_gone", Tenant: "ws_1", CreatedAt: now}
	event := store.Event{ID: "evt_1", Tenant: "ws_1", Payload: []byte("\x00\xff"), Hops: 1, CreatedAt: now}
	d := store.Delivery{
		ID: "dlv_1", Tenant: "ws_1", EventID: "evt_1", EndpointID: "ep_1",
		State: store.Pending, NextAttemptAt: now, CreatedAt: now,
	}
	attempt := &store.Attempt{ID: "att_1", DeliveryID: "dlv_1", Tenant: "ws_1", StartedAt: now, ResponseBody: []byte{0}, ConnReused: true}
	stale := d
	d.Version = 1
	for i, step := range []struct {
		err  error
		want error
	}{
		{s.PutEndpoint(ctx, endpoint), nil},
		{s.PutEndpoint(ctx, endpoint), store.ErrExists},
		{s.PutEndpoint(ctx, gone), nil},
		{s.DeleteEndpoint(ctx, "ws_1", "ep_gone"), nil},
		{s.DeleteEndpoint(ctx, "ws_1", "ep_gone"), store.ErrNotFound},
		{s.CreateEvent(ctx, event, []store.Delivery{stale}), nil},
		{s.UpdateDelivery(ctx, stale, attempt), store.ErrConflict},
		{s.UpdateDelivery(ctx, d, attempt), nil},
	} {
		if !errors.Is(step.err, step.want) {
			t.Fatalf("step %d: got error %v, want %v", i, step.err, step.want)
		}
	}
}

func TestReopenFindsEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "webhooks.jsonl")
	s := reopen(t, path)
	write(t, s)
	want := read(t, s)
	if len(want.Endpoints) != 1 || len(want.Deliveries) != 1 || len(want.Attempts) != 1 {
		t.Fatalf("the test itself is wrong: %+v", want)
	}
	// Without Close, as after a crash.
	if got := read(t, reopen(t, path)); !reflect.DeepEqual(got, want) {
		t.Errorf("after opening it again:\ngot  %+v\nwant %+v", got, want)
	}
	if got := read(t, reopen(t, path)).Endpoints[0].Secrets[1].Value; got != "whsec_1" {
		t.Errorf("the secret is %q", got)
	}
}

// TestTornLine cuts the file at every byte of its last line, and wants all the
// other lines back, and a store that can go on from there.
func TestTornLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "webhooks.jsonl")
	s := reopen(t, path)
	write(t, s)
	want := read(t, s)
	whole := fileSize(t, path)
	last := store.Endpoint{ID: "ep_last", Tenant: "ws_1", CreatedAt: now}
	if err := s.PutEndpoint(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := whole; size < len(data); size += 7 {
		torn := filepath.Join(dir, "torn.jsonl")
		if err := os.WriteFile(torn, data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		s := reopen(t, torn)
		if got := read(t, s); !reflect.DeepEqual(got, want) {
			t.Fatalf("cut at %d of %d:\ngot  %+v\nwant %+v", size, len(data), got, want)
		}
		if err := s.PutEndpoint(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		if _, err := reopen(t, torn).GetEndpoint(t.Context(), "ws_1", "ep_last"); err != nil {
			t.Errorf("cut at %d: what was written next is gone: %v", size, err)
		}
	}
}

func fileSize(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

func TestDamageIsReported(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":        "what is this\n",
		"unknown change": `{"RenameTenant":{}}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "webhooks.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: got error %v, want one that names the line", name, err)
		}
	}
	if _, err := open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "directory")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want os.ErrNotExist", err)
	}
}

// TestFailedWrite: after a write of which nobody knows whether it happened,
// none is acknowledged.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	s := reopen(t, filepath.Join(t.TempDir(), "webhooks.jsonl"))
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := s.DeleteEndpoint(t.Context(), "ws_1", "ep_1")
		if err == nil || !strings.Contains(err.Error(), "opened again") {
			t.Errorf("got error %v, want one that says what to do", err)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := reopen(t, filepath.Join(t.TempDir(), "webhooks.jsonl"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := s.CreateEvent(context.Background(), store.Event{ID: "evt_1", Tenant: "ws_1"}, nil)
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("got error %v, want os.ErrClosed", err)
	}
	if _, err := s.GetEvent(t.Context(), "ws_1", "evt_1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got error %v, want store.ErrNotFound", err)
	}
}
