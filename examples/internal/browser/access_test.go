package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/outhook/outhook/store"
)

// Who may only look sees neither secrets nor a way to change anything.
func TestViewerSeesNoSecretAndNoControls(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	e := h.endpoint(t, r, func(e *store.Endpoint) {
		e.URL += "?token=secret-token"
		e.Headers = http.Header{"Authorization": {"Bearer secret-header"}}
	})
	receipt := h.capture(t)
	d := h.ended(t, receipt.Deliveries[0].ID)
	p := newTab(t, h, "viewer")
	for _, path := range []string{"", "endpoints/" + e.ID, "deliveries", "deliveries/" + d.ID, "replays", "events"} {
		p.open(path)
		p.hides("whsec_", e.Secrets[0].Value, "secret-token", "secret-header")
		if n := p.count(`form[method="post"], button.danger, a[href$="/edit"], a[href$="/delete"], a[href$="/rotate"], a[href$="endpoints/new"], form[action$="replays/new"]`); n != 0 {
			t.Errorf("%q has %d controls for those who may do more", path, n)
		}
	}
	p.expect(http.StatusForbidden)
	for _, path := range []string{"endpoints/new", "endpoints/" + e.ID + "/edit", "endpoints/" + e.ID + "/rotate", "replays/new"} {
		p.open(path)
		p.see("403", "You may not do this.")
	}
}

// Nobody sees anything, also not what the product is called to a tenant.
func TestStrangerSeesNothing(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	e := h.endpoint(t, r, nil)
	p := newTab(t, h, "")
	p.expect(http.StatusUnauthorized)
	for _, path := range []string{"", "endpoints/" + e.ID, "deliveries", "nothing"} {
		p.expect(http.StatusNotFound)
		p.open(path)
		p.hides(h.name, "Ticket robot", r.url())
	}
}

// Each page is readable and each form works without a script.
func TestEverythingWorksWithoutScript(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct.giveUpAtOnce(), r)
	p := newTab(t, h, "admin")
	p.noScript()
	p.open("")
	p.follow("a.button", "Add endpoint")
	p.fill("#url", r.url())
	p.fill("#description", "Ticket robot")
	p.click("label", "Only these")
	p.click(`input[value="jam.created"]`, "")
	p.follow("button", "Add endpoint")
	p.see("The endpoint was added.")
	p.follow("button", "Reveal")
	p.seeIn("#secret", "whsec_")
	r.verify(h.profile, p.text("#secret-0"))
	p.follow("button", "Send test")
	p.seeIn("#test-result", "Succeeded", "200 OK")
	p.follow("a", "Rotate the secret")
	p.click("label", "for 7 days")
	p.follow("button", "Rotate")
	p.see("The endpoint has a new signing secret.", "An old secret signs as well until")

	r.breakWith(http.StatusInternalServerError)
	d := h.ended(t, h.capture(t).Deliveries[0].ID)
	p.open("deliveries")
	p.see("jam.created", "Failed", "500 Internal Server Error")
	p.follow("a.row", "jam.created")
	p.see("UTC", "All attempts have failed.", "Attempt 1", badAnswer, "jam_4b1d7e")
	r.breakWith(0)
	p.follow("button", "Replay")
	p.see("The delivery is sent again.")
	if again := h.ended(t, d.ID); again.State != store.Succeeded {
		t.Errorf("the delivery is %s", again.State)
	}
	r.breakWith(http.StatusInternalServerError)
	h.ended(t, h.capture(t).Deliveries[0].ID)
	r.breakWith(0)
	p.open("replays")
	p.follow("button", "Count them")
	p.see("1 delivery matches.")
	p.follow("button", "Replay it")
	wait(t, "the replay has reached the receiver", func() bool { return len(r.got()) == 5 })
	p.open("replays")
	p.seeIn("#replays", "1 of 1")
	p.open("events")
	p.click("summary", "Example")
	p.see("jam_4b1d7e")

	p.open("endpoints/" + h.only(t).ID)
	p.follow("button", "Disable")
	p.see("The endpoint is disabled")
	p.follow("button", "Enable")
	p.follow("a", "Edit")
	p.fill("#url", "http://example.com/")
	p.expect(http.StatusUnprocessableEntity)
	p.follow("button", "Save")
	p.see("Nothing was saved.")
	p.open("endpoints/" + h.only(t).ID)
	p.follow("a", "Delete")
	p.follow("button", "Delete")
	p.see("The endpoint was deleted.")
	for _, hidden := range []string{`[data-copy]:not([hidden])`, `#find-event`} {
		if n := p.count(hidden); n != 0 {
			t.Errorf("%s is shown, and does nothing without a script", hidden)
		}
	}
}

// All times are in the reader's zone, also those that the reader fills in.
func TestTimesAreInTheReadersZone(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	e := h.endpoint(t, r, nil)
	p := newTab(t, h, "admin")
	call(p, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"}) // 5:30 before UTC, all year
	p.open("endpoints/" + e.ID)
	if created := ask[string](p, `[...document.querySelectorAll(".side time")].at(-1).innerText`); !strings.Contains(created, e.CreatedAt.Add(5*time.Hour+30*time.Minute).Format(":04:05")) {
		t.Errorf("the endpoint was created at %s, want %v as it is in Kolkata", created, e.CreatedAt)
	}
	for _, page := range []struct{ path, button string }{{"deliveries", "Filter"}, {"replays/new", "Count again"}} {
		p.open(page.path + "?failed=1&since=2026-01-08T20:30")
		if got, want := p.value("#since"), "2026-01-09T02:00"; got != want {
			t.Errorf("%s: the time is %s, want %s as it is in Kolkata", page.path, got, want)
		}
		if label := p.text(`label[for="since"]`); label != "From" {
			t.Errorf("%s: the time's label is %q, which is not the reader's zone", page.path, label)
		}
		p.set("#until", "2026-02-01T00:15")
		p.follow("button", page.button)
		asked := ask[string](p, `new URLSearchParams(location.search).getAll("since") + " " + new URLSearchParams(location.search).getAll("until")`)
		if want := "2026-01-08T20:30 2026-01-31T18:45"; asked != want {
			t.Errorf("%s: the server is asked for %s, want %s in UTC", page.path, asked, want)
		}
		if got, want := p.value("#until"), "2026-02-01T00:15"; got != want {
			t.Errorf("%s: the time is %s after the answer, want %s as it was filled in", page.path, got, want)
		}
	}
}
