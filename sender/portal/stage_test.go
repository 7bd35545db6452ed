package portal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// mount is where the portal of a stage lies.
const mount = "/webhooks"

// stage is a portal on a Store in memory, without workers and without a network:
// endpoints answer 204 to whatever is sent.
type stage struct {
	t       *testing.T
	portal  *portal
	handler http.Handler // below mount
	mem     *memstore.Store
	log     *stageLog
}

func newStage(t *testing.T, edits ...func(*Config)) *stage {
	t.Helper()
	s := &stage{t: t, mem: memstore.New(), log: &stageLog{}}
	env, err := senderdev.StartWith(s.mem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	cfg := Config{Sender: env.Config, Authorize: believe, Profiles: []string{"", "calm"}}
	cfg.Sender.UnsafeAllowLocal = false
	cfg.Sender.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	cfg.Sender.Transport = stageTransport{}
	cfg.Sender.Profiles = map[string]sender.Profile{"calm": {}, "internal": {}}
	cfg.Sender.Events = []sender.EventType{
		{Name: "order.created", Group: "Orders", Description: "An order was made.", Example: json.RawMessage(`{"example":"order"}`), Schema: json.RawMessage(`{"type":"object"}`)},
		{Name: "order.paid", Group: "Orders"},
		{Name: "user.invited"},
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.portal, s.handler = h.(*portal), http.StripPrefix(mount, h)
	return s
}

// believe takes a request for what it says that it is.
func believe(r *http.Request) (Access, error) {
	if r.Header.Get("X-Who") == "" {
		return Access{}, fmt.Errorf("the session: %w", ErrUnauthenticated)
	}
	may, err := strconv.ParseUint(r.Header.Get("X-Rights"), 10, 8)
	return Access{Tenant: r.Header.Get("X-Who"), Name: r.Header.Get("X-Name"), May: Permission(may)}, err
}

// stageTransport answers without a network.
type stageTransport struct{}

func (stageTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: http.StatusNoContent, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}

// stageLog is a log that a test reads.
type stageLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *stageLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *stageLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// asker is who asks.
type asker struct {
	tenant, name string
	may          Permission
	header       map[string]string
}

// do makes a request below the mount, and checks of its answer what is true of all.
func (s *stage) do(who asker, method, target string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.send(who, method, mount+target, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded")
}

func (s *stage) send(who asker, method, target string, body io.Reader, contentType string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, target, body)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", contentType)
	}
	if who.tenant != "" {
		r.Header.Set("X-Who", who.tenant)
	}
	r.Header.Set("X-Name", who.name)
	r.Header.Set("X-Rights", strconv.Itoa(int(who.may)))
	for name, value := range who.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if err := checkAnswer(method, target, w.Code, w.Header()); err != nil {
		s.t.Errorf("%s %.200s: %v", method, target, err)
	}
	return w
}

// get asks for a page and checks its markup.
func (s *stage) get(who asker, target string, status int) string {
	s.t.Helper()
	return s.page("GET "+target, s.do(who, http.MethodGet, target, nil), status)
}

// post sends a form and returns where the browser is to go on.
func (s *stage) post(who asker, target string, form url.Values) string {
	s.t.Helper()
	w := s.do(who, http.MethodPost, target, form)
	if w.Code != http.StatusSeeOther {
		s.t.Fatalf("POST %s: %d, want 303\n%s", target, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

func (s *stage) page(what string, w *httptest.ResponseRecorder, status int) string {
	s.t.Helper()
	if w.Code != status {
		s.t.Errorf("%s: %d, want %d", what, w.Code, status)
	}
	if err := checkMarkup(w.Body.String()); err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
	return w.Body.String()
}

const (
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	assetPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
	filePolicy  = "default-src 'none'; sandbox"
)

// checkAnswer is what holds for each answer to each request, whatever it was.
func checkAnswer(method, target string, status int, h http.Header) error {
	var faults []error
	want := func(name, value string) {
		if got := h.Get(name); got != value || len(h.Values(name)) > 1 {
			faults = append(faults, fmt.Errorf("%d with %s %q, want %q", status, name, h.Values(name), value))
		}
	}
	path, _, _ := strings.Cut(target, "?")
	isAsset := strings.Contains(path, "/assets/") && status == http.StatusOK
	isFile := (strings.HasSuffix(path, "/payload") || strings.HasSuffix(path, "/body")) && status == http.StatusOK && !strings.Contains(path, "/api/")
	want("X-Content-Type-Options", "nosniff")
	want("X-Frame-Options", "DENY")
	want("Referrer-Policy", "same-origin")
	want("Cross-Origin-Opener-Policy", "same-origin")
	want("Cross-Origin-Resource-Policy", "same-origin")
	switch {
	case isAsset:
		want("Content-Security-Policy", assetPolicy)
		want("Cache-Control", "public, max-age=31536000, immutable")
	case isFile:
		want("Content-Security-Policy", filePolicy)
		want("Content-Type", "application/octet-stream")
		want("Cache-Control", "no-store")
		if !strings.HasPrefix(h.Get("Content-Disposition"), "attachment;") {
			faults = append(faults, fmt.Errorf("Content-Disposition %q, want an attachment", h.Get("Content-Disposition")))
		}
	default:
		want("Content-Security-Policy", pagePolicy)
		want("Cache-Control", "no-store")
	}
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable && status != http.StatusNotImplemented {
		faults = append(faults, fmt.Errorf("status %d", status))
	}
	if location := h.Get("Location"); location != "" {
		faults = append(faults, checkLocation(method, target, location))
	}
	return errors.Join(faults...)
}

// checkLocation makes sure that a browser stays in the portal.
func checkLocation(method, target, location string) error {
	base, err := url.Parse("https://portal.example" + target)
	if err != nil {
		return err
	}
	to, err := base.Parse(location)
	if err != nil {
		return err
	}
	root := mount
	if i := strings.Index(target, mount); i > 0 {
		root = target[:i] + mount
	}
	if to.Host != "portal.example" || to.Scheme != "https" || !strings.HasPrefix(to.Path, root+"/") || strings.HasPrefix(location, "/") {
		return fmt.Errorf("%s leads to %q, which is %s", method, location, to)
	}
	return nil
}

// belongings are the ids of what a tenant has.
type belongings struct{ endpoint, event, delivery, canceled, attempt, replay string }

// furnish gives the tenant one of everything. Each text that is stored is of the
// caller's choice, by the name of the field.
func (s *stage) furnish(tenant string, ids func(kind string) string, text func(field string) string) belongings {
	s.t.Helper()
	b := belongings{ids("ep_"), ids("evt_"), ids("dlv_"), ids("dlv_canceled_"), ids("att_"), ids("rpl_")}
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Microsecond)
	check := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	ctx := s.t.Context()
	check(s.mem.PutEndpoint(ctx, store.Endpoint{
		ID: b.endpoint, Tenant: tenant, URL: text("url"), Description: text("description"), EventTypes: []string{text("pattern")},
		Profile: text("profile"), Secrets: []store.Secret{{Value: text("secret")}},
		Headers: http.Header{text("header name"): {text("header value")}}, Timeout: 2 * time.Second,
		RateLimit: store.RateLimit{PerSecond: 5, Burst: 7}, Disabled: true, DisabledReason: text("disabled reason"),
		DisabledAt: at, CreatedAt: at, UpdatedAt: at,
	}))
	event := store.Event{ID: b.event, Tenant: tenant, Type: text("event type"), Payload: []byte(text("payload")), ContentType: text("content type"), CreatedAt: at}
	d := store.Delivery{
		ID: b.delivery, Tenant: tenant, EventID: b.event, EndpointID: b.endpoint, EventType: event.Type, State: store.Failed,
		Round: 2, Attempts: 1, Trigger: store.TriggerManual, LastErrorClass: store.ErrorClass(text("error class")), LastError: text("last error"),
		CreatedAt: at, UpdatedAt: at, EndedAt: at.Add(time.Second),
	}
	canceled := d
	canceled.ID, canceled.State, canceled.Attempts = b.canceled, store.Canceled, 0
	check(s.mem.CreateEvent(ctx, event, []store.Delivery{d, canceled}))
	d.Version = 1
	check(s.mem.UpdateDelivery(ctx, d, &store.Attempt{
		ID: b.attempt, DeliveryID: b.delivery, Tenant: tenant, EventID: b.event, EndpointID: b.endpoint, EventType: event.Type,
		Round: 2, Number: 1, Trigger: store.TriggerManual, ScheduledAt: at, StartedAt: at.Add(time.Second), EndedAt: at.Add(2 * time.Second),
		URL: text("attempt url"), RequestHeader: http.Header{text("request header name"): {text("request header value")}},
		Status: http.StatusInternalServerError, ResponseHeader: http.Header{text("response header name"): {text("response header value")}},
		ResponseBody: []byte(text("response body")), ErrorClass: store.ErrorClass(text("error class")), Error: text("error"),
		RemoteAddr: text("remote address"), Timing: store.Timing{DNS: time.Millisecond, Connect: time.Millisecond, TLS: time.Millisecond, FirstByte: time.Millisecond},
	}))
	check(s.mem.PutReplay(ctx, store.Replay{
		ID: b.replay, Tenant: tenant, EndpointID: b.endpoint, EventType: text("replay type"), States: []store.DeliveryState{store.Failed},
		Since: at, Until: at.Add(time.Hour), State: store.ReplayRunning, Total: 3, Replayed: 1, Skipped: 1, CreatedAt: at, UpdatedAt: at,
	}))
	return b
}

// plainly furnishes a tenant with what it could have had through the portal.
func (s *stage) plainly(tenant string) belongings {
	s.t.Helper()
	return s.furnish(tenant, func(kind string) string { return kind + tenant }, plainText(tenant))
}

func plainText(mark string) func(string) string {
	return func(field string) string {
		switch field {
		case "url", "attempt url":
			return "https://" + mark + ".example/hook"
		case "pattern", "event type", "replay type":
			return "order.created"
		case "profile":
			return ""
		case "secret":
			return "whsec_" + strings.Repeat(fmt.Sprintf("%x", mark), 8)[:32]
		case "header name", "request header name", "response header name":
			return "X-" + mark
		case "payload":
			return `{"order":"` + mark + `"}`
		case "content type":
			return "application/json"
		case "error class":
			return string(store.ErrorStatus)
		case "remote address":
			return "203.0.113.1:443"
		}
		return mark + "'s " + field
	}
}

// dump is all that the Store has of a tenant.
func (s *stage) dump(tenant string) string {
	s.t.Helper()
	var all strings.Builder
	note := func(record any, err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&all, "%+v\n", record)
	}
	ctx := s.t.Context()
	for e, err := range store.AllEndpoints(ctx, s.mem, store.EndpointFilter{Tenant: tenant}) {
		note(e, err)
		note([]any{e.URL, e.Headers}, nil) // which Format hides
		for _, secret := range e.Secrets {
			note(secret.Value, nil)
		}
	}
	for d, err := range store.AllDeliveries(ctx, s.mem, store.DeliveryFilter{Tenant: tenant}) {
		note(d, err)
		note(s.mem.GetEvent(ctx, tenant, d.EventID))
	}
	for a, err := range store.AllAttempts(ctx, s.mem, store.AttemptFilter{Tenant: tenant}) {
		note(a, err)
	}
	note(s.mem.ListReplays(ctx, store.ReplayFilter{Tenant: tenant}))
	return all.String()
}

// same fails if the tenant has not what it had.
func (s *stage) same(what, tenant, before string) {
	s.t.Helper()
	if after := s.dump(tenant); after != before {
		s.t.Errorf("%s: the Store of %s has changed:\n%s\nwas\n%s", what, tenant, after, before)
	}
}

// stageRoute is a route that is registered.
type stageRoute struct {
	pattern, method, path string
	needs                 Permission
	open                  bool // to everybody
}

// everyRoute asks those who register routes which there are, so that none is
// forgotten.
func (s *stage) everyRoute() []stageRoute {
	var all []stageRoute
	add := func(pattern string, needs Permission) {
		method, path, _ := strings.Cut(pattern, " ")
		all = append(all, stageRoute{pattern, method, strings.TrimSuffix(path, "{$}"), needs, false})
	}
	s.portal.apiRoutes(func(pattern string, needs Permission, _ time.Duration, _ apiHandler) { add(pattern, needs) })
	s.portal.pageRoutes(func(pattern string, needs Permission, _ time.Duration, _ pageHandler) { add(pattern, needs) })
	return append(all, stageRoute{"GET /assets/{name}", http.MethodGet, "/assets/{name}", 0, true})
}

func TestEveryRouteIsKnown(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("handler.go")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`mux\.Handle(Func)?\([^\n]+`).FindAllString(string(source), -1)
	if len(direct) != 3 || !strings.Contains(direct[2], `"GET /assets/{name}"`) {
		t.Errorf("routes registers %q: everyRoute must have what is new", direct)
	}
	if n := len(newStage(t).everyRoute()); n < 28 {
		t.Errorf("%d routes", n)
	}
}

var wildcard = regexp.MustCompile(`([^/]*)/\{(\w+)\}`)

// of is the path of a route to what somebody has.
func (r stageRoute) of(b belongings) string {
	return wildcard.ReplaceAllStringFunc(r.path, func(part string) string {
		found := wildcard.FindStringSubmatch(part)
		id := b.endpoint
		switch {
		case found[2] == "name":
			id = "none"
		case found[1] == "deliveries":
			id = b.delivery
		case found[1] == "attempts":
			id = b.attempt
		case found[1] == "replays":
			id = b.replay
		case found[1] == "events":
			id = b.event
		}
		return found[1] + "/" + url.PathEscape(id)
	})
}

func (r stageRoute) isAPI() bool { return strings.HasPrefix(r.path, "/api/") }

// ask makes the route's request for what somebody has, with a form that does
// everything.
func (s *stage) ask(who asker, r stageRoute, b belongings) *httptest.ResponseRecorder {
	s.t.Helper()
	if r.isAPI() {
		return s.send(who, r.method, mount+r.of(b), http.NoBody, "application/json")
	}
	return s.do(who, r.method, r.of(b), fullForm())
}

// fullForm is a form that every route takes.
func fullForm() url.Values {
	return url.Values{
		"version": {"1"}, "url": {"https://new.example/hook"}, "description": {"new"}, "scope": {"some"}, "event": {"order.paid"},
		"profile": {"calm"}, "timeout": {"3"}, "per_second": {"2"}, "burst": {"4"}, "header_name": {"X-New"}, "header_value": {"new"},
		"overlap": {"1h"}, "type": {"order.created"}, "failed": {"1"}, "canceled": {"1"}, "since": {"2026-01-01T00:00"},
		"tenant": {"alice"}, "id": {"ep_alice"}, "endpoint": {""},
	}
}

func sortedRoutes(routes []stageRoute) []stageRoute {
	return slices.SortedFunc(slices.Values(routes), func(a, b stageRoute) int { return strings.Compare(a.pattern, b.pattern) })
}

// panics asks where an answer of 500 is wanted.
func (s *stage) panics(r stageRoute, b belongings) (status int, body string) {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(r.method, mount+r.of(b), http.NoBody))
	return w.Code, w.Body.String()
}
