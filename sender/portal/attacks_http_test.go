package portal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// paths are addresses that a router, a proxy and a browser may understand each in
// its own way. None of them is a page, and none may get past Authorize.
var paths = []string{
	"//", "///", "//endpoints", "/endpoints//", "/endpoints/", "/endpoints", "/deliveries/", "/./", "/.", "/..", "/../", "/../../etc/passwd",
	"/deliveries/..", "/deliveries/../endpoints", "/deliveries/./x", "/endpoints/new/", "/endpoints/%2e%2e", "/endpoints/%2e%2e%2fdeliveries",
	"/endpoints/%2E%2E/edit", "/assets/../portal.go", "/assets/%2e%2e%2fportal.go", "/assets/..%2fportal.go", "/assets/..%5cportal.go",
	"/assets/portal.css", "/assets/", "/assets", "/assets/%00", "/endpoints/ep_alice%00", "/endpoints/%ff", "/endpoints/%0d%0aX-Evil:1", "/endpoints/ep_alice%0a",
	`/\evil.example`, `/endpoints\new`, "/%5cevil.example", "//evil.example", "//evil.example/..", "/%2f%2fevil.example", "/%2fendpoints", "/endpoints%2fnew",
	"/;/endpoints", "/endpoints;x", "/ENDPOINTS", "/Deliveries", "/index.html", "/api", "/api/", "/api/v1", "/api/../endpoints", "/api/v1/../../",
	"/templates/form.html", "/*", "/{$}", "/{id}", "/endpoints/{id}/nothing", "/@evil.example", "/https://evil.example", "/https:evil.example", "/.git/config",
}

// The attacker asks for addresses that are not quite those of the portal.
func TestAttackPaths(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plainly("alice")
	server := httptest.NewServer(s.handler)
	defer server.Close()
	for _, p := range append(paths, "/"+strings.Repeat("a", 8000), strings.Repeat("/", 8000), "/endpoints/"+strings.Repeat("%2f", 3000), "/endpoints/"+strings.Repeat("../", 2000)) {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			status, header, body := raw(t, server, method+" "+mount+p+" HTTP/1.1\r\nHost: portal.example\r\nX-Who: alice\r\nX-Rights: 15\r\nContent-Length: 0\r\n\r\n")
			ok := status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusBadRequest ||
				p == "/endpoints" && method == "POST" // which is one: an empty form
			if !ok || strings.Contains(body, "alice's") {
				t.Errorf("%s %.80q: %d", method, p, status)
			}
			if location := header.Get("Location"); location != "" || header.Get("X-Evil") != "" {
				t.Errorf("%s %.80q: Location %q", method, p, location)
			}
			if len(body) > 20_000 {
				t.Errorf("%s %.80q: an answer of %d bytes", method, p, len(body))
			}
		}
	}
}

// The attacker sends request lines and Host headers of other servers.
func TestAttackRequestLines(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plainly("alice")
	below, bare := httptest.NewServer(s.handler), httptest.NewServer(s.portal)
	defer below.Close()
	defer bare.Close()
	for _, line := range []string{
		"GET http://evil.example HTTP/1.1\r\nHost: evil.example", "GET http://evil.example/ HTTP/1.1\r\nHost: portal.example", "GET http://evil.example//x HTTP/1.1\r\nHost: a",
		"GET http://evil.example" + mount + " HTTP/1.1\r\nHost: portal.example", "GET //evil.example" + mount + " HTTP/1.1\r\nHost: portal.example",
		"GET " + mount + " HTTP/1.1\r\nHost: evil.example", "GET " + mount + "?x=//evil.example HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: evil.example",
		"GET " + mount + "# HTTP/1.1\r\nHost: a", "OPTIONS * HTTP/1.1\r\nHost: a", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443",
		"CONNECT / HTTP/1.1\r\nHost: a", "CONNECT //evil.example/ HTTP/1.1\r\nHost: a", "GET " + mount + "/ HTTP/1.1\r\nHost: evil.example\r\nX-Original-URL: /endpoints",
		"POST " + mount + "/endpoints HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-HTTP-Method-Override: DELETE",
		"GET " + mount + "/\\ HTTP/1.1\r\nHost: a", "GET " + mount + "/endpoints/ep_alice/secret HTTP/1.1\r\nHost: evil.example\r\nReferer: https://evil.example",
	} {
		for name, server := range map[string]*httptest.Server{"below a path": below, "at the root": bare} {
			status, header, body := raw(t, server, line+"\r\nX-Who: bob\r\nX-Rights: 15\r\n\r\n")
			if strings.Contains(header.Get("Location"), "evil") || strings.HasPrefix(header.Get("Location"), "/") || strings.Contains(body, "evil") {
				t.Errorf("%q %s: %d to %q", line, name, status, header.Get("Location"))
			}
			if status == http.StatusInternalServerError {
				t.Errorf("%q %s: 500", line, name)
			}
		}
	}
}

// raw sends a request as it is, and reads the answer.
func raw(t *testing.T, server *httptest.Server, request string) (status int, h http.Header, body string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	method, _, _ := strings.Cut(request, " ")
	if _, err := io.WriteString(conn, strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.100q: %v", request, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil && method != http.MethodConnect {
		t.Errorf("%.100q: %v", request, err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// Without the slash at the end of the mount relative links would lead beside the
// portal: the browser is sent on, and never to another host, whatever the mount.
func TestAttackMounts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, at := range []string{"/webhooks", "/a/b/webhooks", "//evil.example", "//evil.example/webhooks", `/\evil.example`, "/%5cevil.example", "/a:b", "/https:", "/%2f%2fevil.example", "/..;/x", "/x?y", "/x%3f", "/%0d%0aSet-Cookie:a=b"} {
		target, query := at, ""
		if before, after, ok := strings.Cut(at, "?"); ok {
			target, query = before, after
		}
		parsed, err := url.Parse("https://portal.example" + target)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RequestURI = at
		r.URL = &url.URL{Path: "", RawQuery: query} // as http.StripPrefix leaves it
		w := httptest.NewRecorder()
		s.portal.ServeHTTP(w, r)
		to, err := parsed.Parse(w.Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusMovedPermanently || to.Host != "portal.example" || to.Path != parsed.Path+"/" {
			t.Errorf("%s: %d to %q, which is %s; want %s/", at, w.Code, w.Header().Get("Location"), to, parsed)
		}
		if err := checkAnswer(http.MethodGet, mount, http.StatusOK, removed(w.Header(), "Location")); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func removed(h http.Header, name string) http.Header {
	h = h.Clone()
	h.Del(name)
	return h
}

// No answer is without its headers: pages, forms, files, assets, redirects, and
// errors of each kind. stage.send checks the headers themselves, here it is made sure
// that each kind has been among them.
func TestAttackHeadersOfAllAnswers(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) {
		c.Theme.Logo = []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	})
	alice := s.plainly("alice")
	seen := map[int]int{}
	ask := func(who asker, method, target string) {
		seen[s.do(who, method, target, fullForm()).Code]++
	}
	for _, who := range []asker{
		{tenant: "alice", may: All},
		{tenant: "bob", may: All},
		{tenant: "alice"},
		{},
		{tenant: "*", may: All},
		{tenant: "alice", may: All, header: map[string]string{"Sec-Fetch-Site": "cross-site"}},
	} {
		for _, r := range sortedRoutes(s.everyRoute()) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"} {
				if method == "DELETE" && r.isAPI() || strings.HasSuffix(r.path, "/delete") && method == "POST" {
					continue
				}
				ask(who, method, r.of(alice))
			}
		}
		ask(who, "GET", "/nothing")
		ask(who, "GET", "")
		ask(who, "GET", "/deliveries?state=no")
		for name := range s.portal.look.assets {
			ask(who, "GET", "/assets/"+name)
			ask(who, "HEAD", "/assets/"+name)
		}
	}
	for _, status := range []int{200, 301, 303, 400, 401, 403, 404, 405, 503} {
		if seen[status] == 0 {
			t.Errorf("no answer was a %d: %v", status, seen)
		}
	}
}

// What is no method of an address is refused with those that are.
func TestAttackMethods(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	had := s.dump("alice")
	allowed := map[string]map[string]bool{}
	for _, r := range s.everyRoute() {
		if allowed[r.path] == nil {
			allowed[r.path] = map[string]bool{}
		}
		allowed[r.path][r.method] = true
		if r.method == http.MethodGet {
			allowed[r.path][http.MethodHead] = true
		}
	}
	for _, r := range s.everyRoute() {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "LINK"} {
			if allowed[r.path][method] {
				continue
			}
			w := s.do(asker{tenant: "alice", may: All}, method, r.of(alice), fullForm())
			if w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Header().Get("Allow"), r.method) {
				t.Errorf("%s %s: %d, Allow %q, want 405 and %s", method, r.path, w.Code, w.Header().Get("Allow"), r.method)
			}
		}
	}
	s.same("methods", "alice", had)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	status, header, body := raw(t, server, "HEAD "+mount+"/ HTTP/1.1\r\nHost: a\r\nX-Who: alice\r\nX-Rights: 15\r\n\r\n")
	if status != http.StatusOK || body != "" || header.Get("Content-Security-Policy") != pagePolicy {
		t.Errorf("HEAD: %d with %q", status, body)
	}
}

// The attacker is heavy: bodies and queries without end, and forms that are none.
func TestAttackSizesAndEncodings(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	had := s.dump("alice")
	who := asker{tenant: "alice", may: All}
	huge := "version=1&url=" + strings.Repeat("a", maxBody)
	var many bytes.Buffer
	parts := multipart.NewWriter(&many)
	_ = parts.WriteField("url", "https://new.example")
	_ = parts.Close()
	for name, c := range map[string]struct {
		body, contentType string
		chunked           bool
		status            int
	}{
		"too long":               {huge, "application/x-www-form-urlencoded", false, 413},
		"too long, in chunks":    {huge, "application/x-www-form-urlencoded", true, 413},
		"many fields":            {strings.Repeat("a=&", 200_000), "application/x-www-form-urlencoded", false, 413},
		"a percent alone":        {"version=1&url=%", "application/x-www-form-urlencoded", false, 400},
		"a percent and letters":  {"version=1&url=%zz", "application/x-www-form-urlencoded", false, 400},
		"a semicolon":            {"version=1;url=x", "application/x-www-form-urlencoded", false, 400},
		"no UTF-8":               {"version=1&description=%ff%fe&url=https://a.example", "application/x-www-form-urlencoded", false, 400},
		"a NUL":                  {"version=1&description=a%00&url=https://a.example", "application/x-www-form-urlencoded", false, 400},
		"multipart":              {many.String(), parts.FormDataContentType(), false, 0},
		"half a multipart":       {many.String()[:40], parts.FormDataContentType(), false, 0},
		"JSON":                   {`{"url":"https://a.example"}`, "application/json", false, 0},
		"text":                   {"version=1\r\nurl=https://a.example", "text/plain", false, 0},
		"no content type":        {"version=1&url=https://a.example", "", false, 0},
		"a content type of junk": {"version=1&url=https://a.example", ";;;\"", false, 0},
	} {
		for _, target := range []string{"/endpoints", "/endpoints/" + alice.endpoint + "/edit", "/endpoints/" + alice.endpoint + "/rotate", "/replays"} {
			var body io.Reader = strings.NewReader(c.body)
			if c.chunked {
				body = io.MultiReader(body) // of no known length
			}
			w := s.send(who, http.MethodPost, mount+target, body, c.contentType)
			if w.Code != c.status && c.status != 0 || w.Code < 400 {
				t.Errorf("%s to %s: %d, want %d", name, target, w.Code, c.status)
			}
		}
	}
	s.same("sizes", "alice", had)
	fields := url.Values{"version": {"1"}, "url": {"https://a.example"}}
	for i := range 1000 {
		fields.Add("header_name", fmt.Sprint("X-", i))
		fields.Add("header_value", "x")
		fields.Add("event", fmt.Sprint("e", i))
		fields.Add(fmt.Sprint("field", i), "x")
	}
	fields.Set("scope", "some")
	page := s.page("a thousand headers", s.do(who, http.MethodPost, "/endpoints", fields), http.StatusUnprocessableEntity)
	if !strings.Contains(page, "at most 50") || !strings.Contains(page, "at most 100") {
		t.Error("a thousand headers: the bounds are not said")
	}
	for _, query := range []string{
		strings.Repeat("a=b&", 20_000), "state=" + strings.Repeat("a", 100_000), "%", "a;b", "cursor=%00", "cursor=%ff", "cursor=AAAA",
		"cursor=" + strings.Repeat("A", 50_000), "state=failed&state=no", "since=9999-99-99T99:99", "since=-1", "until=0000-01-01T00:00",
		"event=%00", "endpoint=%ff", "range=../../x", "done=created",
	} {
		for _, r := range s.everyRoute() {
			if r.method != http.MethodGet {
				continue
			}
			w := s.do(who, http.MethodGet, r.of(alice)+"?"+query, nil)
			if w.Code >= 500 {
				t.Errorf("%s?%.40s: %d %s", r.path, query, w.Code, w.Body)
			}
		}
	}
}

// The attacker reads what errors say.
func TestAttackErrorsTellNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	alice := s.plainly("alice")
	inner := regexp.MustCompile(`Config\.|store\.|sender\.|goroutine|\.go:|memstore|0x[0-9a-f]{6}|invalid filter`)
	for _, r := range sortedRoutes(s.everyRoute()) {
		for _, form := range []url.Values{nil, {"url": {"http://127.0.0.1:1"}, "profile": {"internal"}, "type": {"x y"}, "overlap": {"1"}, "since": {"x"}, "version": {"1"}}} {
			w := s.do(asker{tenant: "alice", may: All}, r.method, r.of(alice)+"?cursor=x", form)
			if found := inner.FindString(w.Body.String()); found != "" {
				t.Errorf("%s: %d tells %q", r.pattern, w.Code, found)
			}
		}
	}
}

// The attacker reads the log: none of what is stored gets there.
func TestAttackLogHasNoPayloads(t *testing.T) {
	t.Parallel()
	var log stageLog
	s := newStage(t, func(c *Config) {
		c.Sender.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	alice := s.alices()
	for _, r := range sortedRoutes(s.everyRoute()) {
		s.ask(asker{tenant: "alice", may: All}, r, alice)
	}
	if text := log.String(); strings.Contains(text, secretMark) {
		t.Errorf("logged: %s", text)
	}
}

// A client that goes away in the middle of a request is no fault of the Store.
func TestAttackGivenUp(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plainly("alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, mount+"/", nil)
	r.Header.Set("X-Who", "alice")
	r.Header.Set("X-Rights", "15")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if log := s.log.String(); w.Code != http.StatusServiceUnavailable || strings.Contains(log, "The store failed") {
		t.Errorf("%d, logged %q", w.Code, log)
	}
}
