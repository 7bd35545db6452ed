package browser

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/store"
)

// "Click Add Webhook. Enter your endpoint URL. Select the events you want to
// receive. Optionally add a description. Save the webhook." "16 webhook events
// organized into 6 categories".
func TestJasperAddWebhookWithDescriptionAndEvents(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	p := newTab(t, h, "admin")
	p.open("events")
	for _, category := range []string{"Review", "Repository", "Billing", "Team", "Security", "Organization"} {
		p.seeIn(".group h2", category+" Events")
	}
	if n := p.count("article"); n != len(h.cfg.Events) {
		t.Errorf("the catalog shows %d events, want %d", n, len(h.cfg.Events))
	}
	p.open("endpoints/new")
	p.fill("#url", r.url())
	p.fill("#description", "CI pipeline\nasks for the build team")
	p.fill("#find-event", "alert")
	p.until(`[...document.querySelectorAll(".event")].filter(e => e.checkVisibility()).length === 2`)
	p.click(`input[value="security.alert_created"]`, "")
	p.fill("#find-event", "review.comp")
	p.click(`input[value="review.completed"]`, "")
	p.fill("#patterns", "billing.*")
	p.follow("button", "Add endpoint")
	p.see("The endpoint was added.", "CI pipeline", "asks for the build team")
	for _, pattern := range []string{"review.completed", "security.alert_created", "billing.*"} {
		p.seeIn(".tag", pattern)
	}
	e := h.only(t)
	want := []string{"review.completed", "security.alert_created", "billing.*"}
	if !slices.Equal(e.EventTypes, want) || e.Description != "CI pipeline\nasks for the build team" {
		t.Errorf("stored are the types %q and the description %q, want %q", e.EventTypes, e.Description, want)
	}
}

// "Use the Test button in webhook settings to send a test payload to your endpoint".
func TestJasperTestButton(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	e := h.endpoint(t, r, nil)
	p := newTab(t, h, "admin")
	p.open("endpoints/" + e.ID)
	ask[any](p, `window.region = document.getElementById("test-result"), null`)
	p.set("#test-type", "review.completed")
	p.stays(func() {
		p.click("button", "Send test")
		p.seeIn("#test-result", "Succeeded", "200 OK", goodAnswer)
	})
	got := r.got()
	if len(got) != 1 || got[0].genuine != nil || !strings.HasPrefix(got[0].header.Get("X-Jasper-Signature"), "sha256=") ||
		!strings.Contains(string(got[0].body), `"event":"review.completed"`) {
		t.Errorf("the receiver got %v, want a genuine review.completed", got)
	}
	r.breakWith(http.StatusNotFound)
	p.stays(func() {
		p.click("button", "Send test")
		p.seeIn("#test-result", "Failed", "404 Not Found", badAnswer, "Check the path of the URL, and that it takes POST requests.")
	})
	if !ask[bool](p, `window.region.isConnected && window.region.ariaLive === "polite"`) {
		t.Error("the region whose changes are announced is another one after a test: nothing is announced")
	}
	p.follow("#test-result a", "All of it")
	p.see("review.completed", "(test)", badAnswer)
	if n := p.count(`form[action$="/replay"]`); n != 0 {
		t.Error("a test can be replayed, and is to be sent again with the Test button")
	}
}

// "View delivery history and debug failed webhooks in Settings → Webhooks → Logs.
// Each delivery shows: Request payload, Response status and body, Retry attempts,
// Timestamps".
func TestJasperDeliveryLogs(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	h.endpoint(t, r, nil)
	r.breakWith(http.StatusInternalServerError)
	p := newTab(t, h, "admin")
	p.open("deliveries?event=review.completed&state=pending")
	p.see("Nothing matches")
	receipt := h.review(t)
	p.stays(func() { p.seeIn("#deliveries", "review.completed", "Retrying") })
	p.follow("a.row", "review.completed")
	p.see("Attempt 1", "Attempt 2", "500 Internal Server Error", badAnswer, "The next attempt is in") // after one second
	if shown := p.text(`section[aria-labelledby="payload-title"] pre`); shown != pretty(t, r.got()[0].body) {
		t.Errorf("the payload is shown as\n%s", shown)
	}
	attempts := store.AttemptFilter{Tenant: h.tenant, DeliveryID: receipt.Deliveries[0].ID}
	page, err := h.cfg.Store.ListAttempts(t.Context(), attempts)
	if err != nil || len(page.Items) < 2 {
		t.Fatalf("there are %d attempts, %v; want 2 or more", len(page.Items), err)
	}
	slices.SortFunc(page.Items, func(a, b store.Attempt) int { return a.Number - b.Number })
	for _, a := range page.Items[:2] {
		began := `#` + a.ID + ` time[datetime="` + a.StartedAt.UTC().Format("2006-01-02T15:04:05.000Z") + `"]`
		if n := p.count(began); n < 2 { // in its line, in its details, and again if it was on time
			t.Errorf("the time at which attempt %d began is shown %d times, want 2 or more", a.Number, n)
		}
	}
}

// The new secret signs at once, and the page promises nothing else: there is room for one signature.
func TestJasperRotateSecret(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	e := h.endpoint(t, r, nil)
	p := newTab(t, h, "admin")
	p.open("endpoints/" + e.ID)
	p.follow("a", "Rotate the secret")
	p.see("Requests have room for one signature")
	p.follow("button", "Rotate")
	p.see("The endpoint has a new signing secret.")
	p.click("button", "Reveal")
	p.seeIn("#secret", "Copy")
	fresh, old := p.text("#secret-0"), e.Secrets[0].Value
	if fresh == old {
		t.Error("the secret is the old one")
	}
	p.hides(old)
	r.verify(h.profile, fresh)
	if d := h.ended(t, h.review(t).Deliveries[0].ID); d.State != store.Succeeded {
		t.Errorf("the delivery to a receiver with the new secret is %s", d.State)
	}
	p.open("endpoints/" + e.ID + "/rotate")
	p.follow("button", "Rotate")
	p.click("button", "Reveal")
	p.until(`document.querySelectorAll("#secret code").length > 0 && !document.getElementById("secret").innerText.includes("••")`)
	p.hides(fresh, old)
}

func TestJasperDisableEnableAndDelete(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	e := h.endpoint(t, r, nil)
	p := newTab(t, h, "admin")
	p.open("endpoints/" + e.ID)
	p.follow("button", "Disable")
	p.see("The endpoint is disabled, and gets nothing until it is enabled.")
	if !h.only(t).Disabled {
		t.Error("the endpoint is not disabled")
	}
	p.click("button", "Send test") // whoever mends it can see before whether it works
	p.seeIn("#test-result", "Succeeded", "200 OK")
	p.follow("button", "Enable")
	p.see("The endpoint is enabled.")
	if h.only(t).Disabled {
		t.Error("the endpoint is not enabled")
	}
	p.follow("a", "Delete")
	p.see("Delete this endpoint?", "This cannot be undone")
	p.follow("a", "Keep it")
	h.only(t)
	p.follow("a", "Delete")
	p.follow("button", "Delete")
	p.see("The endpoint was deleted.", "No endpoints yet")
	if _, err := h.cfg.Store.GetEndpoint(t.Context(), h.tenant, e.ID); err == nil {
		t.Error("the endpoint is still there")
	}
}

// "Only HTTPS endpoints are supported for security".
func TestJasperFormSaysWhatIsWrongAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	e := h.endpoint(t, r, nil)
	p := newTab(t, h, "admin")
	p.open("endpoints/" + e.ID + "/edit")
	p.fill("#url", "http://example.com/hooks?a=<b>")
	p.fill("#description", `A "new" <description>`)
	p.click(`input[value="team.member_added"]`, "")
	p.click("summary", "Headers")
	p.fill("input[name=header_name]", "Bad Header")
	p.fill("input[name=header_value]", "typed")
	p.fill("#timeout", "soon")
	p.expect(http.StatusUnprocessableEntity)
	p.follow("button", "Save")
	p.seeIn(`[role="alert"]`, "Nothing was saved.")
	for selector, want := range map[string]string{
		"#url": "http://example.com/hooks?a=<b>", "#description": `A "new" <description>`, "#timeout": "soon",
		"input[name=header_name]": "Bad Header", "input[name=header_value]": "typed",
	} {
		if got := p.value(selector); got != want {
			t.Errorf("%s is %q, want what was typed: %q", selector, got, want)
		}
	}
	if !ask[bool](p, `document.querySelector('input[value="team.member_added"]').checked`) {
		t.Error("the event that was picked is no longer picked")
	}
	describes := func(id, want string) {
		t.Helper()
		wrong := ask[string](p, `(e => e.ariaInvalid !== "true" ? "" : e.getAttribute("aria-describedby").split(" ").map(id => document.getElementById(id).innerText).join(" "))(document.getElementById(`+quote(id)+`))`)
		if !strings.Contains(wrong, want) {
			t.Errorf("the input %s is described by %q, want what is wrong: %q", id, wrong, want)
		}
	}
	describes("timeout", "must be a number of seconds")
	if now := h.only(t); now.URL != e.URL || now.Version != e.Version {
		t.Error("something was saved")
	}
	// One fault after the other: what is wrong with the headers is found by the sender.
	p.fill("#timeout", "")
	p.follow("button", "Save")
	p.see("is no header name")
	describes("url", "must be an https URL")
	if !ask[bool](p, `document.querySelector("input[name=header_name]").ariaInvalid === "true"`) {
		t.Error("the header at fault is not marked as invalid")
	}
	p.fill("#url", r.url())
	p.fill("input[name=header_name]", "X-Team")
	p.follow("button", "Save")
	p.see("The endpoint was saved.")
	if now := h.only(t); now.Headers.Get("X-Team") != "typed" || now.Description != `A "new" <description>` {
		t.Errorf("saved is %v", now)
	}
	p.hides(">typed<", `"typed"`)
}

func TestJasperTwoWindowsEditTheSameEndpoint(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jasperProduct, r)
	e := h.endpoint(t, r, nil)
	one := newTab(t, h, "admin")
	other := one.another()
	one.open("endpoints/" + e.ID + "/edit")
	other.open("endpoints/" + e.ID + "/edit")
	one.fill("#description", "First")
	one.follow("button", "Save")
	one.see("The endpoint was saved.")
	other.fill("#description", "Second")
	other.expect(http.StatusConflict)
	other.follow("button", "Save")
	other.seeIn(`[role="alert"]`, "Nothing was saved.", "Somebody else has changed the endpoint meanwhile")
	if now := h.only(t); now.Description != "First" {
		t.Errorf("the description is %q, want the first one saved", now.Description)
	}
	if typed := other.value("#description"); typed != "Second" {
		t.Errorf("the description in the form is %q, want what was typed", typed)
	}
	other.follow("button", "Save")
	other.see("The endpoint was saved.")
	if now := h.only(t); now.Description != "Second" {
		t.Errorf("the description is %q, want the one that was saved again", now.Description)
	}
}
