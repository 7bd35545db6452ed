package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// Processes that start together make the tables together, at the first try.
func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, address string) {
		logs := &logBuffer{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				db, err := openDatabase(t.Context(), address, slog.New(slog.NewTextHandler(logs, nil)))
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		log := logs.String()
		if strings.Contains(log, "trying again") || strings.Count(log, "Migrated") != 1 {
			t.Errorf("log:\n%s", log)
		}
	})
}

// The path is a path, whatever characters are in it.
func TestSQLitePath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd name?#%41&mode=ro.db")
	db, err := openDatabase(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// What is older than -keep goes, in whatever Store.
func TestKeep(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		for id, age := range map[string]time.Duration{"old": 25 * time.Hour, "recent": 23 * time.Hour} {
			event := store.Event{ID: id, Tenant: "acme", Type: "a", Payload: []byte("1"), CreatedAt: time.Now().Add(-age)}
			if err := f.svc.db.store.CreateEvent(t.Context(), event, nil); err != nil {
				t.Fatal(err)
			}
		}
		f.work(t)
		eventually(t, func() bool {
			_, err := f.svc.db.store.GetEvent(t.Context(), "acme", "old")
			return errors.Is(err, store.ErrNotFound)
		}, func() string { return "the old event is still there:\n" + f.logs.String() })
		if _, err := f.svc.db.store.GetEvent(t.Context(), "acme", "recent"); err != nil {
			t.Errorf("the recent event: %v", err)
		}
	})
}
