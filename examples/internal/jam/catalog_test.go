package jam_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store/memstore"
)

// supported is the page's list of events, which the page's text has in one line.
const supported = "jam.created: fired when a new Jam is captured from any origin, including the Chrome extension, iOS app, dashboard, Fin (Intercom) integration, or Recording Link. Most integrations should subscribe to this event." +
	"intercom.recorder.recorded: fired when a customer submits a screen recording through Jam’s Intercom integration. Use this when tuning Fin AI Agent behavior after a recording arrives mid-conversation." +
	"intercom.recorder.opted_out: fired when a customer declines to record through Jam’s Intercom integration. Use this when tuning Fin AI Agent behavior after a customer opts out."

func TestCatalogIsThePagesList(t *testing.T) {
	t.Parallel()
	events, err := jam.Examples()
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := jam.Catalog()
	if err != nil || len(catalog) != len(events) {
		t.Fatalf("Catalog = %d types, %v; want %d", len(catalog), err, len(events))
	}
	var got strings.Builder
	for i, entry := range catalog {
		got.WriteString(entry.Name + ": " + entry.Description)
		if entry.Name != events[i].Type || !bytes.Equal(entry.Example, events[i].Payload) || entry.Group != "" {
			t.Errorf("%s in %q: example %s, want that of %s", entry.Name, entry.Group, entry.Example, events[i].Type)
		}
	}
	if got.String() != supported {
		t.Errorf("catalog %s\nwant %s", got.String(), supported)
	}
}

func TestCatalogIsForAConfig(t *testing.T) {
	t.Parallel()
	catalog, err := jam.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // nothing contacts it
	defer client.Close()
	cfg := sender.Config{
		Store: memstore.New(), Redis: client, Profile: jam.Profile(),
		Events: catalog, RefuseUnknownEvents: true,
	}
	if _, err := sender.New(cfg); err != nil {
		t.Error(err)
	}
}
