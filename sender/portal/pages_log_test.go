package portal

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// deliver stores a delivery of alice's to an endpoint, which change changes.
func (s *stage) deliver(id, endpointID string, change func(*store.Delivery, *store.Event)) store.Delivery {
	s.t.Helper()
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Microsecond)
	event := store.Event{ID: "evt_" + id, Tenant: "alice", Type: "order.paid", Payload: []byte(`{"id":"` + id + `"}`), CreatedAt: at}
	d := store.Delivery{
		ID: "dlv_" + id, Tenant: "alice", EventID: event.ID, EndpointID: endpointID, EventType: event.Type, State: store.Succeeded,
		Round: 1, Attempts: 1, Trigger: store.TriggerSchedule, LastStatus: 200, CreatedAt: at, UpdatedAt: at, EndedAt: at.Add(time.Second),
	}
	change(&d, &event)
	d.EventType = event.Type
	if err := s.mem.CreateEvent(s.t.Context(), event, []store.Delivery{d}); err != nil {
		s.t.Fatal(err)
	}
	d.Version = 1
	return d
}

// attempts adds n attempts to a delivery, and returns it as it is then.
func (s *stage) attempts(d store.Delivery, n int, change func(int, *store.Attempt)) store.Delivery {
	s.t.Helper()
	for i := range n {
		a := store.Attempt{
			ID: fmt.Sprintf("att_%s_%03d", d.ID, i), DeliveryID: d.ID, Tenant: "alice", EventID: d.EventID, EndpointID: d.EndpointID, EventType: d.EventType,
			Round: d.Round, Number: i + 1, Trigger: d.Trigger, Status: 200, Succeeded: true, ResponseBody: []byte("ok"), URL: "https://a.example/hook",
			ScheduledAt: d.CreatedAt, StartedAt: d.CreatedAt.Add(time.Duration(i+1) * time.Second), EndedAt: d.CreatedAt.Add(time.Duration(i+1)*time.Second + 50*time.Millisecond),
		}
		change(i, &a)
		if err := s.mem.UpdateDelivery(s.t.Context(), d, &a); err != nil {
			s.t.Fatal(err)
		}
		d.Version++
	}
	return d
}

var deliveryLink = regexp.MustCompile(`class="row" href="[./]*deliveries/([^"]+)"`)

// listed are the ids of the deliveries in a page's table.
func listed(page string) string {
	var ids []string
	for _, found := range deliveryLink.FindAllStringSubmatch(page, -1) {
		ids = append(ids, strings.TrimPrefix(found[1], "dlv_"))
	}
	return strings.Join(ids, " ")
}

func TestDeliveryFilters(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contains(t, "no deliveries", s.get(owner, "/deliveries", 200), "No deliveries yet")
	one, two := s.add(url.Values{"description": {"Shop one"}}), s.add(url.Values{"description": {"Shop two"}})
	base := time.Date(2026, 1, 8, 10, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		endpoint, eventType string
		state               store.DeliveryState
	}{
		{one.ID, "order.paid", store.Succeeded},
		{one.ID, "order.created", store.Failed},
		{two.ID, "order.paid", store.Failed},
		{two.ID, "order.paid", store.Pending},
		{"ep_gone", "user.invited", store.Canceled},
	} {
		s.deliver(fmt.Sprint(i), c.endpoint, func(d *store.Delivery, e *store.Event) {
			d.CreatedAt, e.Type, d.State = base.Add(time.Duration(i)*time.Minute), c.eventType, c.state
		})
	}
	for query, want := range map[string]string{
		"":                            "4 3 2 1 0",
		"state=failed":                "2 1",
		"state=pending":               "3",
		"state=succeeded":             "0",
		"state=canceled":              "4",
		"event=order.paid":            "3 2 0",
		"event=+order.paid+":          "3 2 0",
		"event=order":                 "",
		"endpoint=" + one.ID:          "1 0",
		"endpoint=ep_gone":            "4",
		"endpoint=ep_none":            "",
		"event_id=+evt_3+":            "3",
		"event_id=evt_3&state=failed": "",
		"event_id=evt":                "",
		"since=2026-01-08T10:02":      "4 3 2",
		"since=2026-01-08T10:02:01":   "4 3",
		"until=2026-01-08T10:02":      "1 0",
		"since=2026-01-08T11:02:00%2b01:00&until=2026-01-08T10:03":                                            "2",
		"state=failed&event=order.paid&endpoint=" + two.ID + "&since=2026-01-08T10:00&until=2026-01-08T11:00": "2",
		"state=failed&endpoint=" + one.ID + "&event=order.paid":                                               "",
	} {
		page := s.get(owner, "/deliveries?"+query, 200)
		if got := listed(page); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
		if want == "" {
			contains(t, query, page, "Nothing matches")
		}
	}
	contains(t, "the filter", s.get(owner, "/deliveries?state=failed&endpoint="+one.ID+"&event=order.created&since=2026-01-08T10:00", 200),
		`<option value="failed" selected>`, `<option value="`+one.ID+`" selected>Shop one`, `value="order.created"`, `value="2026-01-08T10:00"`, "Clear")
	contains(t, "a deleted endpoint", s.get(owner, "/deliveries?endpoint=ep_gone", 200), `<option value="ep_gone" selected>ep_gone`, "deleted endpoint")
	for query, want := range map[string]string{
		"state=lost":             "status must be pending, succeeded, failed or canceled",
		"since=yesterday":        "from must be a time such as 2026-01-08T10:30",
		"until=2026-13-08T10:00": "to must be a time such as",
		"since=2026-01-08T10:00&until=2026-01-08T10:00": "to must be after from",
		"event=a%00":         "filter has characters that nothing has",
		"event_id=a%0Ab":     "filter has characters that nothing has",
		"endpoint=%ff":       "filter has characters that nothing has",
		"state=lost&since=x": "from must be a time",
	} {
		page := s.get(owner, "/deliveries?"+query, 400)
		contains(t, query, page, want, "Correct the filter")
		if listed(page) != "" {
			t.Errorf("%s lists something", query)
		}
	}
	s.get(owner, "/deliveries?cursor=no+cursor", 400)
}

// follow goes from page to page and counts what find finds.
func (s *stage) follow(target, next string, find func(page string) []string) (seen map[string]int, pages int) {
	s.t.Helper()
	seen = map[string]int{}
	link := regexp.MustCompile(`href="([^"]*)"[^>]*>` + next + `</a>`)
	at, err := url.Parse(mount + target)
	if err != nil {
		s.t.Fatal(err)
	}
	for pages = 1; pages < 20; pages++ {
		page := s.get(owner, strings.TrimPrefix(at.String(), mount), 200)
		for _, id := range find(page) {
			seen[id]++
		}
		found := link.FindStringSubmatch(page)
		if found == nil {
			break
		}
		if at, err = at.Parse(html.UnescapeString(found[1])); err != nil {
			s.t.Fatal(err)
		}
	}
	return seen, pages
}

// Who follows the links comes by everything once.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{})
	for i := range 120 {
		s.deliver(fmt.Sprint("f", i), e.ID, func(d *store.Delivery, _ *store.Event) { d.State = store.Failed })
	}
	long := s.deliver("long", e.ID, func(*store.Delivery, *store.Event) {})
	s.attempts(long, 45, func(int, *store.Attempt) {})
	for range 45 {
		s.add(url.Values{})
	}
	for range 25 {
		at := time.Now()
		if err := s.mem.PutReplay(t.Context(), store.Replay{ID: fmt.Sprint("rpl_", at.UnixNano()), Tenant: "alice", State: store.ReplayFinished, CreatedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		target, next, find string
		want, pages        int
	}{
		{"/deliveries", "Older", deliveryLink.String(), 121, 3},
		{"/deliveries?state=failed&endpoint=" + e.ID, "Older", deliveryLink.String(), 120, 3},
		{"/deliveries/dlv_long", "Earlier attempts", `<details class="attempt [^>]*id="([^"]+)"`, 45, 3},
		{"/", "Older", `<h2><a href="\./endpoints/([^"]+)"`, 46, 3},
		{"/replays", "Older", `href="\./replays/(rpl_[^"]+)"`, 25, 2},
	} {
		find := regexp.MustCompile(c.find)
		seen, pages := s.follow(c.target, c.next, func(page string) (ids []string) {
			for _, found := range find.FindAllStringSubmatch(page, -1) {
				ids = append(ids, found[1])
			}
			return ids
		})
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s shows %s %d times", c.target, id, n)
			}
		}
		if len(seen) != c.want || pages != c.pages {
			t.Errorf("%s: %d on %d pages, want %d on %d", c.target, len(seen), pages, c.want, c.pages)
		}
	}
	page := s.get(owner, "/endpoints/"+e.ID, 200)
	if n := len(strings.Fields(listed(page))); n != deliveriesShown {
		t.Errorf("an endpoint's page shows %d deliveries", n)
	}
	contains(t, "the endpoint", page, "deliveries?endpoint="+e.ID+`">All of them`)
}

func TestDeliveryPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{"description": {"Shop"}})
	for name, c := range map[string]struct {
		change func(*store.Delivery, *store.Event)
		want   []string
		not    []string
	}{
		"succeeded": {func(*store.Delivery, *store.Event) {}, []string{"Succeeded", ">Replay<", "Shop", "Ended"}, []string{"banner"}},
		"fresh": {
			func(d *store.Delivery, _ *store.Event) {
				d.State, d.Attempts, d.EndedAt = store.Pending, 0, time.Time{}
			},
			[]string{"Pending", "It is about to be sent.", "Send now"},
			[]string{"Ended", ">Replay<"},
		},
		"retrying": {func(d *store.Delivery, _ *store.Event) {
			d.State, d.LastErrorClass, d.NextAttemptAt = store.Pending, store.ErrorTimeout, time.Now().Add(5*time.Hour+time.Minute)
		}, []string{"Retrying", "The next attempt is in", "in 5 h", "No whole answer came in time."}, nil},
		"failed": {func(d *store.Delivery, _ *store.Event) {
			d.State, d.LastErrorClass, d.LastStatus = store.Failed, store.ErrorStatus, 404
		}, []string{"All attempts have failed.", "404 Not Found"}, nil},
		"canceled": {func(d *store.Delivery, _ *store.Event) {
			d.State, d.LastError, d.LastErrorClass = store.Canceled, "the endpoint\u202e is gone", store.ErrorEndpoint
		}, []string{"It was canceled.", "The endpoint\ufffd is gone"}, nil},
		"replayed": {func(d *store.Delivery, _ *store.Event) { d.Round = 3 }, []string{"of replay 2"}, nil},
		"purged":   {func(_ *store.Delivery, ev *store.Event) { ev.Payload = nil }, []string{"It is no longer kept"}, []string{">Replay<", "Download<", "curl"}},
		"orphaned": {func(d *store.Delivery, _ *store.Event) { d.EndpointID = "ep_gone" }, []string{"an endpoint that was deleted"}, []string{">Replay<", "endpoints/ep_gone"}},
		"text":     {func(_ *store.Delivery, ev *store.Event) { ev.Payload, ev.ContentType = []byte("a=b"), "text/plain" }, []string{"text/plain, 3 bytes", "a=b"}, []string{"line breaks"}},
		"bytes":    {func(_ *store.Delivery, ev *store.Event) { ev.Payload = []byte{0xff, 0} }, []string{"ff 00"}, []string{"curl"}},
	} {
		d := s.deliver(name, e.ID, c.change)
		if name != "fresh" {
			s.attempts(d, 1, func(_ int, a *store.Attempt) {
				a.Succeeded, a.ErrorClass, a.Error, a.Status = false, store.ErrorDNS, "no such host", 0
			})
		}
		page := s.get(owner, "/deliveries/dlv_"+name, 200)
		contains(t, name, page, append(c.want, d.EventID)...)
		lacks(t, name, page, c.not...)
		lacks(t, name+" for a reader", s.get(asker{tenant: "alice", may: View}, "/deliveries/dlv_"+name, 200), "/replay\"")
	}
	for _, class := range append(errorClasses(t), "something new") {
		d := s.deliver("class_"+strings.ReplaceAll(string(class), " ", ""), e.ID, func(d *store.Delivery, _ *store.Event) {
			d.State, d.LastErrorClass, d.LastStatus = store.Failed, class, 0
		})
		s.attempts(d, 1, func(_ int, a *store.Attempt) { a.Succeeded, a.ErrorClass, a.Status = false, class, 0 })
		if n := strings.Count(html.UnescapeString(s.get(owner, "/deliveries/"+d.ID, 200)), explain(class, 0)); n != 2 {
			t.Errorf("%s is explained %d times", class, n)
		}
	}
	// The purge of a whole event leaves no file to load.
	if w := s.do(owner, http.MethodGet, "/deliveries/dlv_succeeded/attempts/att_dlv_succeeded_000/body", nil); w.Code != 200 || w.Body.String() != "ok" {
		t.Errorf("body: %d %s", w.Code, w.Body)
	}
	if to := s.post(owner, "/deliveries/dlv_failed/replay", nil); to != "../../deliveries/dlv_failed?done=replayed" {
		t.Errorf("replay leads to %s", to)
	}
	if d, err := s.mem.GetDelivery(t.Context(), "alice", "dlv_failed"); err != nil || d.State != store.Pending || d.Round != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	s.post(owner, "/endpoints/"+e.ID+"/disable", nil)
	contains(t, "a disabled endpoint", s.page("replay", s.do(owner, http.MethodPost, "/deliveries/dlv_succeeded/replay", nil), 409), "enable it first")
	lacks(t, "a disabled endpoint", s.get(owner, "/deliveries/dlv_succeeded", 200), ">Replay<")
	for trigger, want := range map[store.Trigger]func(*testing.T, string, string, ...string){store.TriggerSchedule: contains, store.TriggerTest: lacks} {
		d := s.deliver("of_"+string(trigger), e.ID, func(d *store.Delivery, _ *store.Event) { d.State, d.Trigger = store.Failed, trigger })
		want(t, string(trigger), s.get(owner, "/deliveries/"+d.ID, 200), "enable it to replay")
	}
}

func TestReplayPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{"description": {"Shop"}})
	for i := range 3 {
		s.deliver(fmt.Sprint("f", i), e.ID, func(d *store.Delivery, _ *store.Event) { d.State = store.Failed })
	}
	s.deliver("c", e.ID, func(d *store.Delivery, _ *store.Event) { d.State = store.Canceled })
	contains(t, "the form", s.get(owner, "/replays?endpoint="+e.ID, 200), "None yet.", `value="`+e.ID+`" selected`, "Count them")
	lacks(t, "for a reader", s.get(asker{tenant: "alice", may: View}, "/replays", 200), "Count them")
	for query, want := range map[string]string{
		"failed=1&canceled=1": "4</strong> deliveries match", "failed=1": "3</strong> deliveries match", "canceled=1": "1</strong> delivery matches",
		"failed=1&event=order.created": "Nothing matches.", "failed=1&endpoint=ep_none": "Nothing matches.", "failed=1&since=2099-01-01T00:00&until=2099-01-02T00:00": "Nothing matches.",
	} {
		contains(t, query, s.get(owner, "/replays/new?"+query, 200), want)
	}
	for query, want := range map[string]string{
		"event=": "must be failed, canceled or both", "failed=1&since=x": "from must be a time", "failed=1&event=a..b": "event_type is", "failed=1&endpoint=%00": "endpoint is no id",
		"failed=1&since=2026-01-02T00:00&until=2026-01-01T00:00": "until is",
	} {
		contains(t, query, s.get(owner, "/replays/new?"+query, 400), want)
		if strings.Contains(query, "%00") {
			continue // no form has it
		}
		form, _ := url.ParseQuery(query)
		contains(t, query, s.page(query, s.do(owner, http.MethodPost, "/replays", form), 422), want)
	}
	to := s.post(owner, "/replays", url.Values{"failed": {"1"}, "endpoint": {e.ID}})
	at := strings.TrimPrefix(to, ".")
	page := s.get(owner, at, 200)
	contains(t, "running", page, "0 of 3", `max="100" value="0"`, "It goes on by itself", "Shop", at[1:]+"/cancel", "running", "data-live")
	r, err := s.mem.GetReplay(t.Context(), "alice", strings.TrimPrefix(at, "/replays/"))
	if err != nil {
		t.Fatal(err)
	}
	r.Replayed, r.Skipped = 1, 1
	if err := s.mem.PutReplay(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	contains(t, "on its way", s.get(owner, at, 200), "2 of 3", `value="66"`, "Skipped are tests, and those")
	contains(t, "the list", s.get(owner, "/replays", 200), "2 of 3", "running")
	if to := s.post(owner, at+"/cancel", nil); to != "../../replays/"+r.ID+"?done=canceled" {
		t.Errorf("cancel leads to %s", to)
	}
	page = s.get(owner, at+"?done=canceled", 200)
	contains(t, "canceled", page, "The replay was canceled.", "badge canceled")
	lacks(t, "canceled", page, at[1:]+"/cancel", "data-live", "It goes on")
	for _, c := range []struct {
		r    store.Replay
		want int
	}{{store.Replay{State: store.ReplayFinished}, 100}, {store.Replay{}, 0}, {store.Replay{Total: 3, Replayed: 9}, 100}} {
		if got := (replayRow{Replay: c.r}).Percent(); got != c.want {
			t.Errorf("%+v: %d %%", c.r, got)
		}
	}
	if got := (replayRow{Replay: store.Replay{State: store.ReplayFinished}}).StateClass(); got != "succeeded" {
		t.Error(got)
	}
}

// A Store that keeps no replays hides the form, and refuses it.
func TestReplaysAreNotSupported(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Sender.Store = struct{ store.Store }{c.Sender.Store} })
	s.plainly("alice")
	page := s.get(owner, "/replays", 200)
	contains(t, "the list", page, "Not available", "deliveries?state=failed")
	lacks(t, "the list", page, "<form")
	s.get(owner, "/replays/rpl_alice", 404)
	for _, target := range []string{"/replays", "/replays/rpl_alice/cancel"} {
		contains(t, target, s.page(target, s.do(owner, http.MethodPost, target, fullForm()), 501), "cannot do this")
	}
	contains(t, "counting", s.get(owner, "/replays/new?failed=1", 200), "1</strong> delivery matches")
}

func TestStatisticsPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{"description": {"Shop"}})
	now := time.Now().UTC()
	for i, age := range []time.Duration{time.Minute, 3 * time.Hour, 50 * time.Hour, 20 * 24 * time.Hour, 40 * 24 * time.Hour} {
		d := s.deliver(fmt.Sprint(i), e.ID, func(*store.Delivery, *store.Event) {})
		s.attempts(d, 1, func(_ int, a *store.Attempt) {
			a.StartedAt = now.Add(-age)
			a.EndedAt = a.StartedAt.Add(time.Duration(i+1) * 100 * time.Millisecond)
			a.Succeeded = i != 2
		})
	}
	for query, want := range map[string][]string{
		"":           {"last 24 hours: 2 succeeded, 0 failed", "100 %"},
		"?range=24h": {`range=24h" aria-current="true"`, "half of them took at most 100 ms and 95 % at most 200 ms"},
		"?range=7d":  {"last 7 days: 2 succeeded, 1 failed", "66.7 %", `range=7d" aria-current="true"`},
		"?range=30d": {"last 30 days: 3 succeeded, 1 failed", "75.0 %"},
		"?range=1y":  {"last 24 hours: 2 succeeded"},
	} {
		contains(t, query, s.get(owner, "/endpoints/"+e.ID+query, 200), want...)
	}
	contains(t, "the list", s.get(owner, "/", 200), "66.7 % of 3 attempts", "Healthy")
	fail := func(id string, n int) {
		s.attempts(s.deliver(id, e.ID, func(*store.Delivery, *store.Event) {}), n, func(_ int, a *store.Attempt) {
			a.StartedAt, a.EndedAt, a.Succeeded = now.Add(-time.Hour), now.Add(-time.Hour+time.Second), false
		})
	}
	fail("two", 2)
	contains(t, "a restart", s.get(owner, "/endpoints/"+e.ID, 200), "50.0 %")
	lacks(t, "a restart", s.get(owner, "/endpoints/"+e.ID, 200), "Degraded")
	fail("one more", 1)
	for _, target := range []string{"/", "/endpoints/" + e.ID, "/endpoints/" + e.ID + "?range=7d", "/endpoints/" + e.ID + "?range=30d"} {
		contains(t, target, s.get(owner, target, 200), "Degraded", "60.0 % of its attempts in the last 24 hours have failed.")
	}
	idle := s.add(url.Values{})
	contains(t, "idle", s.get(owner, "/endpoints/"+idle.ID+"?range=30d", 200), "Nothing was sent to it in the last 30 days.")
	for word, change := range map[string]func(*store.Endpoint){
		"Failing":  func(e *store.Endpoint) { e.FailingSince = now.Add(-3 * time.Hour) },
		"Paused":   func(e *store.Endpoint) { e.PausedUntil = now.Add(time.Hour) },
		"Disabled": func(e *store.Endpoint) { e.Disabled, e.DisabledAt = true, now },
	} {
		changed := s.endpoint(e.ID)
		changed.FailingSince, changed.PausedUntil, changed.Disabled = time.Time{}, time.Time{}, false
		change(&changed)
		if err := s.mem.PutEndpoint(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		contains(t, word, s.get(owner, "/", 200), ">"+word+"</span>")
		contains(t, word, s.get(owner, "/endpoints/"+e.ID, 200), word)
	}
	contains(t, "the catalog", s.get(owner, "/events", 200), "order.created", "An order was made.", "<h2>Orders</h2>", "JSON Schema")
	contains(t, "no catalog", newStage(t, func(c *Config) { c.Sender.Events = nil }).get(owner, "/events", 200), "No catalog")
}
