package jsonschema_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/examples/internal/jsonschema"
	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
)

func TestOf(t *testing.T) {
	t.Parallel()
	type Inner struct {
		B bool `json:"b"`
	}
	got, err := jsonschema.Of(struct {
		Inner

		Z string    `json:"z" doc:"The last first." schema:"const"`
		P *Inner    `json:"p,omitempty"`
		L []int     `json:"l"`
		T time.Time `json:"t"`
		E string    `json:"e" schema:"enum=x|y"`
		U string    `json:"u,omitempty" schema:"format=uri"`
		A any       `json:"a"`
	}{Z: "is <this>"})
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` +
		`"b":{"type":"boolean"},"z":{"description":"The last first.","type":"string","const":"is \u003cthis\u003e"},` +
		`"p":{"type":"object","properties":{"b":{"type":"boolean"}},"required":["b"]},` +
		`"l":{"type":"array","items":{"type":"integer"}},"t":{"type":"string","format":"date-time"},` +
		`"e":{"type":"string","enum":["x","y"]},"u":{"type":"string","format":"uri"},"a":{}},` +
		`"required":["b","z","l","t","e","a"]}`
	if err != nil || string(got) != want {
		t.Errorf("Of = %s, %v\nwant %s", got, err, want)
	}
}

// claim is what testdata/validate.mjs checks.
type claim struct {
	Name    string          `json:"name"`
	Schema  json.RawMessage `json:"schema"`
	Payload map[string]any  `json:"payload"`
	Valid   bool            `json:"valid"`
}

// always are the fields that the pages promise: Jam's "always there", and all of
// Jasper's envelope.
var always = map[string][]string{
	jam.TypeCreated:          {"jamId", "jamUrl", "teamId", "type", "createdAt", "author", "media", "systemInfo"},
	jam.TypeRecorderRecorded: {"event", "teamId", "conversationId", "createdAt", "jamId", "jamUrl"},
	jam.TypeRecorderOptedOut: {"event", "teamId", "conversationId", "createdAt"},
}

var envelope = []string{"event", "timestamp", "organization", "data"}

// The examples fulfil their schemas, and a payload that lacks a field does only if
// the pages let it.
func TestSchemasAgreeWithAjv(t *testing.T) {
	t.Parallel()
	testenv.RequireNode(t, "testdata")
	var claims []claim
	add := func(what string, e sender.EventType, payload map[string]any, valid bool) {
		claims = append(claims, claim{Name: e.Name + ", " + what, Schema: e.Schema, Payload: payload, Valid: valid})
	}
	for _, e := range catalogs(t) {
		example := decode(t, e.Example)
		add("example", e, example, true)
		add("a field more", e, with(example, "new", 1), true)
		required, ok := always[e.Name]
		if !ok {
			required = envelope
		}
		for name := range example {
			add("without "+name, e, without(example, name), !slices.Contains(required, name))
			add(name+" is null", e, with(example, name, nil), false)
		}
		if _, has := example["event"]; has {
			add("another event", e, with(example, "event", "another.event"), false)
		}
		if data, ok := example["data"].(map[string]any); ok {
			for name := range data {
				add("without data."+name, e, with(example, "data", without(data, name)), false)
			}
		}
		if e.Name == jam.TypeCreated {
			add("another type", e, with(example, "type", "audio"), false)
			add("no time", e, with(example, "createdAt", "yesterday"), false)
			add("no url", e, with(example, "jamUrl", "a jam"), false)
			add("least", e, map[string]any{
				"jamId": "1", "jamUrl": "https://jam.dev/c/1", "teamId": "2", "type": "screenshot",
				"createdAt": "2026-01-08T10:30:00Z", "author": map[string]any{"email": "a@example.com"},
				"media": map[string]any{}, "systemInfo": map[string]any{},
			}, true)
		}
	}
	input, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "validate.mjs")
	cmd.Dir = "testdata"
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("validate.mjs of %d payloads: %v\n%s", len(claims), err, out)
	}
}

func catalogs(t *testing.T) []sender.EventType {
	t.Helper()
	ofJam, err := jam.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	ofJasper, err := jasper.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(ofJam, ofJasper)
}

func decode(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(payload, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func with(object map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(object)
	changed[name] = value
	return changed
}

func without(object map[string]any, name string) map[string]any {
	changed := maps.Clone(object)
	delete(changed, name)
	return changed
}
