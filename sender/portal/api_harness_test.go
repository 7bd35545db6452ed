package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// apiPatience is for whatever the machine has to do in a test.
const apiPatience = time.Minute

// apiFixture is a portal below /hooks of a server, and a client of its API.
type apiFixture struct {
	apiClient
	portal *portal
	sender sender.Sender
	cfg    sender.Config
	store  store.Store
	logs   *apiLog
}

// newAPI starts a portal without workers, after edits of its Config. Its customers
// choose from two profiles of three; "jasper" signs with secrets of another kind.
func newAPI(t *testing.T, edits ...func(*Config)) *apiFixture {
	t.Helper()
	env, err := senderdev.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	f := &apiFixture{logs: &apiLog{}}
	cfg := Config{Sender: env.Config, Authorize: authorizeTest, Profiles: []string{"jam", "jasper"}}
	cfg.Sender.Logger = slog.New(slog.NewTextHandler(f.logs, nil))
	quick := retry.Schedule{0, time.Millisecond}
	cfg.Sender.Profile = sender.Profile{Signing: signing.StandardWebhooks(), Retry: quick}
	cfg.Sender.Profiles = map[string]sender.Profile{
		"jam":    {Signing: signing.StandardWebhooks(), Retry: quick},
		"jasper": {Signing: signing.SHA256("X-Jasper-Signature"), Retry: quick},
		"own":    {Signing: signing.StandardWebhooks(), Retry: quick},
	}
	cfg.Sender.Events = []sender.EventType{
		{
			Name: "review.completed", Group: "Reviews", Description: "A review was completed.",
			Example: json.RawMessage(`{"example":"<1>"}`), Schema: json.RawMessage(`{"type":"object"}`),
		},
		{Name: "review.started"},
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.portal, f.cfg, f.store = h.(*portal), cfg.Sender, cfg.Sender.Store
	if f.sender, err = sender.New(f.cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/hooks", h))
	t.Cleanup(server.Close)
	f.apiClient = apiClient{
		base: server.URL + "/hooks", tenant: "acme", may: All, seen: &exchanges{},
		http: &http.Client{Transport: &http.Transport{}, Timeout: apiPatience},
	}
	t.Cleanup(f.http.CloseIdleConnections)
	return f
}

// authorizeTest believes the request.
func authorizeTest(r *http.Request) (Access, error) {
	if r.Header.Get("X-Tenant") == "" {
		return Access{}, ErrUnauthenticated
	}
	may, err := strconv.ParseUint(r.Header.Get("X-May"), 10, 8)
	return Access{Tenant: r.Header.Get("X-Tenant"), May: Permission(may)}, err
}

// work runs the workers until the test is over.
func (f *apiFixture) work(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sender.RunWorkers(ctx, f.cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("RunWorkers: %v", err)
		}
	})
}

// send sends an event of the client's tenant, and returns the ids of its deliveries.
func (f *apiFixture) send(t *testing.T, eventType, payload string) (ids []string) {
	t.Helper()
	receipt, err := f.sender.Send(t.Context(), sender.Event{Tenant: f.tenant, Type: eventType, Payload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range receipt.Deliveries {
		ids = append(ids, d.ID)
	}
	return ids
}

// apiLog is a log that a test reads.
type apiLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *apiLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *apiLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// apiClient calls the API for somebody.
type apiClient struct {
	base   string
	http   *http.Client
	tenant string
	may    Permission
	seen   *exchanges
}

// as is the client for somebody else.
func (c apiClient) as(tenant string, may Permission) apiClient {
	c.tenant, c.may = tenant, may
	return c
}

// apiAnswer is what came back.
type apiAnswer struct {
	status int
	header http.Header
	body   string
}

// try sends a request to a path below the API's root.
func (c apiClient) try(ctx context.Context, method, path, contentType, body string) (apiAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+apiRoot+path, strings.NewReader(body))
	if err != nil {
		return apiAnswer{}, err
	}
	req.Header.Set("X-Tenant", c.tenant)
	req.Header.Set("X-May", strconv.Itoa(int(c.may)))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return apiAnswer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	c.seen.add(exchange{
		Method: strings.ToLower(method), Path: req.URL.Path[len("/hooks"+apiRoot):], RequestBody: body,
		Status: res.StatusCode, Type: res.Header.Get("Content-Type"), Body: string(text),
	})
	return apiAnswer{res.StatusCode, res.Header, string(text)}, err
}

// do sends a request with a JSON body and wants an answer.
func (c apiClient) do(t *testing.T, method, path, body string) apiAnswer {
	t.Helper()
	got, err := c.try(t.Context(), method, path, "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// call sends a request and reads the answer into a T. It must have the status.
func call[T any](t *testing.T, c apiClient, status int, method, path, body string) (value T) {
	t.Helper()
	got := c.do(t, method, path, body)
	if got.status != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %s: header %v", method, path, got.header)
	}
	if status == http.StatusNoContent {
		return value
	}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, got.body)
	}
	return value
}

// addEndpoint creates an endpoint of the client's tenant.
func addEndpoint(t *testing.T, c apiClient, fields string) createdEndpointJSON {
	t.Helper()
	return call[createdEndpointJSON](t, c, http.StatusCreated, "POST", "/endpoints", fields)
}

// waitForState asks for the delivery until it is in the state.
func waitForState(t *testing.T, c apiClient, id string, state store.DeliveryState) deliveryWithPayloadJSON {
	t.Helper()
	var got deliveryWithPayloadJSON
	eventuallyAPI(t, func() bool {
		got = call[deliveryWithPayloadJSON](t, c, http.StatusOK, "GET", "/deliveries/"+id, "")
		return got.State == state
	}, func() string { return fmt.Sprintf("delivery %+v, want it %s", got, state) })
	return got
}

// eventuallyAPI tries until done reports true.
func eventuallyAPI(t *testing.T, done func() bool, otherwise func() string) {
	t.Helper()
	deadline := time.NewTimer(apiPatience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(otherwise())
		}
	}
}

// exchange is a request and its answer, as testdata/validate.mjs reads it.
type exchange struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	RequestBody string `json:"request_body"`
	Status      int    `json:"status"`
	Type        string `json:"type"`
	Body        string `json:"body"`
}

// exchanges are those of a test.
type exchanges struct {
	mu  sync.Mutex
	all []exchange
}

func (e *exchanges) add(x exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, x)
}
