// Command customstore shows how a host keeps webhooks in a place of its own:
// a [store.Store] in one file, to which every change is appended as a line of
// JSON, and from which everything is read back at start.
//
// It needs nothing to run:
//
//	go run ./examples/customstore
//
// main_test.go holds it against the contract with package storetest. That is
// all it takes: eleven methods, of which this one writes four itself.
//
// What it leaves out, and a Store for production would not: the file only ever
// grows, everything in it must fit into memory, each write waits for the disk
// alone, and nothing keeps a second process from opening the file.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// fileStore keeps its records in a file, and an index of them in memory.
//
// The index is the reference implementation, and decides what the contract
// decides: conflicts, order, pages. It is embedded as a plain store.Store on
// purpose. Embedded as a *memstore.Store, its Purge would be promoted too, and
// would remove records from the index but not from the file.
type fileStore struct {
	store.Store

	mu   sync.Mutex // one writer at a time: the file's order is the index's order
	file *os.File
	err  error // why nothing can be written any more
}

var _ store.Store = (*fileStore)(nil)

// change is one line of the file: one call of a method that writes. Exactly
// one field is set.
type change struct {
	PutEndpoint    *endpoint       `json:",omitempty"`
	DeleteEndpoint *deleteEndpoint `json:",omitempty"`
	CreateEvent    *createEvent    `json:",omitempty"`
	UpdateDelivery *updateDelivery `json:",omitempty"`
}

// endpoint is a store.Endpoint that can be read back. A store.Secret marshals
// as "[redacted]", so that it cannot end up in a log by accident; whoever
// really wants to keep it says so with a type of its own. The outer Secrets
// hides the inner one from encoding/json.
type endpoint struct {
	store.Endpoint
	Secrets []secret
}

type secret struct {
	Value     string
	ExpiresAt time.Time
}

type deleteEndpoint struct{ Tenant, ID string }

type createEvent struct {
	Event      store.Event
	Deliveries []store.Delivery
}

type updateDelivery struct {
	Delivery store.Delivery
	Attempt  *store.Attempt
}

// apply makes the change in the index.
func (c change) apply(ctx context.Context, index store.Store) error {
	switch {
	case c.PutEndpoint != nil:
		e := c.PutEndpoint.Endpoint
		for _, s := range c.PutEndpoint.Secrets {
			e.Secrets = append(e.Secrets, store.Secret(s))
		}
		return index.PutEndpoint(ctx, e)
	case c.DeleteEndpoint != nil:
		return index.DeleteEndpoint(ctx, c.DeleteEndpoint.Tenant, c.DeleteEndpoint.ID)
	case c.CreateEvent != nil:
		return index.CreateEvent(ctx, c.CreateEvent.Event, c.CreateEvent.Deliveries)
	case c.UpdateDelivery != nil:
		return index.UpdateDelivery(ctx, c.UpdateDelivery.Delivery, c.UpdateDelivery.Attempt)
	default:
		return errors.New("a change of a kind that this version does not know")
	}
}

// refused reports whether the contract said no to a change. Changes are
// written before they are tried, so these are in the file as well; the same
// changes in the same order are refused again when it is read.
func refused(err error) bool {
	return errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)
}

// open reads the file at path, or creates it.
func open(ctx context.Context, path string) (*fileStore, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) // it holds secrets
	if err != nil {
		return nil, err
	}
	s := &fileStore{Store: memstore.New(), file: file}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// load brings the index to where the file is.
func (s *fileStore) load(ctx context.Context) error {
	lines := bufio.NewReader(s.file)
	var offset int64
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			// A crash in the middle of a write leaves a line without its end.
			// Nobody was told that it was written, so it never was.
			return s.file.Truncate(offset)
		}
		if err != nil {
			return err
		}
		var c change
		if err := json.Unmarshal(bytes.TrimSuffix(line, []byte("\n")), &c); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := c.apply(ctx, s.Store); err != nil && !refused(err) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		offset += int64(len(line))
	}
}

// syncDir makes sure that a new file is still in its directory after a crash.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// write is what the four methods below have in common: first the file, then
// the index. In this order a change that somebody has seen, or was told of, is
// on the disk.
func (s *fileStore) write(ctx context.Context, c change) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.err != nil {
		return s.err
	}
	if err := s.append(append(line, '\n')); err != nil {
		// The line may be in the file or not, whole or in part: only reading
		// it again can tell. Until then nothing more is written.
		s.err = fmt.Errorf("the file must be opened again: %w", err)
		return s.err
	}
	// From here on it is written, whether the caller still waits or not.
	return c.apply(context.WithoutCancel(ctx), s.Store)
}

func (s *fileStore) append(line []byte) error {
	if _, err := s.file.Write(line); err != nil {
		return err
	}
	return s.file.Sync()
}

// Close ends the store. Calls that write return an error from then on.
func (s *fileStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = os.ErrClosed
	}
	return s.file.Close()
}

func (s *fileStore) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	kept := endpoint{Endpoint: e}
	for _, s := range e.Secrets {
		kept.Secrets = append(kept.Secrets, secret(s))
	}
	kept.Endpoint.Secrets = nil
	return s.write(ctx, change{PutEndpoint: &kept})
}

func (s *fileStore) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	return s.write(ctx, change{DeleteEndpoint: &deleteEndpoint{tenant, id}})
}

func (s *fileStore) CreateEvent(ctx context.Context, e store.Event, deliveries []store.Delivery) error {
	return s.write(ctx, change{CreateEvent: &createEvent{e, deliveries}})
}

func (s *fileStore) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	return s.write(ctx, change{UpdateDelivery: &updateDelivery{d, a}})
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "customstore:", err)
		os.Exit(1)
	}
}

// run writes an event, closes the file, and finds the event in it again.
func run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "customstore")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "webhooks.jsonl")

	s, err := open(ctx, path)
	if err != nil {
		return err
	}
	now := time.Now()
	event := store.Event{ID: "evt_1", Tenant: "ws_1", Type: "jam.created", Payload: []byte(`{"jam":1}`), CreatedAt: now}
	delivery := store.Delivery{
		ID: "dlv_1", Tenant: "ws_1", EventID: "evt_1", EndpointID: "ep_1", EventType: "jam.created",
		State: store.Pending, Round: 1, NextAttemptAt: now, CreatedAt: now,
	}
	err = errors.Join(
		s.PutEndpoint(ctx, store.Endpoint{ID: "ep_1", Tenant: "ws_1", URL: "https://example.com/hook", CreatedAt: now}),
		s.CreateEvent(ctx, event, []store.Delivery{delivery}),
		s.Close(),
	)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "written, and closed")

	s, err = open(ctx, path)
	if err != nil {
		return err
	}
	job, err := store.LoadJob(ctx, s, "ws_1", "dlv_1")
	if err != nil {
		return errors.Join(err, s.Close())
	}
	fmt.Fprintf(out, "%s is %s: %s to %s\n", job.Delivery.ID, job.Delivery.State, job.Event.Payload, job.Endpoint.URL)
	fmt.Fprintln(out, "again:", s.CreateEvent(ctx, event, nil))
	return s.Close()
}
