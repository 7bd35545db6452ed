package portal

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

var owner = asker{tenant: "alice", name: "Alice", may: All}

// endpoint reads the endpoint that a form's answer leads to.
func (s *stage) endpoint(location string) store.Endpoint {
	s.t.Helper()
	path, _, _ := strings.Cut(location, "?")
	e, err := s.mem.GetEndpoint(s.t.Context(), "alice", path[strings.LastIndex(path, "/")+1:])
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// add adds an endpoint of alice's through the form.
func (s *stage) add(fields url.Values) store.Endpoint {
	s.t.Helper()
	if !fields.Has("url") {
		fields.Set("url", "https://a.example/hook")
	}
	return s.endpoint(s.post(owner, "/endpoints", fields))
}

func contains(t *testing.T, what, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) && !strings.Contains(html.UnescapeString(page), text) {
			t.Errorf("%s: no %q", what, text)
		}
	}
}

func lacks(t *testing.T, what, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) || strings.Contains(html.UnescapeString(page), text) {
			t.Errorf("%s: there is %q", what, text)
		}
	}
}

func TestFormCreates(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contains(t, "the empty list", s.get(owner, "/", 200), "No endpoints yet", "./endpoints/new")
	lacks(t, "the empty list of a reader", s.get(asker{tenant: "alice", may: View}, "/", 200), "endpoints/new")
	contains(t, "the form", s.get(owner, "/endpoints/new", 200), "order.created", "An order was made.", `{
  &#34;example&#34;: &#34;order&#34;
}`, `<option value="calm">`, `value="all" checked`)

	plain := s.add(url.Values{})
	if plain.URL != "https://a.example/hook" || len(plain.EventTypes) != 0 || plain.Profile != "" || plain.Timeout != 0 || len(plain.Secrets) != 1 || plain.Version != 1 {
		t.Errorf("%#v", plain)
	}
	own := "whsec_" + strings.Repeat("QUJD", 8)
	to := s.post(owner, "/endpoints", url.Values{
		"url": {" https://b.example/hook?key=1 "}, "description": {"  Shop\r\nsecond line "}, "scope": {"some"}, "event": {"order.paid", "user.invited"},
		"patterns": {"refund.*\n  other.type\n"}, "profile": {"calm"}, "timeout": {"2.5"}, "per_second": {"0.5"}, "burst": {"3"}, "secret": {own},
		"header_name": {"x-one", "", " X-Two "}, "header_value": {"1", "", "two"},
	})
	e := s.endpoint(to)
	if to != "./endpoints/"+e.ID+"?done=created" {
		t.Errorf("leads to %s", to)
	}
	got := fmt.Sprintf("%q %q %q %q %s %v %v %s", e.URL, e.Description, e.EventTypes, e.Profile, e.Timeout, e.RateLimit, map[string][]string(e.Headers), e.Secrets[0].Value)
	want := fmt.Sprintf("%q %q %q %q 2.5s {0.5 3} map[X-One:[1] X-Two:[two]] %s", "https://b.example/hook?key=1", "Shop\nsecond line",
		[]string{"order.paid", "user.invited", "refund.*", "other.type"}, "calm", own)
	if got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	page := s.get(owner, strings.TrimPrefix(to, "."), 200)
	contains(t, "the endpoint", page, "The endpoint was added.", "<h1>Shop</h1>", "second line", "refund.*", "calm", "2.5 s", "X-One", "0.5 a second", "No traffic")
	contains(t, "the endpoint", page, "Not in the event catalog: refund.*, other.type.")
	lacks(t, "the endpoint", page, own, "two</")
	known := s.add(url.Values{"scope": {"some"}, "patterns": {"order.paid\norder.*\nuser.*"}})
	lacks(t, "known types", s.get(owner, "/endpoints/"+known.ID, 200), "Not in the event catalog")
	contains(t, "the list", s.get(owner, "/", 200), "Shop", "https://b.example/hook?[redacted]", "all events")
	lacks(t, "a notice nobody knows", s.get(owner, "/?done=%3Cb%3E", 200), `role="status"`)
}

// Where all profiles have names, none is the default one.
func TestFormNamedProfiles(t *testing.T) {
	t.Parallel()
	one := newStage(t, func(cfg *Config) { cfg.Profiles = []string{"calm"} })
	if e := one.add(url.Values{}); e.Profile != "calm" {
		t.Errorf("the only profile: %q", e.Profile)
	}
	two := newStage(t, func(cfg *Config) { cfg.Profiles = []string{"calm", "internal"} })
	filled := url.Values{"url": {"https://10.0.0.1/"}, "profile": {"internal"}}
	page := two.do(owner, http.MethodPost, "/endpoints", filled).Body.String()
	contains(t, "the refused form", page, `<option value="calm">`, `<option value="internal" selected>`)
	lacks(t, "the refused form", page, ">default<")
}

// What is wrong is said beside its field, and what was typed stays but for the secret.
func TestFormRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.add(url.Values{"description": {"there"}})
	for name, c := range map[string]struct {
		fields url.Values
		place  string // the id of what says so, or the beginning of the sentence
		text   string
	}{
		"no URL":              {url.Values{"url": {""}}, "url-problem", "URL is 0 bytes, must be 1 to 2048 bytes"},
		"http":                {url.Values{"url": {"http://a.example"}}, "url-problem", "must be an https URL."},
		"a private network":   {url.Values{"url": {"https://10.0.0.1"}}, "url-problem", "names this machine or a private network, must be public"},
		"a script":            {url.Values{"url": {"javascript:alert(1)"}}, "url-problem", "cannot be parsed"},
		"a user":              {url.Values{"url": {"https://u:p@a.example"}}, "url-problem", "without one"},
		"a port":              {url.Values{"url": {"https://a.example:22"}}, "url-problem", "has the port 22, must be on port 443 or 80."},
		"a long description":  {url.Values{"description": {strings.Repeat("a", 1025)}}, "description-problem", "must be at most 1024 bytes"},
		"no event":            {url.Values{"scope": {"some"}}, "types-problem", "Event type must be picked: at least one, or all."},
		"a pattern":           {url.Values{"scope": {"some"}, "patterns": {"a..b"}}, "types-problem", "Event type is &#34;a..b&#34;, must be an event type, a category"},
		"letters for timeout": {url.Values{"timeout": {"ten"}}, "timeout-problem", "must be a number of seconds, from 0.1 to 60."},
		"timeout":             {url.Values{"timeout": {"61"}}, "timeout-problem", "must be 0 for the profile&#39;s, or 100ms to 1m0s"},
		"a day's timeout":     {url.Values{"timeout": {"86400"}}, "timeout-problem", "must be a number of seconds, from 0.1 to 60."},
		"a tiny timeout":      {url.Values{"timeout": {"0.0004"}}, "timeout-problem", "must be a number of seconds, from 0.1 to 60."},
		"a negative timeout":  {url.Values{"timeout": {"-1"}}, "timeout-problem", "must be a number of seconds, from 0.1 to 60."},
		"no timeout at all":   {url.Values{"timeout": {"0"}}, "timeout-problem", "must be a number of seconds, from 0.1 to 60."},
		"no number":           {url.Values{"timeout": {"NaN"}}, "timeout-problem", "must be a number of seconds, from 0.1 to 60."},
		"infinite":            {url.Values{"per_second": {"Inf"}}, "rate-problem", "must be a number of requests a second."},
		"a rate":              {url.Values{"per_second": {"1e9"}}, "rate-problem", "must be 0, or 0.001 to 100000"},
		"half a burst":        {url.Values{"burst": {"1.5"}}, "rate-problem", "must have a whole number"},
		"a burst":             {url.Values{"burst": {"1000000"}}, "rate-problem", "must be 0 to 100000"},
		"a secret":            {url.Values{"secret": {"TYPED-SECRET"}}, "secret-problem", "Secret is not usable (the secret"},
		"a header's name":     {url.Values{"header_name": {"a b"}, "header_value": {"x"}}, "is no header name", ""},
		"a header of HTTP":    {url.Values{"header_name": {"Host"}, "header_value": {"x"}}, "Header Host is reserved", ""},
		"no value":            {url.Values{"header_name": {"X-A"}, "header_value": {""}}, "has a value that cannot be sent", ""},
		"a value":             {url.Values{"header_name": {"X-A"}, "header_value": {"a\nb"}}, "has a value that cannot be sent", ""},
		"a profile of others": {url.Values{"profile": {"internal"}}, "Profile is not one of those to choose from.", ""},
		"no profile":          {url.Values{"profile": {"nothing"}}, "Profile is not one of those to choose from.", ""},
	} {
		typed := url.Values{
			"url": {"https://typed.example/x?y=%20"}, "description": {"typed <words>"}, "scope": {"all"}, "event": {"order.paid"}, "patterns": {"typed.*"},
			"profile": {"calm"}, "timeout": {"7"}, "per_second": {"8"}, "burst": {"9"}, "header_name": {"X-Typed"}, "header_value": {"typed value"},
			"secret": {"whsec_" + strings.Repeat("QUJD", 8)},
		}
		maps.Copy(typed, c.fields)
		if name == "no event" {
			delete(typed, "event")
			delete(typed, "patterns")
		}
		page := s.page(name, s.do(owner, http.MethodPost, "/endpoints", typed), http.StatusUnprocessableEntity)
		contains(t, name, page, "Nothing was saved.")
		if strings.HasSuffix(c.place, "-problem") {
			said := regexp.MustCompile(`<p class="wrong" id="` + c.place + `">([^<]*)</p>`).FindStringSubmatch(page)
			if said == nil || !strings.Contains(said[1], c.text) {
				t.Errorf("%s: beside the field stands %q, want %q", name, said, c.text)
			}
		} else if !strings.Contains(page, c.place) || strings.Count(page, `class="wrong"`) != 1 {
			t.Errorf("%s: no %q, or more", name, c.place)
		}
		for _, field := range []string{"url", "timeout", "per_second", "burst", "header_name", "header_value"} {
			contains(t, name, page, `value="`+strings.NewReplacer("&", "&amp;", "+", "&#43;").Replace(strings.TrimSpace(typed.Get(field)))+`"`)
		}
		contains(t, name, page, ">"+html.EscapeString(typed.Get("description"))+"</textarea>", ">"+typed.Get("patterns")+"</textarea>")
		lacks(t, name, page, typed.Get("secret"), "Config.", "Endpoint.")
		if typed.Has("event") {
			contains(t, name, page, `value="order.paid" checked`)
		}
	}
	if page, err := s.mem.ListEndpoints(t.Context(), store.EndpointFilter{Tenant: "alice"}); err != nil || len(page.Items) != 1 {
		t.Errorf("%d endpoints, %v", len(page.Items), err)
	}
}

func TestFormEdits(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Sender.MaxEndpoints = 1 })
	e := s.add(url.Values{"header_name": {"X-Keep", "X-Change", "X-Remove"}, "header_value": {"HIDDEN-1", "HIDDEN-2", "HIDDEN-3"}, "scope": {"some"}, "event": {"order.paid"}, "patterns": {"a.*"}})
	target := "/endpoints/" + e.ID + "/edit"
	page := s.get(owner, target, 200)
	contains(t, "the form", page, `name="version" value="1"`, `name="value:X-Keep" value=""`, `value="order.paid" checked`, ">a.*</textarea>", `value="some" checked`)
	lacks(t, "the form", page, "HIDDEN", `name="secret"`)

	change := url.Values{
		"version": {"1"}, "url": {"https://b.example"}, "scope": {"all"}, "event": {"order.paid"}, "value:X-Keep": {""}, "value:X-Change": {"new"}, "remove": {"X-Remove", "X-None"},
		"header_name": {"X-Added"}, "header_value": {"added"}, "profile": {"calm"}, "secret": {"whsec_" + strings.Repeat("QUJD", 8)},
	}
	if to := s.post(owner, target, change); to != "../../endpoints/"+e.ID+"?done=saved" {
		t.Errorf("leads to %s", to)
	}
	now := s.endpoint(e.ID)
	if got := fmt.Sprintf("%v %s %v %s %d", map[string][]string(now.Headers), now.URL, now.EventTypes, now.Profile, now.Version); got != "map[X-Added:[added] X-Change:[new] X-Keep:[HIDDEN-1]] https://b.example [] calm 2" {
		t.Errorf("saved %s", got)
	}
	if now.Secrets[0] != e.Secrets[0] {
		t.Error("the form has changed the secret")
	}
	page = s.page("an old version", s.do(owner, http.MethodPost, target, change), http.StatusConflict)
	contains(t, "an old version", page, "Somebody else has changed the endpoint meanwhile", `name="version" value="2"`, `value="added"`)
	lacks(t, "an old version", page, "See what is marked", "HIDDEN")
	change.Set("version", "no number")
	s.page("no version", s.do(owner, http.MethodPost, target, change), http.StatusConflict)

	change.Set("version", "2")
	change.Set("url", "http://plain.example")
	change.Set("value:X-Keep", "typed again")
	change["remove"] = []string{"X-Change"}
	page = s.page("a fault", s.do(owner, http.MethodPost, target, change), http.StatusUnprocessableEntity)
	contains(t, "a fault", page, "See what is marked", `value="typed again"`, `name="remove" value="X-Change" checked`, `name="version" value="2"`)
	lacks(t, "a fault", page, "HIDDEN")

	// A profile that the host has chosen stays, until another one is chosen.
	now.Profile = "internal"
	if err := s.mem.PutEndpoint(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	contains(t, "the host's profile", s.get(owner, target, 200), `<option value="internal" selected>`)
	change.Set("url", "https://c.example")
	change.Set("version", "3")
	change.Set("profile", "internal")
	s.post(owner, target, change)
	change.Set("version", "4")
	change.Del("profile")
	s.post(owner, target, change)
	if p := s.endpoint(e.ID).Profile; p != "internal" {
		t.Errorf("profile %q", p)
	}
	page = s.page("too many", s.do(owner, http.MethodPost, "/endpoints", url.Values{"url": {"https://d.example"}}), http.StatusUnprocessableEntity)
	contains(t, "too many", page, "There are as many endpoints as there may be")
}

// TestRotateWithOneSignature promises no time to change over where there is none.
func TestRotateWithOneSignature(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(cfg *Config) {
		cfg.Sender.Profiles["calm"] = sender.Profile{Signing: signing.SHA256("X-Signature")}
	})
	at := "/endpoints/" + s.add(url.Values{"profile": {"calm"}}).ID
	page := s.get(owner, at+"/rotate", 200)
	contains(t, "rotate", page, "room for one signature", `name="overlap" value="0s"`)
	lacks(t, "rotate", page, "The old secret signs", "24 hours")
	rotated := s.send(owner, http.MethodPost, mount+"/api/v1"+at+"/rotate-secret", strings.NewReader(`{"overlap":"24h"}`), "application/json").Body.String()
	contains(t, "the API", rotated, `"secret":`)
	lacks(t, "the API", rotated, "old_secrets_until")
	lacks(t, "the page", s.get(owner, at, 200), "signs as well")
	reveal := s.page("reveal", s.do(owner, http.MethodPost, at+"/secret", nil), 200)
	contains(t, "reveal", reveal, "Old. It signs no longer.")
}

// TestDescriptionThatTurns is shown as what it is, and edited as it was typed.
func TestDescriptionThatTurns(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{"description": {"Sh\u202eop\nse\u2066cond"}})
	s.deliver("d", e.ID, func(*store.Delivery, *store.Event) {})
	for _, path := range []string{"/", "/endpoints/" + e.ID, "/endpoints/" + e.ID + "/delete", "/endpoints/" + e.ID + "/rotate", "/deliveries", "/deliveries/dlv_d"} {
		page := s.get(owner, path, 200)
		contains(t, path, page, "Sh\ufffdop")
		lacks(t, path, page, "\u202e", "\u2066")
	}
	contains(t, "the form", s.get(owner, "/endpoints/"+e.ID+"/edit", 200), "Sh\u202eop\nse\u2066cond</textarea>")
}

func TestSwitchDeleteRotateReveal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{"description": {"Shop"}})
	at := "/endpoints/" + e.ID
	if to := s.post(owner, at+"/disable", nil); to != "../../endpoints/"+e.ID+"?done=disabled" || !s.endpoint(e.ID).Disabled {
		t.Errorf("disable leads to %s", to)
	}
	page := s.get(owner, at+"?done=disabled", 200)
	contains(t, "disabled", page, "gets nothing until it is enabled", "what happens meanwhile is not kept for it", at[1:]+"/enable")
	lacks(t, "disabled", page, at[1:]+"/disable")
	s.post(owner, at+"/enable", nil)
	if now := s.endpoint(e.ID); now.Disabled || !now.DisabledAt.IsZero() {
		t.Errorf("%+v", now)
	}
	reveal := s.page("reveal", s.do(owner, http.MethodPost, at+"/secret", nil), 200)
	contains(t, "reveal", reveal, e.Secrets[0].Value)
	lacks(t, "the page", s.get(owner, at, 200), e.Secrets[0].Value)
	contains(t, "for a reader", s.get(asker{tenant: "alice", may: View}, at, 200), "You may not see it.")
	contains(t, "rotate", s.get(owner, at+"/rotate", 200), `value="24h" checked`, `value="0s"`)
	for _, overlap := range overlaps {
		before := s.endpoint(e.ID).Secrets
		s.post(owner, at+"/rotate", url.Values{"overlap": {overlap.Value}})
		after := s.endpoint(e.ID).Secrets
		length, _ := time.ParseDuration(overlap.Value)
		if after[0] == before[0] || !after[0].ExpiresAt.IsZero() {
			t.Errorf("%s: no new secret", overlap.Value)
		}
		if length == 0 && len(after) != 1 {
			t.Errorf("%s: %d secrets live on", overlap.Value, len(after)-1)
		}
		if length > 0 {
			if left := time.Until(after[1].ExpiresAt); after[1].Value != before[0].Value || left > length || left < length-time.Minute {
				t.Errorf("%s: the old secret ends in %s", overlap.Value, left)
			}
			contains(t, "two secrets", s.page("reveal", s.do(owner, http.MethodPost, at+"/secret", nil), 200), after[0].Value, after[1].Value, "It signs as well until")
			contains(t, "an old secret", s.get(owner, at, 200), "An old secret signs as well until")
		}
	}
	for _, overlap := range []string{"", "1", "-1h", "169h", "forever"} {
		page := s.page("overlap "+overlap, s.do(owner, http.MethodPost, at+"/rotate", url.Values{"overlap": {overlap}}), http.StatusBadRequest)
		contains(t, overlap, page, "must be a duration from 0s to 168h")
	}
	contains(t, "delete", s.get(owner, at+"/delete", 200), "Delete this endpoint?", "Shop")
	if to := s.post(owner, at+"/delete", nil); to != "../../?done=deleted" {
		t.Errorf("delete leads to %s", to)
	}
	s.get(owner, at, 404)
	lacks(t, "what is gone", s.get(owner, at+"?done=saved", 404), "The endpoint was saved")
	s.page("deleted twice", s.do(owner, http.MethodPost, at+"/delete", nil), 404)
	if to := s.do(owner, http.MethodGet, at+"/secret", nil).Header().Get("Location"); to != "../../endpoints/"+e.ID {
		t.Errorf("a reload leads to %s", to)
	}
}

func TestTestEvent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.add(url.Values{})
	page := s.page("test", s.do(owner, http.MethodPost, "/endpoints/"+e.ID+"/test", url.Values{"type": {"order.created"}}), 200)
	contains(t, "test", page, `class="result succeeded"`, "204 No Content", "<option selected>order.created</option>")
	id := regexp.MustCompile(`deliveries/(dlv_[^"]+)">All of it`).FindStringSubmatch(page)
	if id == nil {
		t.Fatal("no link to the delivery")
	}
	page = s.get(owner, "/deliveries/"+id[1], 200)
	contains(t, "its delivery", page, "(test)", "&#34;example&#34;: &#34;order&#34;", "--data-raw")
	lacks(t, "its delivery", page, id[1]+"/replay")
	if got := s.do(owner, http.MethodGet, "/deliveries/"+id[1]+"/payload", nil).Body.String(); got != `{"example":"order"}` {
		t.Errorf("payload %s", got)
	}
	contains(t, "a test replayed", s.page("a test replayed", s.do(owner, http.MethodPost, "/deliveries/"+id[1]+"/replay", nil), 400), "is a test")
	page = s.page("the usual type", s.do(owner, http.MethodPost, "/endpoints/"+e.ID+"/test", url.Values{"type": {""}}), 200)
	contains(t, "the usual type", page, `class="result succeeded"`)
	s.page("no type", s.do(owner, http.MethodPost, "/endpoints/"+e.ID+"/test", url.Values{"type": {"a b"}}), 400)
}

// lameStore fails, or is slow, in what it is told to.
type lameStore struct {
	store.Store

	fail, slow func(method string) bool
}

var errLame = errors.New("dial tcp 10.1.2.3:5432: password=hunter2")

func (l lameStore) try(ctx context.Context, method string) error {
	if l.slow != nil && l.slow(method) {
		<-ctx.Done()
		return ctx.Err()
	}
	if l.fail != nil && l.fail(method) {
		return errLame
	}
	return nil
}

func (l lameStore) GetEndpoint(ctx context.Context, tenant, id string) (store.Endpoint, error) {
	if err := l.try(ctx, "GetEndpoint"); err != nil {
		return store.Endpoint{}, err
	}
	return l.Store.GetEndpoint(ctx, tenant, id)
}

func (l lameStore) ListEndpoints(ctx context.Context, f store.EndpointFilter) (store.Page[store.Endpoint], error) {
	if err := l.try(ctx, "ListEndpoints"); err != nil {
		return store.Page[store.Endpoint]{}, err
	}
	return l.Store.ListEndpoints(ctx, f)
}

func (l lameStore) ListDeliveries(ctx context.Context, f store.DeliveryFilter) (store.Page[store.Delivery], error) {
	if err := l.try(ctx, "ListDeliveries"); err != nil {
		return store.Page[store.Delivery]{}, err
	}
	return l.Store.ListDeliveries(ctx, f)
}

func (l lameStore) GetDelivery(ctx context.Context, tenant, id string) (store.Delivery, error) {
	if err := l.try(ctx, "GetDelivery"); err != nil {
		return store.Delivery{}, err
	}
	return l.Store.GetDelivery(ctx, tenant, id)
}

func (l lameStore) GetEvent(ctx context.Context, tenant, id string) (store.Event, error) {
	if err := l.try(ctx, "GetEvent"); err != nil {
		return store.Event{}, err
	}
	return l.Store.GetEvent(ctx, tenant, id)
}

func (l lameStore) ListAttempts(ctx context.Context, f store.AttemptFilter) (store.Page[store.Attempt], error) {
	if err := l.try(ctx, "ListAttempts"); err != nil {
		return store.Page[store.Attempt]{}, err
	}
	return l.Store.ListAttempts(ctx, f)
}

func (l lameStore) Stats(ctx context.Context, f store.StatsFilter) ([]store.StatsBucket, error) {
	if err := l.try(ctx, "Stats"); err != nil {
		return nil, err
	}
	return store.Stats(ctx, l.Store, f)
}

// A Store that fails is answered with 503, logged once, and the client is told nothing
// of it.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for method, targets := range map[string][]string{
		"ListEndpoints":  {"/", "/deliveries", "/replays/new?failed=1"},
		"GetEndpoint":    {"/endpoints/ep_alice", "/endpoints/ep_alice/edit", "/deliveries", "/deliveries/dlv_alice", "/endpoints/ep_alice/delete", "/endpoints/ep_alice/rotate"},
		"ListDeliveries": {"/endpoints/ep_alice", "/deliveries"},
		"GetDelivery":    {"/deliveries/dlv_alice", "/deliveries/dlv_alice/payload"},
		"GetEvent":       {"/deliveries/dlv_alice", "/deliveries/dlv_alice/payload"},
		"ListAttempts":   {"/deliveries/dlv_alice", "/deliveries/dlv_alice/attempts/att_alice/body"},
	} {
		for _, target := range targets {
			s := newStage(t, func(c *Config) {
				c.Sender.Store = lameStore{Store: c.Sender.Store, fail: func(called string) bool { return called == method }}
			})
			s.plainly("alice")
			w := s.do(owner, http.MethodGet, target, nil)
			page := s.page(target, w, http.StatusServiceUnavailable)
			contains(t, target, page, "The database does not answer. Nothing is lost: try again.")
			lacks(t, target, page, "hunter2", "10.1.2.3", "alice&#39;s")
			if log := s.log.String(); strings.Count(log, "The store failed") != 1 || strings.Count(log, "hunter2") != 1 {
				t.Errorf("%s without %s: logged %s", target, method, log)
			}
			if w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", target)
			}
		}
	}
}

// Statistics that fail or do not come leave the rest of the page.
func TestPagesWithoutStatistics(t *testing.T) {
	t.Parallel()
	for name, lame := range map[string]lameStore{
		"failing": {fail: func(called string) bool { return called == "Stats" }},
		"slow":    {slow: func(called string) bool { return called == "Stats" }},
		"panicking": {fail: func(called string) bool {
			if called == "Stats" {
				panic(secretMark)
			}
			return false
		}},
	} {
		for _, target := range []string{"/", "/endpoints/ep_alice"} {
			t.Run(name+target, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, func(c *Config) {
					lame.Store = c.Sender.Store
					c.Sender.Store = lame
				})
				s.plainly("alice")
				for range 2 * statsAtOnce {
					s.add(url.Values{"description": {"one more"}})
				}
				began := time.Now()
				page := s.get(owner, target, 200)
				if took := time.Since(began); took > 2*statsTimeout {
					t.Errorf("it took %s", took)
				}
				contains(t, target, page, "alice&#39;s description")
				lacks(t, target, page, "No traffic", "No attempts", "Nothing was sent")
				if target == "/" {
					contains(t, target, page, "Not failing", "were not counted")
				} else {
					contains(t, target, page, "Statistics take too long", "Alice&#39;s disabled reason")
				}
				if strings.Contains(s.log.String(), secretMark) {
					t.Error("the value of a panic was logged")
				}
			})
		}
	}
}
