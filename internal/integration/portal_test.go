package integration_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/portal"
	"github.com/outhook/outhook/sender/senderdev"
)

// portalCall asks the portal for somebody of the tenant, and returns the answer.
func portalCall(h http.Handler, tenant, method, path, body string) (status int, answer string) {
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Tenant", tenant)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// What customers ask for, sense or not, is no error of a database, and nothing of
// one tenant is there for another.
func TestPortalOnDatabases(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, _ := d.fresh(t)
		env, err := senderdev.StartWith(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = env.Close() })
		var log bytes.Buffer
		env.Config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		h, err := portal.New(portal.Config{Sender: env.Config, Authorize: func(r *http.Request) (portal.Access, error) {
			return portal.Access{Tenant: r.Header.Get("X-Tenant"), May: portal.All}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		ids := seedPortal(t, h, env.Config)
		forged := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
		cursors := []string{"nonsense", forged("17"), forged("17 a\x00b"), forged("17 \xff"), forged("9223372036854775807 a"), forged("-9223372036854775808 a")}
		for _, list := range []string{"/endpoints", "/deliveries", "/deliveries/" + ids[1] + "/attempts", "/replays"} {
			for _, cursor := range cursors {
				if status, answer := portalCall(h, "acme", "GET", list+"?cursor="+cursor, ""); status != 200 && status != 400 {
					t.Errorf("%s with the cursor %q: %d %s", list, cursor, status, answer)
				}
			}
		}
		for path, want := range map[string]int{
			"/deliveries?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z&state=pending,failed": 200,
			"/deliveries?event='%20OR%201=1%20--&event_type=%F0%9F%92%A9":                            200,
			"/replays/preview?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z":                 200,
			"/stats?since=1800-01-01T00:00:00Z&until=2000-01-01T00:00:00Z":                           200,
			"/stats?since=9990-01-01T00:00:00Z&until=9999-12-31T23:00:00Z&bucket=2400h":              200,
			"/stats?since=9990-01-01T00:00:00Z&until=9999-12-31T23:59:59Z&bucket=2400h":              400, // no whole hour
			"/endpoints/x';DROP%20TABLE%20outhook_endpoints;--":                                      404,
			"/endpoints/%F0%9F%92%A9":                404,
			"/replays/" + strings.Repeat("x", 5_000): 404,
		} {
			if status, answer := portalCall(h, "acme", "GET", path, ""); status != want {
				t.Errorf("%.100s: %d %s, want %d", path, status, answer, want)
			}
		}
		for body, want := range map[string]int{
			`{"endpoint_id":"a\u0000b"}`:                                              400,
			`{"endpoint_id":"` + strings.Repeat("x", 5_000) + `"}`:                    400,
			`{"endpoint_id":"ep_💩"}`:                                                  202,
			`{"endpoint_id":"ep_1"}`:                                                  202,
			`{"since":"0000-01-01T00:00:00Z"}`:                                        400,
			`{"since":"0001-01-01T00:00:00+14:00"}`:                                   400,
			`{"since":"9999-12-31T23:59:59-12:00"}`:                                   400,
			`{"since":"9999-12-31T23:59:59Z"}`:                                        202,
			`{"until":"9999-12-31T23:59:59-12:00"}`:                                   400,
			`{"since":"0001-01-02T00:00:00Z","states":["failed","failed","pending"]}`: 202,
		} {
			status, answer := portalCall(h, "acme", "POST", "/replays", body)
			if status != want {
				t.Errorf("%.100s: %d %s, want %d", body, status, answer, want)
			}
			if status == http.StatusAccepted { // only so many may run
				id := strings.Split(answer, `"`)[3]
				if status, answer := portalCall(h, "acme", "POST", "/replays/"+id+"/cancel", ""); status != http.StatusOK {
					t.Errorf("cancel %.100s: %d %s", body, status, answer)
				}
			}
		}
		before := portalShows(h, ids)
		for _, tenant := range []string{"Acme", "acme ", "x' OR '1'='1", "äcme", "%"} {
			checkStranger(t, h, tenant, ids)
		}
		if after := portalShows(h, ids); after != before {
			t.Errorf("another tenant has changed something:\n%s\nwas\n%s", after, before)
		}
		if strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("log:\n%.3000s", log.String())
		}
	})
}

// seedPortal makes an endpoint, a delivery and a replay of acme, and returns their ids.
func seedPortal(t *testing.T, h http.Handler, cfg sender.Config) []string {
	t.Helper()
	create := func(path, body string) string {
		status, answer := portalCall(h, "acme", "POST", path, body)
		var created struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(answer), &created); err != nil || status >= 300 || created.ID == "" {
			t.Fatalf("%s: %d %s, %v", path, status, answer, err)
		}
		return created.ID
	}
	endpoint := create("/endpoints", `{"url":"https://example.com/é?a=1","description":"ünïcode 💩","event_types":["a.*"],
		"headers":{"X-Key":"k3y"},"timeout":"2.5s","rate_limit":{"per_second":0.5,"burst":3}}`)
	s, err := sender.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := s.Send(t.Context(), sender.Event{Tenant: "acme", Type: "a.b", Payload: []byte(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	return []string{endpoint, receipt.Deliveries[0].ID, create("/replays", `{"since":"2026-01-01T00:00:00Z","states":["failed"]}`)}
}

func portalShows(h http.Handler, ids []string) string {
	var all strings.Builder
	for _, path := range []string{
		"/endpoints", "/endpoints/" + ids[0] + "/secrets", "/deliveries", "/deliveries/" + ids[1], "/deliveries/" + ids[1] + "/attempts",
		"/replays", "/replays/" + ids[2], "/replays/preview?state=pending",
	} {
		status, answer := portalCall(h, "acme", "GET", path, "")
		fmt.Fprintln(&all, status, answer)
	}
	return all.String()
}

func checkStranger(t *testing.T, h http.Handler, tenant string, ids []string) {
	t.Helper()
	for _, request := range []string{
		"GET /endpoints/" + ids[0], "PATCH /endpoints/" + ids[0], "DELETE /endpoints/" + ids[0], "GET /endpoints/" + ids[0] + "/secrets",
		"POST /endpoints/" + ids[0] + "/rotate-secret", "POST /endpoints/" + ids[0] + "/test", "GET /deliveries/" + ids[1],
		"GET /deliveries/" + ids[1] + "/attempts", "POST /deliveries/" + ids[1] + "/replay", "GET /replays/" + ids[2], "POST /replays/" + ids[2] + "/cancel",
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, answer := portalCall(h, tenant, method, path, ""); status != http.StatusNotFound {
			t.Errorf("%s of %q: %d %s, want 404", request, tenant, status, answer)
		}
	}
	for _, list := range []string{"/endpoints", "/deliveries?endpoint=" + ids[0], "/replays"} {
		_, answer := portalCall(h, tenant, "GET", list, "")
		if strings.TrimSpace(answer) != `{"items":[],"next_cursor":""}` {
			t.Errorf("%s of %q: %s", list, tenant, answer)
		}
	}
}
