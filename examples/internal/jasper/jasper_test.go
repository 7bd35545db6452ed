package jasper_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/exampletest"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender"
)

// listed is the page's list of events.
const listed = `
review.created review.started review.completed review.failed
repository.added repository.removed repository.settings_updated
billing.credits_purchased billing.credits_low billing.credits_depleted billing.free_tier_reset
team.member_added team.member_removed team.member_role_changed
security.alert_created security.alert_resolved
organization.settings_updated
`

func TestExamplesCoverThePagesList(t *testing.T) {
	t.Parallel()
	var got []string
	for _, e := range examples(t) {
		got = append(got, e.Type)
	}
	if got[0] != jasper.TypeReviewCompleted {
		t.Errorf("the first example is %s, want review.completed", got[0])
	}
	want := strings.Fields(listed)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("types %q, want %q", got, want)
	}
}

// The files are the page's examples, character for character.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, eventType := range []string{"review.completed", "team.member_added"} {
		golden, err := os.ReadFile(filepath.Join("testdata", eventType+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, golden); err != nil {
			t.Fatalf("%s: %v", eventType, err)
		}
		if got := example(t, eventType).Payload; !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s:\ngot  %s\nwant %s", eventType, got, want.Bytes())
		}
	}
}

func TestEveryPayloadIsTheEnvelope(t *testing.T) {
	t.Parallel()
	const organization = `"organization":{"id":"org_abc123","name":"Your Organization"}`
	for _, e := range examples(t) {
		prefix := `{"event":"` + e.Type + `","timestamp":"2026-01-08T10:30:00Z",` + organization + `,"data":{"`
		if !strings.HasPrefix(string(e.Payload), prefix) || !json.Valid(e.Payload) {
			t.Errorf("%s: payload %s, want %s…", e.Type, e.Payload, prefix)
		}
		if e.Tenant != "org_abc123" {
			t.Errorf("%s: tenant %q, want the organization's id", e.Type, e.Tenant)
		}
	}
}

func TestTimestampIsInWholeSecondsOfUTC(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.January, 8, 11, 30, 0, 987654321, time.FixedZone("CET", 3600))
	e, err := jasper.NewEvent(jasper.Organization{ID: "org_1"}, at, jasper.CreditsDepleted{})
	if err != nil {
		t.Fatal(err)
	}
	var envelope map[string]any
	if err := json.Unmarshal(e.Payload, &envelope); err != nil {
		t.Fatal(err)
	}
	if got, want := envelope["timestamp"], any("2026-01-08T10:30:00Z"); got != want {
		t.Errorf("timestamp %v, want %s", got, want)
	}
}

func TestProfileIsWhatThePagePromises(t *testing.T) {
	t.Parallel()
	profile := jasper.Profile()
	want := []time.Duration{0, time.Second, 10 * time.Second, 60 * time.Second}
	if got := exampletest.Waits(profile.Retry); !slices.Equal(got, want) {
		t.Errorf("schedule %v, want %v", got, want)
	}
	if got := profile.Signing.HeaderNames(); !slices.Equal(got, []string{"X-Jasper-Signature"}) {
		t.Errorf("headers %q, want X-Jasper-Signature", got)
	}
	if profile.Timeout != 30*time.Second || profile.IDHeader == "" {
		t.Errorf("timeout %s, id header %q; want 30s and some header", profile.Timeout, profile.IDHeader)
	}
}

func examples(t *testing.T) []sender.Event {
	t.Helper()
	events, err := jasper.Examples()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func example(t *testing.T, eventType string) sender.Event {
	t.Helper()
	events := examples(t)
	i := slices.IndexFunc(events, func(e sender.Event) bool { return e.Type == eventType })
	if i < 0 {
		t.Fatalf("no example of %s", eventType)
	}
	return events[i]
}
