package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// apiDocument is what the tests read of openapi.json.
type apiDocument struct {
	Servers []struct {
		URL string `json:"url"`
	} `json:"servers"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Required   []string                   `json:"required"`
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

// apiOperation is what the tests read of an operation.
type apiOperation struct {
	Description string `json:"description"`
	Parameters  []struct {
		Ref string `json:"$ref"`
	} `json:"parameters"`
	RequestBody *struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			} `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

func readDocument(t *testing.T) (document apiDocument, operations map[string]apiOperation) {
	t.Helper()
	if err := json.Unmarshal(openapi, &document); err != nil {
		t.Fatal(err)
	}
	operations = map[string]apiOperation{}
	for path, item := range document.Paths {
		for method, text := range item {
			if method == "parameters" { // of all methods
				continue
			}
			var operation apiOperation
			if err := json.Unmarshal(text, &operation); err != nil {
				t.Fatal(err)
			}
			operations[strings.ToUpper(method)+" "+apiRoot+path] = operation
		}
	}
	return document, operations
}

// The handler and the document have the same routes, and say the same about who
// may use them.
func TestDocumentHasTheRoutes(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	_, operations := readDocument(t)
	routes := apiRouteList(f.portal)
	if got, want := slices.Sorted(maps.Keys(operations)), slices.Sorted(maps.Keys(routes)); !slices.Equal(got, want) {
		t.Errorf("the document has\n%q\nthe handler\n%q", got, want)
	}
	words := map[Permission]string{View: "view", Manage: "manage", Replay: "replay", View | Secrets: "view and secrets"}
	for pattern, needs := range routes {
		if sentence := "Needs the permission " + words[needs] + "."; !strings.HasSuffix(operations[pattern].Description, sentence) {
			t.Errorf("%s: %q does not end in %q", pattern, operations[pattern].Description, sentence)
		}
	}
}

// Each route takes the parameters that the document has for it, and no others.
func TestDocumentHasTheParameters(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	_, operations := readDocument(t)
	for pattern, operation := range operations {
		var documented []string
		for _, p := range operation.Parameters {
			documented = append(documented, strings.TrimPrefix(p.Ref, "#/components/parameters/"))
		}
		method, path := splitRoute(pattern, map[string]string{"endpoints": "x", "deliveries": "x", "replays": "x"})
		got := call[problem](t, f.apiClient, http.StatusBadRequest, method, path+"?nosuch=1", "")
		if len(got.Errors) != 1 || got.Errors[0].Field != "nosuch" {
			t.Errorf("%s: %+v", pattern, got)
			continue
		}
		_, list, _ := strings.Cut(got.Errors[0].Problem, "there are ")
		var taken []string
		if list != "none" {
			taken = strings.Split(list, ", ")
		}
		slices.Sort(documented)
		slices.Sort(taken)
		if !slices.Equal(documented, taken) {
			t.Errorf("%s: the document has the parameters %q, the handler %q", pattern, documented, taken)
		}
	}
}

// The bodies that are accepted have the fields of the document.
func TestDocumentHasTheFields(t *testing.T) {
	t.Parallel()
	document, operations := readDocument(t)
	bodies := map[string]any{
		"POST /endpoints": newEndpointJSON{}, "PATCH /endpoints/{id}": endpointPatchJSON{},
		"POST /endpoints/{id}/rotate-secret": rotationJSON{}, "POST /endpoints/{id}/test": pingJSON{},
		"POST /deliveries/{id}/replay": struct{}{}, "POST /replays": newReplayJSON{}, "POST /replays/{id}/cancel": struct{}{},
	}
	for pattern, operation := range operations {
		method, path, _ := strings.Cut(pattern, " "+apiRoot)
		body, has := bodies[method+" "+path]
		if has != (operation.RequestBody != nil) {
			t.Errorf("%s: a body in the document: %v", pattern, !has)
		}
		if !has || operation.RequestBody == nil {
			continue
		}
		for contentType, content := range operation.RequestBody.Content {
			schema := document.Components.Schemas[strings.TrimPrefix(content.Schema.Ref, "#/components/schemas/")]
			checkFields(t, pattern+" "+contentType, schema.Properties, reflect.TypeOf(body))
		}
	}
	for name, body := range map[string]any{
		"Problem": problem{}, "Endpoint": endpointJSON{}, "CreatedEndpoint": createdEndpointJSON{}, "RateLimit": rateLimitJSON{},
		"Secret": secretJSON{}, "Rotated": rotatedJSON{}, "Delivery": deliveryJSON{}, "DeliveryWithPayload": deliveryWithPayloadJSON{},
		"Content": contentJSON{}, "Payload": payloadJSON{}, "Attempt": attemptJSON{}, "Replay": replayJSON{}, "Preview": previewJSON{},
		"Stats": statsJSON{}, "EventType": eventTypeJSON{}, "Profile": profileJSON{}, "EndpointList": listJSON[endpointJSON]{},
	} {
		schema := document.Components.Schemas[name]
		checkFields(t, name, schema.Properties, reflect.TypeOf(body))
		var required []string
		for _, field := range reflect.VisibleFields(reflect.TypeOf(body)) {
			if tag := field.Tag.Get("json"); tag != "" && !strings.Contains(tag, ",") {
				required = append(required, tag)
			}
		}
		slices.Sort(required)
		slices.Sort(schema.Required)
		if !slices.Equal(required, schema.Required) {
			t.Errorf("%s: the document requires %q, always there are %q", name, schema.Required, required)
		}
	}
}

func checkFields(t *testing.T, what string, documented map[string]json.RawMessage, is reflect.Type) {
	t.Helper()
	fields := jsonFields(is)
	slices.Sort(fields)
	if names := slices.Sorted(maps.Keys(documented)); !slices.Equal(names, fields) {
		t.Errorf("%s: the document has %q, Go %q", what, names, fields)
	}
}

// The document leads to the API from wherever the portal is mounted.
func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	got := f.do(t, "GET", "/openapi.json", "")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, openapi); err != nil || strings.TrimSpace(got.body) != want.String() {
		t.Errorf("another document is served: %v", err)
	}
	document, _ := readDocument(t)
	req, err := http.NewRequest(http.MethodGet, f.base+apiRoot+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := req.URL.Parse(document.Servers[0].URL)
	if err != nil || base.String() != f.base+apiRoot {
		t.Errorf("the server is %s, %v; want %s", base, err, f.base+apiRoot)
	}
}

// Each answer of each operation is as the document says, and so is each request
// that was accepted.
func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	testenv.RequireNode(t, "testdata")
	f := newAPI(t)
	exercise(t, f)
	if said := validate(t, f.seen.all); said != "" {
		t.Errorf("of %d answers:\n%s", len(f.seen.all), said)
	}

	// The judge sees what is wrong.
	wrong := []exchange{
		{Method: "get", Path: "/profiles", Status: 200, Type: "application/json", Body: `{"items":[],"next_cursor":"","more":1}`},
		{Method: "get", Path: "/profiles", Status: 418, Type: "application/json", Body: `{}`},
		{Method: "get", Path: "/profiles", Status: 403, Type: "application/json", Body: `{}`},
		{Method: "get", Path: "/nothing", Status: 200, Type: "application/json", Body: `{"type":"about:blank","title":"","status":404}`},
		{Method: "post", Path: "/replays/x/cancel", Status: 400, Type: "application/problem+json", Body: `{"type":"about:blank","title":""}`},
		{Method: "delete", Path: "/endpoints/x", Status: 204, Body: `{}`},
	}
	said := validate(t, append(slices.Clone(f.seen.all), wrong...))
	if lines := strings.Split(strings.TrimSpace(said), "\n"); len(lines) != len(wrong) {
		t.Errorf("of %d wrong answers:\n%s", len(wrong), said)
	}
}

func validate(t *testing.T, exchanges []exchange) string {
	t.Helper()
	input, err := json.Marshal(map[string]any{"document": json.RawMessage(openapi), "exchanges": exchanges})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "validate.mjs")
	cmd.Dir = "testdata"
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("validate.mjs: %v\n%s", err, out)
	}
	return string(out)
}

// exercise makes each kind of request, and gets each kind of answer.
func exercise(t *testing.T, f *apiFixture) {
	t.Helper()
	f.work(t)
	receiver := sendertest.NewReceiver(t, nil)
	receiver.Script(sendertest.Body(500, "bro\xffken"), sendertest.Reset(), sendertest.Status(200))
	e := addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`","event_types":["review.*","a"],"profile":null,"description":"a",
		"headers":{"X-Key":"k3y"},"timeout":"2.5s","rate_limit":{"per_second":500},"secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}`)
	path := "/endpoints/" + e.ID
	id := f.send(t, "review.completed", `{"a":1}`)[0]
	addEndpoint(t, f.as("acme", Manage), plainEndpoint)
	failed := waitForState(t, f.apiClient, id, store.Failed)

	r := call[replayJSON](t, f.apiClient, http.StatusAccepted, "POST", "/replays",
		`{"endpoint_id":"`+e.ID+`","event_type":null,"states":["failed","canceled"],"since":"2026-01-01T00:00:00Z","until":null}`)
	waitForState(t, f.apiClient, id, store.Succeeded)
	f.do(t, "PATCH", path, `{"headers":{"X-Key":null,"X-New":"[redacted]"}}`)
	f.do(t, "PATCH", path, `{"headers":{"X-Key":"[redacted]"},"rate_limit":{"burst":2},"event_types":null,"version":null,"timeout":null}`)
	f.do(t, "PATCH", path, `{"headers":null,"rate_limit":null,"disabled":true,"description":null,"profile":"jam"}`)
	f.do(t, "POST", "/deliveries/"+id+"/replay", "")
	f.do(t, "PATCH", path, `{"disabled":false}`)
	f.do(t, "PATCH", path, `{"version":1}`)
	f.do(t, "POST", "/deliveries/"+id+"/replay", `{}`)
	f.do(t, "POST", path+"/rotate-secret", `{"overlap":"90m"}`)
	f.as("acme", Manage).do(t, "POST", path+"/rotate-secret", `{"overlap":null}`)
	f.do(t, "POST", path+"/test", `{"event_type":"review.completed"}`)
	f.do(t, "POST", "/replays/"+r.ID+"/cancel", `{}`)
	for _, list := range []string{
		"/endpoints", "/endpoints?limit=1", path, path + "/secrets", "/deliveries?state=failed,succeeded", "/deliveries?limit=1",
		"/deliveries/" + id, "/deliveries/" + id + "/attempts", "/deliveries/" + id + "/attempts?limit=1",
		"/replays", "/replays/" + r.ID, "/replays/preview?state=failed&event_type=a", "/stats?bucket=1h", "/event-types", "/profiles", "/openapi.json",
	} {
		if got := f.do(t, "GET", list, ""); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", list, got.status, got.body)
		}
	}
	if _, err := store.Purge(t.Context(), f.store, store.PurgeFilter{BodiesBefore: failed.CreatedAt.Add(1)}); err != nil {
		t.Fatal(err)
	}
	f.do(t, "GET", "/deliveries/"+id, "")
	f.do(t, "DELETE", path, "")
	for _, tc := range garbage {
		if _, err := f.try(t.Context(), tc.method, tc.path, tc.contentType, tc.body); err != nil {
			t.Fatal(err)
		}
	}
	for pattern := range apiRouteList(f.portal) {
		method, path := splitRoute(pattern, map[string]string{"endpoints": "x", "deliveries": "x", "replays": "x"})
		f.as("acme", 0).do(t, method, path, "")
		f.as("", 0).do(t, method, path, "")
		f.as("*", 0).do(t, method, path, "") // no tenant: the host's fault
		if strings.Contains(path, "/x") {
			f.do(t, method, path, "")
		}
	}
	if n := len(f.seen.all); n < 150 {
		t.Errorf("%s", fmt.Sprint(n, " exchanges"))
	}
}
