package portal

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// shown is what a browser would show of an answer.
func shown(w *httptest.ResponseRecorder) string { return html.UnescapeString(w.Body.String()) }

const secretMark = "TOP-SECRET-OF-ALICE"

// alices furnishes alice with a mark in each text, which nobody else may ever see.
func (s *stage) alices() belongings {
	return s.furnish("alice", func(kind string) string { return kind + "alice" }, func(field string) string {
		if text := plainText(secretMark)(field); field == "event type" || field == "pattern" || strings.Contains(text, secretMark) {
			return text
		}
		return secretMark
	})
}

// The attacker is logged in, and wants what another tenant has: it puts the ids of
// the other wherever an id belongs.
func TestAttackIDsOfOthers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.alices()
	for _, tenant := range []string{"mallory", "Alice", "alice ", "alice%", "%", "_lice", "alice' OR '1'='1", "../alice", "alice/"} {
		mallory := asker{tenant: tenant, may: All}
		own := s.furnish(tenant, func(kind string) string { return kind + "m" }, plainText("mallory"))
		aliceHad, malloryHad := s.dump("alice"), s.dump(tenant)
		tried := 0
		for _, r := range s.everyRoute() {
			if !strings.Contains(r.path, "{id}") {
				continue
			}
			for _, id := range []string{alice.endpoint, alice.delivery, alice.canceled, alice.attempt, alice.event, alice.replay} {
				for _, attempt := range []string{alice.attempt, own.attempt} {
					tried++
					target := belongings{endpoint: id, delivery: id, event: id, replay: id, attempt: attempt}
					w := s.ask(mallory, r, target)
					if w.Code == http.StatusSeeOther && r.method == http.MethodGet { // back to the endpoint, whether there is one or not
						w = s.do(mallory, http.MethodGet, "/endpoints/"+id, nil)
					}
					if w.Code != http.StatusNotFound {
						t.Errorf("%s of %s for %s: %d, want 404", r.pattern, id, tenant, w.Code)
					}
					if strings.Contains(shown(w), secretMark) {
						t.Errorf("%s of %s for %s shows what is alice's", r.pattern, id, tenant)
					}
				}
			}
			if strings.Contains(r.path, "{attempt}") { // of the attacker's own delivery
				if w := s.ask(mallory, r, belongings{delivery: own.delivery, attempt: alice.attempt}); w.Code != http.StatusNotFound {
					t.Errorf("%s of alice's attempt under an own delivery: %d", r.pattern, w.Code)
				}
			}
		}
		if tried < 200 {
			t.Errorf("%d requests, want more", tried)
		}
		s.same("ids of others", "alice", aliceHad)
		s.same("ids of others", tenant, malloryHad)
	}
}

// The attacker wants the other's rows in its own lists: with the other's cursors and
// with filters that name what is the other's.
func TestAttackListsOfOthers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.alices()
	had := s.dump("alice")
	mallory := asker{tenant: "mallory", may: All}
	later := store.Position{Time: time.Now().Add(time.Hour), ID: "zzz"}.Cursor()
	ctx := t.Context()
	deliveries, err := s.mem.ListDeliveries(ctx, store.DeliveryFilter{Tenant: "alice", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	cursors := []string{"", later, deliveries.Next}
	for _, r := range s.everyRoute() {
		if r.method != http.MethodGet || strings.Contains(r.path, "{") {
			continue
		}
		for _, cursor := range cursors {
			for _, filter := range []url.Values{
				{"endpoint": {alice.endpoint}},
				{"event": {"order.created"}},
				{"event_type": {"order.created"}},
				{"event": {alice.event}},
				{"state": {"failed"}},
				{"failed": {"1"}, "canceled": {"1"}},
				{"tenant": {"alice"}},
				{"tenant": {"*"}},
				{},
			} {
				if cursor != "" {
					filter.Set("cursor", cursor)
				}
				w := s.do(mallory, r.method, r.path+"?"+filter.Encode(), nil)
				if strings.Contains(shown(w), secretMark) || strings.Contains(shown(w), alice.delivery) || strings.Contains(shown(w), alice.replay) {
					t.Errorf("%s?%s shows what is alice's", r.path, filter.Encode())
				}
			}
		}
	}
	// A replay of the other's deliveries finds none, and a form cannot name a tenant.
	form := fullForm()
	form.Set("endpoint", alice.endpoint)
	to := s.post(mallory, "/replays", form)
	r, err := s.mem.GetReplay(ctx, "mallory", strings.TrimPrefix(to, "./replays/"))
	if err != nil || r.Total != 0 {
		t.Errorf("replay %+v, %v", r, err)
	}
	s.post(mallory, "/endpoints", fullForm())
	if page, err := s.mem.ListEndpoints(ctx, store.EndpointFilter{Tenant: "mallory"}); err != nil || len(page.Items) != 1 || page.Items[0].ID == alice.endpoint {
		t.Errorf("%+v, %v", page, err)
	}
	s.same("lists", "alice", had)
}

// The attacker may look, and wants to do more: each route refuses everybody who
// lacks one of its permissions, and does nothing.
func TestAttackWithoutPermission(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	had := s.dump("alice")
	for _, r := range s.everyRoute() {
		if r.needs == 0 && !r.open {
			t.Errorf("%s needs nothing", r.pattern)
		}
		if r.method != http.MethodGet && r.needs&^View == 0 {
			t.Errorf("%s changes something and needs View alone", r.pattern)
		}
		for may := range All + 1 {
			if r.open || may&r.needs == r.needs {
				continue
			}
			if w := s.ask(asker{tenant: "alice", may: may}, r, alice); w.Code != http.StatusForbidden || strings.Contains(shown(w), "alice") {
				t.Errorf("%s with %04b: %d, want 403 and nothing of alice", r.pattern, may, w.Code)
			}
		}
		if r.open {
			continue
		}
		if w := s.ask(asker{}, r, alice); w.Code != http.StatusUnauthorized || strings.Contains(shown(w), "alice") {
			t.Errorf("%s of nobody: %d, want 401", r.pattern, w.Code)
		}
	}
	s.same("without permission", "alice", had)
	for _, r := range sortedRoutes(s.everyRoute()) {
		for may := range All + 1 {
			if may&r.needs == r.needs {
				if w := s.ask(asker{tenant: "alice", may: may}, r, alice); w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
					t.Errorf("%s with %04b: %d", r.pattern, may, w.Code)
				}
			}
		}
	}
	for pattern, want := range map[string]Permission{
		"POST /endpoints/{id}/secret": View | Secrets, "POST /endpoints/{id}/rotate": View | Manage, "POST /endpoints": View | Manage,
		"POST /endpoints/{id}/test": View | Manage, "POST /deliveries/{id}/replay": View | Replay, "POST /replays": View | Replay,
	} {
		i := slices.IndexFunc(s.everyRoute(), func(r stageRoute) bool { return r.pattern == pattern })
		if i < 0 || s.everyRoute()[i].needs != want {
			t.Errorf("%s needs not %04b", pattern, want)
		}
	}
}

// The attacker may do all but see secrets, and looks for them everywhere.
func TestAttackSecretsWithoutPermission(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.furnish("alice", func(kind string) string { return kind + "alice" }, func(field string) string {
		if field == "secret" || field == "header value" {
			return "HIDDEN-" + strings.ToUpper(field)
		}
		return plainText("alice")(field)
	})
	for _, may := range []Permission{View, View | Manage, View | Replay, View | Manage | Replay} {
		for _, r := range sortedRoutes(s.everyRoute()) {
			if strings.Contains(r.pattern, "delete") || r.method == http.MethodDelete {
				continue // there would be nothing left to look for
			}
			if w := s.ask(asker{tenant: "alice", may: may}, r, alice); strings.Contains(shown(w), "HIDDEN-") {
				t.Errorf("%s with %04b shows a secret or the value of a header", r.pattern, may)
			}
		}
	}
	// With the permission one page shows the secret, after a form only, and none the header.
	w := s.do(asker{tenant: "alice", may: View | Secrets}, http.MethodPost, "/endpoints/"+alice.endpoint+"/secret", nil)
	e, err := s.mem.GetEndpoint(t.Context(), "alice", alice.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if body := shown(w); w.Code != http.StatusOK || !strings.Contains(body, e.Secrets[0].Value) || strings.Contains(body, "HIDDEN-HEADER") {
		t.Errorf("reveal: %d", w.Code)
	}
	for _, r := range s.everyRoute() {
		if r.method == http.MethodGet && !r.isAPI() {
			if w := s.ask(asker{tenant: "alice", may: All}, r, alice); strings.Contains(shown(w), e.Secrets[0].Value) || strings.Contains(shown(w), "HIDDEN-") {
				t.Errorf("%s shows a secret to whoever follows a link", r.pattern)
			}
		}
	}
	if strings.Contains(s.log.String(), "HIDDEN-") {
		t.Error("the log has a secret")
	}
}

// Credentials in an endpoint's URL are for those who manage it.
func TestAttackCredentialsInURL(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.furnish("alice", func(kind string) string { return kind + "alice" }, func(field string) string {
		if field == "url" {
			return "https://user:PASSWORD@a.example/hook?token=TOKEN"
		}
		if field == "description" {
			return ""
		}
		return plainText("alice")(field)
	})
	for _, r := range s.everyRoute() {
		if r.method != http.MethodGet {
			continue
		}
		body := shown(s.ask(asker{tenant: "alice", may: View | Secrets | Replay}, r, alice))
		if strings.Contains(body, "PASSWORD") || strings.Contains(body, "TOKEN") {
			t.Errorf("%s shows the credentials of a URL", r.pattern)
		}
	}
}

// Authorize has failed, and the attacker hopes that the door is open then.
func TestAttackAuthorizeFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		authorize func(*http.Request) (Access, error)
		status    int
	}{
		"an error beside an Access": {func(*http.Request) (Access, error) { return Access{"alice", "alice", All}, http.ErrServerClosed }, 503},
		"nobody beside an Access":   {func(*http.Request) (Access, error) { return Access{"alice", "alice", All}, ErrUnauthenticated }, 401},
		"no tenant":                 {func(*http.Request) (Access, error) { return Access{"", "alice", All}, nil }, 503},
		"all tenants":               {func(*http.Request) (Access, error) { return Access{store.AllTenants, "alice", All}, nil }, 503},
		"a newline in the tenant":   {func(*http.Request) (Access, error) { return Access{"alice\n", "alice", All}, nil }, 503},
		"a NUL in the tenant":       {func(*http.Request) (Access, error) { return Access{"alice\x00", "alice", All}, nil }, 503},
		"no UTF-8 in the tenant":    {func(*http.Request) (Access, error) { return Access{"alice\xff", "alice", All}, nil }, 503},
		"a tenant without end":      {func(*http.Request) (Access, error) { return Access{strings.Repeat("alice", 100), "", All}, nil }, 503},
		"nothing at all":            {func(*http.Request) (Access, error) { return Access{}, nil }, 503},
		"a tenant without rights":   {func(*http.Request) (Access, error) { return Access{Tenant: "alice", Name: "alice"}, nil }, 403},
		"rights that do not exist":  {func(*http.Request) (Access, error) { return Access{"alice", "alice", ^All}, nil }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c2 *Config) { c2.Authorize = c.authorize })
			alice := s.plainly("alice")
			had := s.dump("alice")
			for _, r := range s.everyRoute() {
				if r.open {
					continue
				}
				w := s.ask(asker{}, r, alice)
				if w.Code != c.status || strings.Contains(shown(w), "alice") {
					t.Errorf("%s: %d, want %d and nothing of alice", r.pattern, w.Code, c.status)
				}
			}
			s.same(name, "alice", had)
		})
	}
}

// Authorize panics with what belongs in no log and no answer.
func TestAttackAuthorizePanics(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Authorize = func(*http.Request) (Access, error) { panic("password=" + secretMark) } })
	alice := s.plainly("alice")
	had := s.dump("alice")
	for _, r := range s.everyRoute() {
		if r.open {
			continue
		}
		code, body := s.panics(r, alice)
		if code != http.StatusInternalServerError || strings.Contains(body, secretMark) || strings.Contains(body, "alice") {
			t.Errorf("%s: %d %s", r.pattern, code, body)
		}
	}
	s.same("panics", "alice", had)
	if log := s.log.String(); strings.Contains(log, secretMark) || !strings.Contains(log, "Recovered from a panic") {
		t.Errorf("log: %.500s", log)
	}
}

// The attacker has a page of another site that the victim opens, with the victim's
// cookies on each request that the page makes.
func TestAttackCrossSite(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	had := s.dump("alice")
	for name, header := range map[string]map[string]string{
		"another site":           {"Sec-Fetch-Site": "cross-site"},
		"another host of a site": {"Sec-Fetch-Site": "same-site"},
		"what is not known":      {"Sec-Fetch-Site": "evil"},
		"an origin":              {"Origin": "https://evil.example"},
		"an origin like ours":    {"Origin": "https://example.com.evil.example"},
		"no origin to tell":      {"Origin": "null"},
		"another port":           {"Origin": "https://example.com:8443"},
		"an origin that lies":    {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"},
	} {
		for _, r := range s.everyRoute() {
			if r.method == http.MethodGet {
				continue
			}
			w := s.ask(asker{tenant: "alice", may: All, header: header}, r, alice)
			if w.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d, want 403", r.pattern, name, w.Code)
			}
		}
	}
	s.same("other sites", "alice", had)
	for _, header := range []map[string]string{
		{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://example.com"}, {},
	} {
		w := s.do(asker{tenant: "alice", may: All, header: header}, http.MethodPost, "/endpoints", fullForm())
		if w.Code != http.StatusSeeOther {
			t.Errorf("a form of the portal's own, %v: %d", header, w.Code)
		}
	}
}

// A link, a picture and a browser that loads ahead make GET requests: none of them
// changes anything.
func TestAttackByLink(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	had := s.dump("alice")
	for _, r := range s.everyRoute() {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			who := asker{tenant: "alice", may: All, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}
			w := s.do(who, method, r.of(alice)+"?"+fullForm().Encode(), nil)
			if method == http.MethodOptions && w.Code != http.StatusMethodNotAllowed {
				t.Errorf("OPTIONS %s: %d", r.path, w.Code)
			}
		}
	}
	s.same("GET", "alice", had)
}
