package jasper_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store/memstore"
)

// available is the page's "Available Events".
const available = `
Review Events

Event Description
review.created A new code review has been queued
review.started AI analysis has started on a review
review.completed A code review has finished successfully
review.failed A review failed to complete

Repository Events

Event Description
repository.added A new repository was enabled for reviews
repository.removed A repository was disabled or removed
repository.settings_updated Repository settings were changed

Billing Events

Event Description
billing.credits_purchased Credits were purchased for the organization
billing.credits_low Credit balance is running low (below threshold)
billing.credits_depleted All credits have been used
billing.free_tier_reset Monthly free tier reviews have been reset

Team Events

Event Description
team.member_added A new member joined the organization
team.member_removed A member was removed from the organization
team.member_role_changed A member's role was updated

Security Events

Event Description
security.alert_created A security vulnerability was detected in a review
security.alert_resolved A security alert was marked as resolved

Organization Events

Event Description
organization.settings_updated Organization settings were changed
`

func TestCatalogIsThePagesTables(t *testing.T) {
	t.Parallel()
	catalog, err := jasper.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	group := ""
	for _, entry := range catalog {
		if entry.Group != group {
			group = entry.Group
			got.WriteString("\n" + group + "\n\nEvent Description\n")
		}
		got.WriteString(entry.Name + " " + entry.Description + "\n")
	}
	if got.String() != available {
		t.Errorf("catalog:\n%s\nwant:\n%s", got.String(), available)
	}
}

func TestCatalogHasTheExamples(t *testing.T) {
	t.Parallel()
	catalog, err := jasper.Catalog()
	if err != nil || len(catalog) != len(examples(t)) {
		t.Fatalf("Catalog = %d types, %v; want %d", len(catalog), err, len(examples(t)))
	}
	for _, entry := range catalog {
		if want := example(t, entry.Name).Payload; !bytes.Equal(entry.Example, want) {
			t.Errorf("%s: example %s, want %s", entry.Name, entry.Example, want)
		}
	}
}

func TestCatalogIsForAConfig(t *testing.T) {
	t.Parallel()
	catalog, err := jasper.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // nothing contacts it
	defer client.Close()
	cfg := sender.Config{
		Store: memstore.New(), Redis: client, Profile: jasper.Profile(),
		Events: catalog, RefuseUnknownEvents: true,
	}
	if _, err := sender.New(cfg); err != nil {
		t.Error(err)
	}
}
