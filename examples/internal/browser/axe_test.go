package browser

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// findings are what axe-core says of a page.
type findings struct {
	Violations []violation `json:"violations"`
	Passed     int         `json:"passed"` // rules
}

// violation is what axe-core finds against a rule.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible looks at the page as it is now: in both colour schemes, in a wide and
// in a narrow window. Nothing is wider than the window, not even at 320 pixels,
// which is a page at 400 % (WCAG 2.2, 1.4.10).
func (p *tab) accessible(name, axe string) {
	p.t.Helper()
	ask[any](p, axe+"; null")
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			p.look(scheme, width)
			found := ask[findings](p, `axe.run(document, {
				runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
				resultTypes: ["violations"], preload: false,
			}).then(results => ({violations: results.violations, passed: results.passes.length}))`)
			if found.Passed < 5 {
				p.t.Errorf("%s passes %d rules: axe has looked at nothing", name, found.Passed)
			}
			for _, v := range found.Violations {
				var nodes []string
				for _, node := range v.Nodes {
					nodes = append(nodes, node.HTML+"\n"+node.Summary)
				}
				text := fmt.Sprintf("%s, %s, %d px: %s (%s): %s\n%s", name, scheme, width, v.ID, v.Impact, v.Help, strings.Join(nodes, "\n"))
				if v.Impact == "serious" || v.Impact == "critical" {
					p.t.Error(text)
				} else {
					p.t.Log(text)
				}
			}
		}
	}
	for _, width := range []int64{390, 320} {
		p.look("light", width)
		// A phone's browser makes the window as wide as the page: innerWidth says nothing.
		if wide := ask[string](p, fmt.Sprintf(`(width => document.documentElement.scrollWidth <= width ? "" :
			document.documentElement.scrollWidth + " px: " + [...document.querySelectorAll("body *")]
				.filter(e => e.getBoundingClientRect().right > width + 0.5 && !e.closest(".hidden, thead, nav, .scroll"))
				.map(e => e.outerHTML.slice(0, 120)).slice(0, 5).join("\n"))(%d)`, width)); wide != "" {
			p.t.Errorf("%s is wider than %d px:\n%s", name, width, wide)
		}
	}
	p.look("light", 1280)
}

func mustReadAxe(t *testing.T) string {
	t.Helper()
	testenv.RequireNode(t, "testdata") // for npm, which installs it
	source, err := os.ReadFile("testdata/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// page is one to be looked at.
type page struct {
	name   string
	path   string
	status int        // 0 is 200
	act    func(*tab) // what is done on it before; nil is nothing
}

func look(t *testing.T, h *host, axe string, pages []page) {
	t.Helper()
	p := newTab(t, h, "admin")
	for _, shown := range pages {
		p.expect(shown.status)
		p.open(shown.path)
		if shown.act != nil {
			shown.act(p)
		}
		p.accessible(shown.name, axe)
	}
}

// Nothing keeps people out who see little, or hear the pages, or use them on a
// phone.
func TestAccessibleBeforeAnythingHappened(t *testing.T) {
	t.Parallel()
	axe := mustReadAxe(t)
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	look(t, h, axe, []page{
		{name: "no endpoints", path: ""},
		{name: "no deliveries", path: "deliveries"},
		{name: "no deliveries that match", path: "deliveries?state=failed&event=review.created"},
		{name: "a filter that is wrong", path: "deliveries?since=yesterday", status: http.StatusBadRequest},
		{name: "no replays", path: "replays"},
		{name: "nothing to replay", path: "replays/new?failed=1&since=2026-01-01T00:00"},
		{name: "a replay that is wrong", path: "replays/new?since=yesterday", status: http.StatusBadRequest},
		{name: "events", path: "events", act: func(p *tab) {
			p.click("summary", "Example")
			p.click("summary", "JSON Schema")
		}},
		{name: "a new endpoint", path: "endpoints/new", act: func(p *tab) {
			p.click("summary", "Example")
			p.click("summary", "Headers")
		}},
		{name: "a new endpoint that is wrong", path: "endpoints/new", status: http.StatusUnprocessableEntity, act: func(p *tab) {
			p.fill("#url", "http://example.com/")
			p.click("summary", "Headers")
			p.fill("input[name=header_name]", "Bad Header")
			p.follow("button", "Add endpoint")
			p.see("Nothing was saved.")
		}},
		{name: "nothing there", path: "no/such/page", status: http.StatusNotFound},
	})
	viewer := newTab(t, h, "viewer")
	viewer.expect(http.StatusForbidden)
	viewer.open("endpoints/new")
	viewer.accessible("forbidden", axe)
}

func TestAccessibleEndpoints(t *testing.T) {
	t.Parallel()
	axe := mustReadAxe(t)
	r := newReceiver(t)
	h := newHost(t, jamProduct.giveUpAtOnce(), r)
	e := h.endpoint(t, r, func(e *store.Endpoint) {
		e.EventTypes = []string{"jam.created", "intercom.*"}
		e.Headers = http.Header{"X-Team": {"build"}}
		e.Timeout, e.RateLimit.PerSecond = 10*time.Second, 50
	})
	h.ended(t, h.capture(t).Deliveries[0].ID)
	disabled := h.endpoint(t, r, func(e *store.Endpoint) {
		e.Description = "Switched off, with a name that is " + strings.Repeat("long", 12)
		e.Disabled, e.DisabledReason = true, "The server has answered 410 Gone"
	})
	r.verify(h.profile, e.Secrets[0].Value)
	at := "endpoints/" + e.ID
	look(t, h, axe, []page{
		{name: "endpoints", path: ""},
		{name: "an endpoint", path: at, act: func(p *tab) {
			p.click("summary", "Show as a table")
			p.click("button", "Reveal")
			p.seeIn("#secret", "whsec_")
			p.click("button", "Send test")
			p.seeIn("#test-result", "Succeeded")
		}},
		{name: "an endpoint that is disabled", path: "endpoints/" + disabled.ID},
		{name: "an endpoint to edit", path: at + "/edit"},
		{name: "rotate", path: at + "/rotate"},
		{name: "an endpoint with two secrets", path: at + "/rotate", act: func(p *tab) {
			p.follow("button", "Rotate")
			p.click("button", "Reveal")
			p.seeIn("#secret", "Old.")
		}},
		{name: "delete", path: "endpoints/" + disabled.ID + "/delete"},
	})
	r.breakWith(http.StatusInternalServerError)
	h.ended(t, h.capture(t).Deliveries[0].ID)
	look(t, h, axe, []page{
		{name: "endpoints that fail", path: ""},
		{name: "an endpoint that fails", path: at, act: func(p *tab) {
			p.see("Failing")
			p.click("button", "Send test")
			p.seeIn("#test-result", "Failed")
		}},
	})
}

func TestAccessibleDeliveries(t *testing.T) {
	t.Parallel()
	axe := mustReadAxe(t)
	r := newReceiver(t)
	h := newHost(t, jamProduct.giveUpAtOnce(), r)
	e := h.endpoint(t, r, nil)
	succeeded := h.ended(t, h.capture(t).Deliveries[0].ID)
	r.breakWith(http.StatusInternalServerError)
	failed := h.ended(t, h.capture(t).Deliveries[0].ID)
	replay, err := sender.StartReplay(t.Context(), h.cfg, sender.ReplayFilter{
		Tenant: h.tenant, States: []store.DeliveryState{store.Failed}, Since: time.Now().Add(-time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "the replay is over", func() bool {
		replays, _ := store.As[store.ReplayStore](h.cfg.Store)
		r, err := replays.GetReplay(t.Context(), h.tenant, replay.ID)
		return err == nil && r.State == store.ReplayFinished
	})
	failed = h.ended(t, failed.ID) // again
	opened := func(p *tab) { p.click("summary", "As a curl command") }
	look(t, h, axe, []page{
		{name: "deliveries", path: "deliveries"},
		{name: "deliveries with a filter", path: "deliveries?state=succeeded&endpoint=" + e.ID},
		{name: "a delivery that succeeded", path: "deliveries/" + succeeded.ID, act: opened},
		{name: "a delivery that failed", path: "deliveries/" + failed.ID, act: opened},
		{name: "replays", path: "replays"},
		{name: "a replay to confirm", path: "replays/new?failed=1&since=2026-01-01T00:00", act: func(p *tab) { p.see("matches.") }},
		{name: "a replay", path: "replays/" + replay.ID},
	})
}

func TestAccessibleDeliveriesUnderWay(t *testing.T) {
	t.Parallel()
	axe := mustReadAxe(t)
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	e := h.endpoint(t, r, nil)
	r.breakWith(http.StatusServiceUnavailable)
	d := h.capture(t).Deliveries[0]
	wait(t, "the second attempt is over", func() bool { return len(r.got()) == 2 })
	look(t, h, axe, []page{
		{name: "deliveries that are pending", path: "deliveries"},
		{name: "a delivery that is pending", path: "deliveries/" + d.ID, act: func(p *tab) { p.see("Attempt 2") }},
	})
	d = h.capture(t).Deliveries[0]
	if err := h.cfg.Store.DeleteEndpoint(t.Context(), h.tenant, e.ID); err != nil {
		t.Fatal(err)
	}
	if d = h.ended(t, d.ID); d.State != store.Canceled {
		t.Fatalf("the delivery is %s, want canceled", d.State)
	}
	look(t, h, axe, []page{
		{name: "a delivery that was canceled", path: "deliveries/" + d.ID, act: func(p *tab) { p.see("It was canceled.") }},
	})
}
