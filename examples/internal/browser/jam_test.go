package browser

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/store"
)

// payloadLink finds the link to a delivery's payload as a file.
const payloadLink = `section[aria-labelledby="payload-title"] a`

// "In the portal, click Add Endpoint. Enter your endpoint URL. Select the events to
// subscribe to. Confirm creation." "The webhook is enabled by default. Capture a
// Jam to test it".
func TestJamAddEndpointAndCaptureAJam(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	p := newTab(t, h, "admin")
	p.open("")
	p.see("Acme workspace", "No endpoints yet")
	p.follow("a.button", "Add endpoint")
	p.fill("#url", r.url())
	p.click(`input[value="jam.created"]`, "")
	p.click(`input[value="intercom.recorder.recorded"]`, "")
	p.click(`input[value="intercom.recorder.opted_out"]`, "")
	if !ask[bool](p, `document.querySelector("input[name=scope][value=some]").checked`) {
		t.Error(`picking an event does not mean "only these"`)
	}
	p.follow("button", "Add endpoint")
	p.see("The endpoint was added.")

	e := h.only(t)
	if want := []string{"jam.created", "intercom.recorder.recorded", "intercom.recorder.opted_out"}; e.Disabled ||
		e.URL != r.url() || !slices.Equal(e.EventTypes, want) {
		t.Errorf("stored is %v of %q, want %q", e, e.EventTypes, want)
	}
	p.hides("whsec_")
	p.stays(func() {
		p.click("button", "Reveal")
		p.seeIn("#secret", "whsec_")
	})
	secret := p.text("#secret-0")
	if !strings.HasPrefix(secret, "whsec_") || secret != e.Secrets[0].Value {
		t.Error("what Reveal shows is not the endpoint's whsec_ secret")
	}
	r.verify(h.profile, secret)

	p.stays(func() {
		h.capture(t)
		p.seeIn("#recent", "jam.created", "Succeeded", "200 OK")
	})
	if got := r.got(); len(got) != 1 || got[0].genuine != nil {
		t.Errorf("the receiver got %d requests, want 1 that is genuine: %v", len(got), got)
	}
}

// "Delivery logs for each attempt, with success and failure status".
func TestJamDeliveryLogsForEachAttempt(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	h.endpoint(t, r, nil)
	r.breakWith(http.StatusServiceUnavailable)
	p := newTab(t, h, "admin")
	p.open("deliveries")
	p.see("No deliveries yet")
	var id string
	p.stays(func() {
		id = h.capture(t).Deliveries[0].ID
		p.seeIn("#deliveries", "jam.created", "Ticket robot", "Retrying", "503 Service Unavailable", "next attempt is in")
	})
	p.follow("a.row", "jam.created")
	p.see("The next attempt is in", "Your server answered 503 Service Unavailable: it failed. Its logs should say why.", "Attempt 1")
	p.stays(func() { p.seeIn(".attempt", "Attempt 2") }) // five seconds later
	if n := ask[int](p, `[...document.querySelectorAll(".attempt > summary")].filter(s => /Failed[^]*503 Service Unavailable/.test(s.innerText)).length`); n != 2 {
		t.Errorf("%d attempts are shown as failed with their status, want 2", n)
	}
	p.seeIn(".attempt", "Next attempt was planned for", badAnswer)
	d, err := h.cfg.Store.GetDelivery(t.Context(), h.tenant, id)
	if err != nil {
		t.Fatal(err)
	}
	if planned := ask[string](p, `document.querySelector(".banner time").dateTime`); planned != d.NextAttemptAt.UTC().Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("the next attempt is shown for %s, and is planned for %s", planned, d.NextAttemptAt)
	}
	// The consumer's own log has the event's ID.
	h.capture(t)
	p.open("deliveries")
	p.fill("#event-id", d.EventID)
	p.follow("button", "Filter")
	if n := p.count("tbody tr"); n != 1 {
		t.Errorf("%d deliveries are listed of the event, want 1", n)
	}
	p.follow("a.row", "jam.created")
	p.see(d.EventID)
	p.follow("a", "All its deliveries")
	p.seeIn("#deliveries", "jam.created")
}

// "Replay for failed deliveries so you can re-fire a payload after fixing your
// consumer." "svix-id: Unique ID for this delivery".
func TestJamReplayAfterFixingYourConsumer(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct.giveUpAtOnce(), r)
	h.endpoint(t, r, nil)
	r.breakWith(http.StatusInternalServerError)
	d := h.ended(t, h.capture(t).Deliveries[0].ID)
	p := newTab(t, h, "admin")
	p.open("deliveries/" + d.ID)
	p.see("All attempts have failed.", "Your server answered 500 Internal Server Error")

	r.breakWith(0)
	p.follow("button", "Replay")
	p.see("The delivery is sent again.")
	p.stays(func() { p.seeIn("h1", "Succeeded") })
	p.seeIn(".attempt.succeeded", "Attempt 1 of replay 1", "200 OK")
	got := r.got()
	if len(got) != 2 || got[0].header.Get("svix-id") != d.EventID || got[1].header.Get("svix-id") != d.EventID ||
		string(got[0].body) != string(got[1].body) || got[1].genuine != nil {
		t.Errorf("the receiver got %v, want one event twice", got)
	}
}

// "Success rate and delivery statistics over time".
func TestJamSuccessRateAndStatisticsOverTime(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct.giveUpAtOnce(), r)
	h.endpoint(t, r, nil)
	for i := range 4 {
		if i == 3 {
			r.breakWith(http.StatusInternalServerError)
		}
		h.ended(t, h.capture(t).Deliveries[0].ID)
	}
	p := newTab(t, h, "admin")
	p.open("")
	p.seeIn(".spark", "75.0 %", "of 4")
	p.follow("a", "Ticket robot")
	for _, span := range []struct {
		text string
		rows int
	}{{"24 hours", 24}, {"7 days", 28}, {"30 days", 30}} {
		p.follow(".tabs a", span.text)
		p.seeIn(".tabs a[aria-current]", span.text)
		p.seeIn("#statistics", "Success rate\n75.0 %", "Attempts\n4", "Failed\n1", "Median duration", "95th percentile")
		if n := p.count(`svg[aria-label="Attempts of the last ` + span.text + `: 3 succeeded, 1 failed."]`); n != 1 {
			t.Errorf("%s: there are %d charts that say what they show, want 1", span.text, n)
		}
		p.click("summary", "Show as a table")
		p.seeIn("#numbers", "Median")
		if n := p.count("#numbers tbody tr"); n != span.rows {
			t.Errorf("%s: the table has %d rows, want %d", span.text, n, span.rows)
		}
	}
	if h.only(t).FailingSince.IsZero() {
		t.Error("an endpoint whose last delivery is exhausted is not failing")
	}
	p.open("")
	p.seeIn(".health", "Failing", "Every attempt has failed for")
}

// "Full payload inspection, including headers and body, for any past delivery".
func TestJamFullPayloadInspection(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	h.endpoint(t, r, func(e *store.Endpoint) { e.Headers = http.Header{"X-Team": {"hidden-from-readers"}} })
	receipt := h.capture(t)
	h.ended(t, receipt.Deliveries[0].ID)
	h.ended(t, h.capture(t).Deliveries[0].ID)
	p := newTab(t, h, "admin")
	p.open("deliveries/" + receipt.Deliveries[0].ID)
	got := r.got()[0]
	for _, name := range []string{"svix-id", "svix-timestamp", "svix-signature", "Content-Type"} {
		p.seeIn(`section[aria-label="Request"] .headers`, got.header.Get(name))
	}
	p.seeIn(`section[aria-label="Response"]`, "200 OK", "X-Answered-By", "ticket-robot", goodAnswer)
	if shown := p.text(`section[aria-labelledby="payload-title"] pre`); shown != pretty(t, got.body) {
		t.Errorf("the payload is shown as\n%s\nwant\n%s", shown, pretty(t, got.body))
	}
	p.hides("hidden-from-readers")
	p.click("summary", "As a curl command")
	p.seeIn(".curl", "curl -i -X POST '"+r.url()+"'", "jam_4b1d7e")

	link := ask[string](p, find(payloadLink, "Download")+`.href`)
	if file := download(t, link); file != string(got.body) {
		t.Errorf("the file is %q, want what was sent: %q", file, got.body)
	}
}

func download(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "session", Value: "admin"})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", url, res.Status, err)
	}
	return string(body)
}

// A consumer that was broken for a while is told again of what it has missed, since
// a time, and of nothing else.
func TestJamReplayOfWhatFailedSinceATime(t *testing.T) {
	t.Parallel()
	const missed = 120 // more than a page of a replay
	r := newReceiver(t)
	h := newHost(t, jamProduct.giveUpAtOnce(), r)
	e := h.endpoint(t, r, nil)
	r.breakWith(http.StatusBadGateway)
	before := h.ended(t, h.capture(t).Deliveries[0].ID)
	since := before.CreatedAt.Truncate(1e9).Add(1e9)
	ctx, cancel := context.WithDeadline(t.Context(), since)
	defer cancel()
	<-ctx.Done() // the form has whole seconds
	for range missed {
		h.capture(t)
	}
	failed := store.DeliveryFilter{Tenant: h.tenant, States: []store.DeliveryState{store.Failed}}
	wait(t, "all have failed", func() bool {
		n, err := store.CountDeliveries(t.Context(), h.cfg.Store, failed, 1000)
		return err == nil && n == missed+1
	})
	r.breakWith(0)

	p := newTab(t, h, "admin")
	p.open("endpoints/" + e.ID)
	p.follow("a", "Replay its failures")
	p.set("#since", since.UTC().Format("2006-01-02T15:04:05"))
	p.follow("button", "Count them")
	p.see("120 deliveries match.")
	p.follow("button", "Replay them")
	p.see("of 120", "Ticket robot")
	p.stays(func() { p.see("finished", "120 of 120") })
	if value := ask[float64](p, `document.querySelector("progress").value`); value != 100 {
		t.Errorf("the progress is %v of 100 at the end", value)
	}
	wait(t, "the receiver has all of it", func() bool { return len(r.got()) == 2*missed+1 })
	for _, got := range r.got()[missed+1:] {
		if got.header.Get("svix-id") == before.EventID || got.genuine != nil {
			t.Errorf("the receiver got %v again, which failed before that time or is not genuine", got.header)
		}
	}
	p.open("replays")
	p.seeIn("#replays", "finished", "120 of 120", "Ticket robot")
}
