package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// The attacker starts replays that are kept, and that whoever lists replays has to
// read from then on.
func TestAttackReplaysThatAreKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := asker{tenant: "alice", may: All}
	for name, form := range map[string]url.Values{
		"a year that JSON does not have":     {"failed": {"1"}, "since": {"9999-12-31T23:59:59-14:00"}},
		"a year before all":                  {"failed": {"1"}, "since": {"0000-01-01T00:00:00+14:00"}},
		"a year that databases do not have":  {"failed": {"1"}, "until": {"0000-12-31T00:00"}},
		"an endpoint longer than any id":     {"failed": {"1"}, "endpoint": {strings.Repeat("x", maxID+1)}},
		"an endpoint that is not to be read": {"failed": {"1"}, "endpoint": {"ep_\x1b"}},
	} {
		s.page(name, s.do(who, http.MethodPost, "/replays", form), http.StatusUnprocessableEntity)
		s.get(who, "/replays/new?"+form.Encode(), http.StatusBadRequest)
	}
	if w := s.do(who, http.MethodGet, "/api/v1/replays", nil); w.Code != http.StatusOK {
		t.Errorf("the list: %d", w.Code)
	}
	page, err := s.mem.ListReplays(t.Context(), store.ReplayFilter{Tenant: "alice"})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%d replays were started, %v", len(page.Items), err)
	}
}

// The attacker names one state so often that it takes the Store long to compare it
// with each delivery, and room to keep it.
func TestAttackManyStates(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	who := asker{tenant: "alice", may: All}
	body := `{"endpoint_id":"` + alice.endpoint + `","states":["failed"` + strings.Repeat(`,"canceled","failed"`, 10_000) + `]}`
	w := s.send(who, http.MethodPost, mount+"/api/v1/replays", strings.NewReader(body), "application/json")
	if w.Code != http.StatusAccepted || w.Body.Len() > 1000 {
		t.Errorf("%d with %d bytes: %.300s", w.Code, w.Body.Len(), w.Body)
	}
	page, err := s.mem.ListReplays(t.Context(), store.ReplayFilter{Tenant: "alice", Limit: 1})
	if want := []store.DeliveryState{store.Canceled, store.Failed}; err != nil || !slices.Equal(page.Items[0].States, want) {
		t.Errorf("%d states are kept, %v", len(page.Items[0].States), err)
	}
	r := httptest.NewRequest(http.MethodGet, "/?only="+strings.Repeat("failed,pending,", 10_000)+"failed", nil)
	q := parseQuery(r, "only")
	if states := q.states("only"); len(states) != 2 || q.err() != nil {
		t.Errorf("%d states are asked for, %v", len(states), q.err())
	}
}

// The attacker sends what is wrong all over, to be told so at many times the length.
func TestAttackManyProblems(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := asker{tenant: "alice", may: All}
	var headers, fields, members strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&headers, `,"@%x":""`, i)
		fmt.Fprintf(&members, `,"%x":1`, i)
	}
	for i := range 4990 {
		fmt.Fprintf(&fields, "&header_name=@%x&header_value=x", i)
	}
	for name, c := range map[string]struct{ target, body, contentType string }{
		"patterns in a form": {"/endpoints", "url=https://a.example&scope=some&patterns=" + strings.Repeat("'+", 130_000), "application/x-www-form-urlencoded"},
		"headers in a form":  {"/endpoints", "url=https://a.example" + fields.String(), "application/x-www-form-urlencoded"},
		"patterns":           {"/api/v1/endpoints", `{"url":"https://a.example","event_types":[""` + strings.Repeat(`,""`, 80_000) + `]}`, "application/json"},
		"headers":            {"/api/v1/endpoints", `{"url":"https://a.example","headers":{"a":"b"` + headers.String() + `}}`, "application/json"},
		"states":             {"/api/v1/replays", `{"states":[""` + strings.Repeat(`,""`, 80_000) + `]}`, "application/json"},
		"members":            {"/api/v1/replays", `{"a":1` + members.String() + `}`, "application/json"},
	} {
		w := s.send(who, http.MethodPost, mount+c.target, strings.NewReader(c.body), c.contentType)
		most := 64 << 10
		if c.target == "/endpoints" {
			most = 3 << 20 // the form is shown again as it was filled in
		}
		if w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity || w.Body.Len() > most {
			t.Errorf("%s: %d with %d bytes, want at most %d", name, w.Code, w.Body.Len(), most)
		}
	}
}

// attempted stores an event and its delivery, with as many attempts.
func (s *stage) attempted(event store.Event, d store.Delivery, attempts int, a store.Attempt) {
	s.t.Helper()
	err := s.mem.CreateEvent(s.t.Context(), event, []store.Delivery{d})
	for i := range attempts {
		if err != nil {
			s.t.Fatal(err)
		}
		d.Version = int64(i + 1)
		a.ID, a.DeliveryID, a.Tenant, a.EventID, a.EndpointID, a.EventType = fmt.Sprint("atm_", i), d.ID, d.Tenant, d.EventID, d.EndpointID, d.EventType
		a.Round, a.Number, a.StartedAt, a.EndedAt = 1, i+1, d.CreatedAt, d.CreatedAt
		err = s.mem.UpdateDelivery(s.t.Context(), d, &a)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// The attacker causes an event that takes much room in each attempt's curl command, has
// it replayed, and looks at the delivery again and again.
func TestAttackManyCommands(t *testing.T) {
	t.Parallel()
	for payload, commands := range map[string]int{
		`{}`:                                    attemptsPerPage,
		`"` + strings.Repeat("'", 65_000) + `"`: 1,
		strings.Repeat("\x01", 65_000):          1,
	} {
		s := newStage(t)
		at := time.Now().UTC().Add(-time.Hour)
		d := store.Delivery{ID: "dlv_1", Tenant: "alice", EventID: "evt_1", EndpointID: "ep_1", EventType: "order.created", State: store.Failed, CreatedAt: at}
		event := store.Event{ID: d.EventID, Tenant: d.Tenant, Type: d.EventType, Payload: []byte(payload), CreatedAt: at}
		s.attempted(event, d, attemptsPerPage, store.Attempt{URL: "https://a.example/hook", Status: http.StatusInternalServerError})
		page := s.get(asker{tenant: "alice", may: View}, "/deliveries/"+d.ID, http.StatusOK)
		if found := strings.Count(page, "curl -i"); found != commands || len(page) > 2<<20 {
			t.Errorf("%.10q: %d commands in %d bytes, want %d", payload, found, len(page), commands)
		}
	}
}

// waitingStore computes statistics until nobody waits for them, which is soon.
type waitingStore struct {
	store.Store
	leave func()
}

func (s waitingStore) Stats(ctx context.Context, _ store.StatsFilter) ([]store.StatsBucket, error) {
	s.leave()
	<-ctx.Done()
	return nil, ctx.Err()
}

// The attacker loads a page and goes away, again and again, to fill the log.
func TestAttackGivenUpStatistics(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	for _, target := range []string{"/", "/endpoints/" + alice.endpoint} {
		ctx, cancel := context.WithCancel(t.Context())
		s.portal.store = waitingStore{s.mem, cancel}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, mount+target, nil)
		r.Header.Set("X-Who", "alice")
		r.Header.Set("X-Rights", "15")
		s.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	if log := s.log.String(); log != "" {
		t.Errorf("logged: %s", log)
	}
}

// countingStore counts deliveries for as long as a test wants.
type countingStore struct {
	store.Store
	store.ReplayStore
	counting chan<- struct{}
	counted  <-chan struct{}
}

func (s countingStore) CountDeliveries(context.Context, store.DeliveryFilter, int) (int, error) {
	s.counting <- struct{}{}
	<-s.counted
	return 1, nil
}

// The attacker starts replays all at the same time, so that none of them sees how many
// there are, and each counts a million deliveries.
func TestAttackReplaysAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const many = 20
	counting, counted := make(chan struct{}, many), make(chan struct{})
	release := sync.OnceFunc(func() { close(counted) })
	t.Cleanup(release)
	s.portal.cfg.Sender.Store = countingStore{s.mem, s.mem, counting, counted}
	start := func(tenant string) int {
		body := strings.NewReader(`{"since":"2026-01-01T00:00:00Z"}`)
		return s.send(asker{tenant: tenant, may: All}, http.MethodPost, mount+"/api/v1/replays", body, "application/json").Code
	}
	statuses := make(chan int, many)
	for range many {
		go func() { statuses <- start("alice") }()
	}
	<-counting
	for range many - 1 {
		select {
		case status := <-statuses:
			if status != http.StatusConflict {
				t.Errorf("one that is started beside another: %d", status)
			}
		case <-counting:
			t.Fatal("two are started at once")
		}
	}
	go func() { statuses <- start("bob") }()
	<-counting // and is not held up
	release()
	for range 2 {
		if status := <-statuses; status != http.StatusAccepted {
			t.Errorf("one that is started: %d", status)
		}
	}
	if status := start("alice"); status != http.StatusAccepted {
		t.Errorf("the next one: %d", status)
	}
}

// The attacker begins a body and never ends it, on a server that has no timeouts, again
// and again.
func TestAttackSlowBody(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			read := make(chan error, 1)
			authorized := s.portal.authorized(View, 50*time.Millisecond, func(w http.ResponseWriter, v *visit) {
				_, err := io.Copy(io.Discard, v.Body)
				read <- err
				w.WriteHeader(http.StatusNoContent)
			})
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				authorized.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askedKey{}, r)))
			}))
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			t.Cleanup(server.Close)
			body, endless := io.Pipe()
			go func() { _, _ = endless.Write([]byte("url=")) }()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Who", "alice")
			r.Header.Set("X-Rights", "15")
			go func() {
				if answer, err := server.Client().Do(r); err == nil {
					_ = answer.Body.Close()
				}
			}()
			select {
			case err := <-read:
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the body was read: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("the body is still read")
			}
			_ = endless.Close()
		})
	}
}

// The attacker's server answers with what takes the most room, and the attacker asks for
// as many attempts at once as there may be.
func TestAttackLongAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body     string
		attempts int
		keeps    int // Config.MaxResponseBody
	}{
		"control characters": {strings.Repeat("\x01", 16<<10), maxLimit, 0},
		"quotes":             {strings.Repeat(`"`, 16<<10), maxLimit, 0},
		"all that is kept":   {strings.Repeat(`x`, 1<<20), 20, 1 << 20},
	} {
		s := newStage(t, func(cfg *Config) { cfg.Sender.MaxResponseBody = c.keeps })
		at := time.Now().UTC().Add(-time.Hour)
		d := store.Delivery{ID: "dlv_1", Tenant: "alice", EventID: "evt_1", EndpointID: "ep_1", EventType: "order.created", State: store.Failed, CreatedAt: at}
		event := store.Event{ID: d.EventID, Tenant: d.Tenant, Type: d.EventType, Payload: []byte(`{}`), CreatedAt: at}
		s.attempted(event, d, c.attempts, store.Attempt{Status: http.StatusInternalServerError, ResponseBody: []byte(c.body)})
		seen, cursor := 0, ""
		for range c.attempts {
			w := s.do(asker{tenant: "alice", may: View}, http.MethodGet, "/api/v1/deliveries/dlv_1/attempts?limit=250&cursor="+cursor, nil)
			if w.Code != http.StatusOK || w.Body.Len() > 10<<20 {
				t.Errorf("%s: %d with %d bytes", name, w.Code, w.Body.Len())
			}
			var page listJSON[attemptJSON]
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			seen += len(page.Items)
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if seen != c.attempts {
			t.Errorf("%s: %d attempts are listed, want %d", name, seen, c.attempts)
		}
	}
}
