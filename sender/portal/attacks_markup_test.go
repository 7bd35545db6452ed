package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender"
)

// injections are what an attacker writes wherever a text is kept, so that it runs in
// the browser of whoever reads it.
var injections = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`" autofocus onfocus="alert(1)`,
	`</textarea></title></pre></code></script><svg/onload=alert(1)>`,
	`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
	"{\"a\":\"</script><script>alert(1)</script>\u2028<!--\"}",
	`<!--<base href="https://evil.example/">-->]]><![CDATA[`,
	`javascript:alert(1)`,
	` javascript:alert(1)`,
	"java\tscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`//evil.example/x`,
	`https://evil.example/"onclick="alert(1)`,
	`{{.Name}}{{template "layout" .}}${alert(1)}`,
	`&lt;script&gt;alert(1)&lt;/script&gt;&#x3c;b&#x3e;`,
	"<\x00script>alert(1)</script>\xff<b>",
	"`;alert(1)//",
	"\u202e<b>\u2066abc\x1b[2J",
}

// The attacker is a customer, a receiving server or whoever causes events, and writes
// markup into all that is stored. No page has an element, an attribute or an address
// that is not of its template.
func TestAttackMarkupInRecords(t *testing.T) {
	t.Parallel()
	for i, text := range injections {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c *Config) {
				c.Sender.Events = []sender.EventType{{
					Name: "order.created", Group: strings.Map(printable, text), Description: strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", ""),
					Example: toJSON(t, text), Schema: toJSON(t, map[string]string{text: text}),
				}}
				c.Theme = Theme{Title: strings.ToValidUTF8(text, ""), HomeURL: "/home"}
			})
			kept := s.furnish("alice", func(kind string) string { return kind + idOf(text) }, func(field string) string {
				if field == "disabled reason" { // with others an endpoint cannot be changed
					return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
				}
				return text
			})
			who := asker{tenant: "alice", name: text, may: All}
			for _, r := range sortedRoutes(s.everyRoute()) {
				if r.isAPI() || r.open || strings.Contains(r.pattern, "POST /endpoints/{id}/delete") {
					continue
				}
				w := s.ask(who, r, kept)
				s.injected(r.pattern, w.Code, w.Header(), w.Body.String(), text)
				if r.method == http.MethodGet && strings.Contains(r.path, "{id}") && w.Code != http.StatusOK && w.Code != http.StatusSeeOther {
					t.Errorf("%s of what is stored: %d", r.pattern, w.Code)
				}
			}
			w := s.do(who, http.MethodGet, "/deliveries/"+url.PathEscape(kept.canceled), nil)
			s.injected("canceled delivery", w.Code, w.Header(), w.Body.String(), text)
		})
	}
}

// injected reads an answer as markup, if it is, and makes sure that nothing else is
// taken for markup.
func (s *stage) injected(what string, status int, h http.Header, body, text string) {
	s.t.Helper()
	switch contentType := h.Get("Content-Type"); {
	case contentType == "text/html; charset=utf-8":
		if err := checkMarkup(body); err != nil {
			s.t.Errorf("%s, %d, with %q: %v", what, status, text, err)
		}
	case contentType != "application/octet-stream" && body != "":
		s.t.Errorf("%s: Content-Type %q", what, contentType)
	}
}

func printable(r rune) rune {
	if unprintable(r) {
		return -1
	}
	return r
}

// idOf is the text as far as an id of the host may have it.
func idOf(text string) string {
	id := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '.' {
			return -1
		}
		return r
	}, text)
	return strings.Trim(strings.ReplaceAll(id, "//", "/"), "/")
}

func toJSON(t *testing.T, value any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if text[0] == '"' { // as strangers write it: without escapes of < and >
		text = []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028").Replace(string(text)))
	}
	return text
}

// The attacker has the victim follow a link with markup in it.
func TestAttackMarkupInAddresses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	who := asker{tenant: "alice", may: All}
	for i, text := range injections {
		for _, r := range s.everyRoute() {
			if r.method != http.MethodGet || r.isAPI() || r.open {
				continue
			}
			q := url.Values{}
			for _, name := range []string{"state", "event", "event_id", "endpoint", "since", "until", "cursor", "done", "range", "failed", "canceled", text} {
				q.Set(name, text)
			}
			w := s.do(who, http.MethodGet, r.of(alice)+"?"+q.Encode(), nil)
			s.injected(r.pattern, w.Code, w.Header(), w.Body.String(), text)
			for name := range q { // alone, so that no other parameter is refused before
				if i > 2 {
					break
				}
				w := s.do(who, http.MethodGet, r.of(alice)+"?"+url.Values{name: {text}}.Encode(), nil)
				s.injected(r.pattern+" "+name, w.Code, w.Header(), w.Body.String(), text)
			}
			mark := belongings{text, text, text, text, text, text}
			w = s.do(who, http.MethodGet, r.of(mark), nil)
			s.injected(r.pattern+" id", w.Code, w.Header(), w.Body.String(), text)
		}
	}
}

// The attacker has the victim send a form with markup in it, which is shown again.
func TestAttackMarkupInForms(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	who := asker{tenant: "alice", may: All}
	for _, text := range injections {
		form := url.Values{
			"version": {"1"}, "url": {text}, "description": {text}, "scope": {"some", text}, "event": {text}, "patterns": {text},
			"profile": {text}, "timeout": {text}, "per_second": {text}, "burst": {text}, "secret": {text}, "header_name": {text, text, text, text},
			"header_value": {text, text, text, text}, "value:X-alice": {text}, "remove": {text}, "overlap": {text}, "type": {text}, "endpoint": {text},
			"since": {text}, "until": {text}, text: {text},
		}
		for _, r := range s.everyRoute() {
			if r.method == http.MethodGet || r.isAPI() || strings.HasSuffix(r.path, "delete") {
				continue
			}
			w := s.do(who, r.method, r.of(alice), form)
			s.injected(r.pattern, w.Code, w.Header(), w.Body.String(), text)
			if hasForm := r.path == "/endpoints" || strings.HasSuffix(r.path, "/edit"); hasForm && w.Code < 400 {
				t.Errorf("%s takes %q: %d", r.pattern, text, w.Code)
			}
		}
	}
}

// The host's own texts are faults of its Config, not holes: names that would need
// escaping are refused, and the rest is escaped as everything is.
func TestAttackMarkupInConfig(t *testing.T) {
	t.Parallel()
	for _, text := range injections {
		cfg := newStage(t).portal.cfg
		cfg.Sender.Profiles = map[string]sender.Profile{text: {}}
		cfg.Profiles = []string{text}
		if _, err := New(cfg); err == nil {
			t.Errorf("New takes the profile %q", text)
		}
		cfg = newStage(t).portal.cfg
		cfg.Sender.Events = []sender.EventType{{Name: text}}
		if _, err := New(cfg); err == nil {
			t.Errorf("New takes the event %q", text)
		}
		cfg = newStage(t).portal.cfg
		cfg.Theme = Theme{Accent: text, Scheme: text, Logo: []byte("no picture")}
		if _, err := New(cfg); err == nil {
			t.Errorf("New takes the colour %q", text)
		}
	}
}

// The attacker turns the text of what all see of an endpoint around, or hides a part of
// it from a terminal that it is copied to. Only inputs have it as it is.
func TestAttackTurnedText(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := asker{tenant: "alice", name: "ali\u202ece", may: All}
	const turned = "order\u202egpj.\u2066exe\x1b[8m"
	for _, form := range []url.Values{
		{"url": {"https://a.example/hook"}, "description": {turned + "\n" + turned}},
		{"url": {"https://a.example/\u202egpj.exe"}},
	} {
		location := s.post(who, "/endpoints", form)
		page, _, _ := strings.Cut(strings.TrimPrefix(location, "."), "?")
		for _, target := range []string{"/", page, page + "/edit", page + "/delete", page + "/rotate", "/deliveries?endpoint=x%E2%80%AEy", "/replays"} {
			body := s.get(who, target, http.StatusOK)
			body = regexp.MustCompile(`(?s)<textarea.*?</textarea>| value="[^"]*"`).ReplaceAllString(body, "")
			if i := strings.IndexAny(body, "\u202e\u2066\x1b"); i >= 0 {
				t.Errorf("%s has %q", target, body[max(i-80, 0):min(i+20, len(body))])
			}
		}
	}
}
