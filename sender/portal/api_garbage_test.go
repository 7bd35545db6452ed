package portal

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/store"
)

// garbageCase is a request that makes no sense.
type garbageCase struct {
	method, path, contentType, body string
	status                          int    // 0: whatever the Store says of a cursor that looks like one
	fields                          string // that the errors name, in order
}

const (
	jsonBody  = "application/json"
	mergeBody = "application/merge-patch+json"
)

func forgedCursor(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

var garbage = []garbageCase{
	{"POST", "/endpoints", jsonBody, `{`, 400, ""},
	{"POST", "/endpoints", jsonBody, `nonsense`, 400, ""},
	{"POST", "/endpoints", jsonBody, `[]`, 400, ""},
	{"POST", "/endpoints", jsonBody, `null`, 400, ""},
	{"POST", "/endpoints", jsonBody, `"url"`, 400, ""},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com"} {}`, 400, ""},
	{"POST", "/endpoints", jsonBody, "{\"url\":\"https://example.com/\xff\"}", 400, ""},
	{"POST", "/endpoints", jsonBody, strings.Repeat(`{"url":`, 20_000), 400, ""},
	{"POST", "/endpoints", jsonBody, ``, 400, "url"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","uri":1,"Url":2}`, 400, "Url uri"},
	{"POST", "/endpoints", jsonBody, `{"URL":"https://example.com"}`, 400, "URL"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","disabled":true}`, 400, "disabled"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","tenant":"globex"}`, 400, "tenant"},
	{"POST", "/endpoints", jsonBody, `{"url":5}`, 400, "url"},
	{"POST", "/endpoints", jsonBody, `{"event_types":"review.completed"}`, 400, "event_types"},
	{"POST", "/endpoints", jsonBody, `{"event_types":[1]}`, 400, "event_types"},
	{"POST", "/endpoints", jsonBody, `{"headers":{"a":1}}`, 400, "headers"},
	{"POST", "/endpoints", jsonBody, `{"headers":[]}`, 400, "headers"},
	{"POST", "/endpoints", jsonBody, `{"timeout":15}`, 400, "timeout"},
	{"POST", "/endpoints", jsonBody, `{"timeout":"soon"}`, 400, "timeout"},
	{"POST", "/endpoints", jsonBody, `{"timeout":""}`, 400, "timeout"},
	{"POST", "/endpoints", jsonBody, `{"timeout":"9999999h"}`, 400, "timeout"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","rate_limit":{"per_second":-1,"burst":-1}}`, 400, "rate_limit.per_second rate_limit.burst"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","rate_limit":5}`, 400, "rate_limit"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","rate_limit":{"per_second":"1"}}`, 400, "rate_limit.per_second"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","rate_limit":{"burst":1.5}}`, 400, "rate_limit.burst"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","rate_limit":{"per_minute":1}}`, 400, "per_minute"},
	{
		"POST", "/endpoints", jsonBody, `{"timeout":"1ns","url":"ftp://x","event_types":["a b"],"headers":{"host":"x"}}`,
		400, "url event_types[0] timeout headers[Host]",
	},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","profile":"nix","headers":{"x":"[redacted]"}}`, 400, "profile headers[X]"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://user:pass@example.com"}`, 400, "url"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","description":"a\u0000b"}`, 400, "description"},
	{"POST", "/endpoints", jsonBody, `{"url":"https://example.com","headers":{"a(b":"c","x":"\u0000"}}`, 400, "headers[X] headers[a(b]"},
	{"POST", "/endpoints", "text/plain", `{"url":"https://example.com"}`, 415, ""},
	{"POST", "/endpoints", "", `{"url":"https://example.com"}`, 415, ""},
	{"POST", "/endpoints", jsonBody, `{"url":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
	{"POST", "/endpoints?dry=1", jsonBody, plainEndpoint, 400, "dry"},
	{"PATCH", "/endpoints/ep_1", jsonBody, `{"version":"1"}`, 400, "version"},
	{"PATCH", "/endpoints/ep_1", jsonBody, `{"version":1.5}`, 400, "version"},
	{"PATCH", "/endpoints/ep_1", jsonBody, `{"disabled":"yes"}`, 400, "disabled"},
	{"PATCH", "/endpoints/ep_1", jsonBody, `{"secret":"whsec_x"}`, 400, "secret"},
	{"PATCH", "/endpoints/ep_1", jsonBody, `null`, 400, ""},
	{"PATCH", "/endpoints/ep_1", mergeBody, `{}`, 404, ""},
	{"POST", "/endpoints/ep_1/rotate-secret", jsonBody, `{"overlap":"-1h"}`, 400, "overlap"},
	{"POST", "/endpoints/ep_1/rotate-secret", jsonBody, `{"overlap":"168h0m1s"}`, 400, "overlap"},
	{"POST", "/endpoints/ep_1/rotate-secret", jsonBody, `{"overlap":3600}`, 400, "overlap"},
	{"POST", "/endpoints/ep_1/test", jsonBody, `{"x":1}`, 400, "x"},
	{"POST", "/endpoints/ep_1/test", jsonBody, `{"event_type":"a b"}`, 400, "event_type"},
	{"POST", "/endpoints/ep_1/test", jsonBody, `{"event_type":7}`, 400, "event_type"},
	{"POST", "/deliveries/dlv_1/replay", jsonBody, `{"x":1}`, 400, "x"},
	{"POST", "/replays/rpl_1/cancel", jsonBody, `{"x":1}`, 400, "x"},
	{"POST", "/replays", jsonBody, `{}`, 400, "since"},
	{"POST", "/replays", jsonBody, `{"states":["failed"]}`, 400, "since"},
	{"POST", "/replays", jsonBody, `{"since":"yesterday"}`, 400, "since"},
	{"POST", "/replays", jsonBody, `{"until":17}`, 400, "until"},
	{"POST", "/replays", jsonBody, `{"since":"0000-01-01T00:00:00Z"}`, 400, "since"},
	{"POST", "/replays", jsonBody, `{"since":"9999-12-31T23:59:59-12:00"}`, 400, "since"},
	{"POST", "/replays", jsonBody, `{"endpoint_id":"a\u0000b"}`, 400, "endpoint_id"},
	{"POST", "/replays", jsonBody, `{"endpoint_id":"` + strings.Repeat("x", 200) + `"}`, 400, "endpoint_id"},
	{"POST", "/replays", jsonBody, `{"states":"failed"}`, 400, "states"},
	{"POST", "/replays", jsonBody, `{"states":["failed","gone"],"since":"2026-01-02T00:00:00Z","until":"2026-01-02T00:00:00Z"}`, 400, "states[1] until"},
	{"POST", "/replays", jsonBody, `{"event_type":"a b"}`, 400, "event_type"},

	{"GET", "/deliveries?limit=0", "", "", 400, "limit"},
	{"GET", "/deliveries?limit=251", "", "", 400, "limit"},
	{"GET", "/deliveries?limit=-1&since=x&until=2026-01-01&state=gone", "", "", 400, "limit since state until"},
	{"GET", "/deliveries?limit=99999999999999999999", "", "", 400, "limit"},
	{"GET", "/deliveries?status=failed&tenant=globex", "", "", 400, "status tenant"},
	{"GET", "/deliveries?event=a&event=b", "", "", 400, "event"},
	{"GET", "/deliveries?event=%00", "", "", 400, "event"},
	{"GET", "/deliveries?event=%FF", "", "", 400, "event"},
	{"GET", "/deliveries?event=%zz", "", "", 400, "?"},
	{"GET", "/deliveries?event='%20OR%201=1%20--", "", "", 200, ""},
	{"GET", "/deliveries?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", "", "", 200, ""},
	{"GET", "/deliveries?cursor=nonsense", "", "", 400, "cursor"},
	{"GET", "/deliveries?cursor=" + forgedCursor("17"), "", "", 400, "cursor"},
	{"GET", "/deliveries?cursor=" + forgedCursor("17 a"), "", "", 0, "cursor"},
	{"GET", "/deliveries?cursor=" + forgedCursor("17 a\x00b\x00c"), "", "", 0, "cursor"},
	{"GET", "/deliveries?cursor=" + forgedCursor("17 \xff\x00\xff"), "", "", 0, "cursor"},
	{"GET", "/deliveries?cursor=" + forgedCursor("9223372036854775807 a\x00b"), "", "", 0, "cursor"},
	{"GET", "/deliveries?cursor=" + forgedCursor("-9223372036854775808 a\x00b"), "", "", 0, "cursor"},
	{"GET", "/endpoints?cursor=%2A", "", "", 400, "cursor"},
	{"GET", "/replays?cursor=%2A", "", "", 400, "cursor"},
	{"GET", "/replays/preview?limit=1", "", "", 400, "limit"},
	{"GET", "/replays/preview?state=gone&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "", "", 400, "state until"},
	{"GET", "/stats?bucket=1ns", "", "", 400, "bucket"},
	{"GET", "/stats?bucket=0", "", "", 400, "bucket"},
	{"GET", "/stats?bucket=-1h", "", "", 400, "bucket"},
	{"GET", "/stats?bucket=hourly", "", "", 400, "bucket"},
	{"GET", "/stats?bucket=61m", "", "", 400, "bucket"},
	{"GET", "/stats?until=2026-01-01T10:00:01Z", "", "", 400, "until"},
	{"GET", "/stats?since=2026-01-01T10:30:00Z&until=2026-01-01T17:00:00Z", "", "", 400, "since"},
	{"GET", "/stats?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "", "", 400, "until"},
	{"GET", "/deliveries?since=0000-01-01T00:00:00Z", "", "", 400, "since"},
	{"GET", "/stats?since=9999-12-31T00:00:00Z&until=9999-12-31T23:59:59-12:00&bucket=1h", "", "", 400, "until"},
	{"GET", "/stats?since=0001-01-01T00:00:01Z", "", "", 400, "since"},
	{"GET", "/profiles?limit=5", "", "", 400, "limit"},
	{"GET", "/event-types?group=a", "", "", 400, "group"},
	{"GET", "/openapi.json?v=2", "", "", 400, "v"},

	{"GET", "/endpoints/x';DROP%20TABLE%20outhook_endpoints;--", "", "", 404, ""},
	{"GET", "/endpoints/%00", "", "", 404, ""},
	{"GET", "/endpoints/%FF", "", "", 404, ""},
	{"GET", "/endpoints/%F0%9F%92%A9", "", "", 404, ""},
	{"GET", "/endpoints/" + strings.Repeat("x", 5000), "", "", 404, ""},
	{"GET", "/deliveries/*", "", "", 404, ""},
	{"GET", "/deliveries/*/attempts?limit=0", "", "", 400, "limit"},
	{"PUT", "/endpoints", jsonBody, `{}`, 405, ""},
	{"DELETE", "/deliveries/dlv_1", "", "", 405, ""},
	{"POST", "/replays/preview", jsonBody, `{}`, 405, ""},
	{"GET", "/nothing", "", "", 404, ""},
	{"GET", "", "", "", 404, ""},
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	for _, tc := range garbage {
		got, err := f.try(t.Context(), tc.method, tc.path, tc.contentType, tc.body)
		if err != nil {
			t.Errorf("%s %.100s %.100s: %v", tc.method, tc.path, tc.body, err)
			continue
		}
		if tc.status == 0 && got.status == http.StatusOK { // to this Store it is a cursor
			continue
		}
		tc.status = cmp.Or(tc.status, http.StatusBadRequest)
		if got.status != tc.status {
			t.Errorf("%s %.100s %.100s: %d %.300s, want %d", tc.method, tc.path, tc.body, got.status, got.body, tc.status)
			continue
		}
		if got.status != http.StatusOK {
			checkProblem(t, tc.method+" "+tc.path, got, strings.Fields(tc.fields))
		}
	}
	// None of it has done anything.
	for _, list := range []string{"/endpoints", "/deliveries", "/replays"} {
		if items := call[listJSON[json.RawMessage]](t, f.apiClient, http.StatusOK, "GET", list, "").Items; len(items) != 0 {
			t.Errorf("%s: %s", list, items)
		}
	}
	if log := f.logs.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("errors in the log:\n%.2000s", log)
	}
}

// checkProblem wants an answer as RFC 9457 has it, about the fields.
func checkProblem(t *testing.T, what string, got apiAnswer, fields []string) {
	t.Helper()
	if contentType := got.header.Get("Content-Type"); contentType != "application/problem+json" {
		t.Errorf("%.100s: Content-Type %q", what, contentType)
	}
	var p problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.status || p.Type == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("%.100s: %v, %s", what, err, got.body)
	}
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Field)
	}
	if !slices.Equal(named, fields) {
		t.Errorf("%.100s: errors of %q, want of %q: %s", what, named, fields, got.body)
	}
	for _, word := range []string{"Config", "sender.", "store.", "package", "goroutine", "json:", "SQL", "acme"} {
		if strings.Contains(got.body, word) {
			t.Errorf("%.100s: the answer has %q: %s", what, word, got.body)
		}
	}
}

// brokenStore fails in all that the API reads.
type brokenStore struct {
	store.Store
	err error
}

func (b *brokenStore) ListEndpoints(context.Context, store.EndpointFilter) (store.Page[store.Endpoint], error) {
	return store.Page[store.Endpoint]{}, b.err
}

func (b *brokenStore) GetEndpoint(context.Context, string, string) (store.Endpoint, error) {
	return store.Endpoint{}, b.err
}

func (b *brokenStore) GetEvent(context.Context, string, string) (store.Event, error) {
	return store.Event{}, b.err
}

func TestErrorsOfTheStoreTellNothing(t *testing.T) {
	t.Parallel()
	broken := &brokenStore{err: errors.New("connect to whsec_hidden")}
	f := newAPI(t, func(c *Config) { broken.Store, c.Sender.Store = c.Sender.Store, broken })
	event := store.Event{ID: "evt_1", Tenant: "acme", Type: "a", Payload: []byte("1")}
	d := store.Delivery{ID: "dlv_1", Tenant: "acme", EventID: "evt_1", EndpointID: "ep_1", EventType: "a", State: store.Failed, Round: 1}
	if err := f.store.CreateEvent(t.Context(), event, []store.Delivery{d}); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"GET /endpoints", "GET /endpoints/ep_1", "PATCH /endpoints/ep_1", "GET /endpoints/ep_1/secrets",
		"POST /endpoints/ep_1/rotate-secret", "POST /endpoints/ep_1/test", "GET /deliveries/dlv_1", "POST /deliveries/dlv_1/replay",
	} {
		method, path, _ := strings.Cut(request, " ")
		got := f.do(t, method, path, "")
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "hidden") {
			t.Errorf("%s: %d %s", request, got.status, got.body)
		}
		checkProblem(t, request, got, nil)
	}
	// A store without bulk replays; embedding hides those that there are.
	for _, request := range []string{"GET /replays", "POST /replays", "GET /replays/rpl_1", "POST /replays/rpl_1/cancel"} {
		method, path, _ := strings.Cut(request, " ")
		body := ""
		if request == "POST /replays" {
			body = sinceEver
		}
		got := f.do(t, method, path, body)
		if got.status != http.StatusNotImplemented {
			t.Errorf("%s: %d %s", request, got.status, got.body)
		}
		checkProblem(t, request, got, nil)
	}
	if !strings.Contains(f.logs.String(), "connect to") {
		t.Errorf("the log does not say why:\n%s", f.logs)
	}
}

// Whatever the host's Authorize does, its customers learn nothing of it, and get
// nothing.
func TestErrorsOfAuthorizeTellNothing(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct {
		authorize func(*http.Request) (Access, error)
		status    int
	}{
		"an error":    {func(*http.Request) (Access, error) { return Access{}, errors.New("session store at acme is down") }, 503},
		"nobody":      {func(*http.Request) (Access, error) { return Access{}, fmt.Errorf("acme: %w", ErrUnauthenticated) }, 401},
		"a panic":     {func(*http.Request) (Access, error) { panic("acme") }, 500},
		"no tenant":   {func(*http.Request) (Access, error) { return Access{May: All}, nil }, 503},
		"all tenants": {func(*http.Request) (Access, error) { return Access{Tenant: store.AllTenants, May: All}, nil }, 503},
		"nothing":     {func(*http.Request) (Access, error) { return Access{Tenant: "acme"}, nil }, 403},
	} {
		f := newAPI(t, func(c *Config) { c.Authorize = tc.authorize })
		got := f.do(t, "GET", "/endpoints", "")
		var p problem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status != tc.status || p.Status != tc.status {
			t.Errorf("%s: %d %s, %v; want %d", what, got.status, got.body, err, tc.status)
		}
		if strings.Contains(got.body, "acme") || strings.Contains(f.logs.String(), "panic(\"acme") {
			t.Errorf("%s: %s\n%s", what, got.body, f.logs)
		}
	}
}

// A request that its client has given up is no failure of the store.
func TestRequestsThatAreGivenUp(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, apiRoot+"/endpoints", nil)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("X-May", "1")
	got := httptest.NewRecorder()
	f.portal.ServeHTTP(got, r)
	if got.Code != http.StatusServiceUnavailable || strings.Contains(f.logs.String(), "level=ERROR") {
		t.Errorf("%d %s\n%s", got.Code, got.Body, f.logs)
	}
}
