package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// What a webhook page needs, from the first failure to the replay.
func TestDeliveryLog(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		f.work(t)
		began := time.Now()
		receiver := sendertest.NewReceiver(t, jasper.Profile().Signing)
		receiver.Script(sendertest.Body(500, "bro\xffken"), sendertest.Body(410, "gone"))
		e := addEndpoint(t, f.client, `{"url":"`+receiver.URL()+`?token=t0ken","profile":"jasper"}`)
		receiver.SetSecrets(e.Secret)
		sent := call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", `{"type":"review.completed","payload":{ "a":1}}`)
		id := sent.Deliveries[0]

		// The first attempt fails, the second one a second later disables the endpoint.
		d := waitForState(t, f.client, id, store.Failed)
		if len(d.Attempts.Items) != 2 || d.Payload.Text != `{ "a":1}` || d.Payload.Base64 || d.LastStatus != 410 {
			t.Fatalf("delivery: %+v", d)
		}
		second, first := d.Attempts.Items[0], d.Attempts.Items[1]
		if first.Number != 1 || first.Response.Status != 500 || first.Response.Body != (content{"YnJv/2tlbg==", true}) ||
			first.ErrorClass != store.ErrorStatus || first.Error == "" || first.NextAttemptAt.IsZero() || first.Timing.Total <= 0 {
			t.Errorf("first attempt: %+v", first)
		}
		if second.Number != 2 || second.Response.Body != (content{"gone", false}) || second.StartedAt.Sub(first.EndedAt) < time.Second ||
			second.Request.Headers.Get("X-Jasper-Event-Id") != sent.ID || strings.Contains(second.Request.URL, "t0ken") {
			t.Errorf("second attempt: %+v", second)
		}
		path := "acme/endpoints/" + e.ID
		eventually(t, func() bool {
			got := call[endpoint](t, f.client, http.StatusOK, "GET", path, "")
			return got.Disabled && got.DisabledReason != ""
		}, func() string { return "the endpoint is not disabled, with a reason" })
		if p := call[problem](t, f.client, http.StatusConflict, "POST", "acme/deliveries/"+id+"/resend", ""); p.Type != typeDisabled {
			t.Errorf("resend to a disabled endpoint: %+v", p)
		}

		// The tenant repairs its receiver, and has the rest sent again.
		receiver.Script(sendertest.Status(200))
		call[endpoint](t, f.client, http.StatusOK, "PATCH", path, `{"disabled":false}`)
		since := began.UTC().Format(time.RFC3339Nano)
		body := `{"since":"` + since + `","until":"2999-01-01T00:00:00+01:00","status":"failed"}`
		if got := call[replayAnswer](t, f.client, http.StatusAccepted, "POST", path+"/replay", body); got != (replayAnswer{1, 0}) {
			t.Errorf("replay: %+v", got)
		}
		if got := waitForState(t, f.client, id, store.Succeeded); got.Round != 2 || len(got.Attempts.Items) != 3 {
			t.Errorf("after the replay: %+v", got)
		}
		if got := call[delivery](t, f.client, http.StatusAccepted, "POST", "acme/deliveries/"+id+"/resend", ""); got.Round != 3 {
			t.Errorf("resend: %+v", got)
		}
		waitForState(t, f.client, id, store.Succeeded)
		if got := call[attempt](t, f.client, http.StatusOK, "POST", path+"/test", "{}"); !got.Succeeded || got.Trigger != store.TriggerTest {
			t.Errorf("test: %+v", got)
		}
		checkFilters(t, f.client, e.ID, sent.ID, since)

		stats := call[statsAnswer](t, f.client, http.StatusOK, "GET", "acme/stats?endpoint="+e.ID, "")
		if len(stats.Buckets) != 1 || stats.Buckets[0].Succeeded != 3 || stats.Buckets[0].Failed != 2 || stats.Buckets[0].P99 <= 0 {
			t.Errorf("stats: %+v", stats)
		}
		stats = call[statsAnswer](t, f.client, http.StatusOK, "GET", "acme/stats?bucket=1h", "")
		if len(stats.Buckets) != 24 {
			t.Errorf("%d buckets of an hour, want 24", len(stats.Buckets))
		}
		if log := f.logs.String(); strings.Contains(log, e.Secret) || strings.Contains(log, "t0ken") ||
			!strings.Contains(log, "An endpoint was disabled") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// checkFilters lists an event's one delivery and the test's.
func checkFilters(t *testing.T, c client, endpointID, eventID, since string) {
	t.Helper()
	since = url.QueryEscape(since)
	for query, want := range map[string]int{
		"":                                 2,
		"state=succeeded":                  2,
		"state=pending,failed,canceled":    0,
		"state=failed,succeeded":           2,
		"endpoint=" + endpointID:           2,
		"endpoint=ep_other":                0,
		"event=" + eventID:                 1,
		"event_type=review.completed":      1,
		"event_type=review":                0,
		"since=" + since:                   2,
		"until=" + since:                   0,
		"since=" + since + "&event_type=x": 0,
		"limit=1":                          1,
	} {
		page := call[list[delivery]](t, c, http.StatusOK, "GET", "acme/deliveries?"+query, "")
		if len(page.Items) != want || (page.NextCursor != "") != (query == "limit=1") {
			t.Errorf("%s: %d deliveries, want %d; next %q", query, len(page.Items), want, page.NextCursor)
		}
	}
}

// During the overlap both secrets sign; without one the old secret ends at once.
func TestRotateSecret(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		receiver := sendertest.NewReceiver(t, signing.StandardWebhooks())
		e := addEndpoint(t, f.client, `{"url":"`+receiver.URL()+`"}`)
		path := "acme/endpoints/" + e.ID
		accepted := func(secret string) bool {
			receiver.SetSecrets(secret)
			return call[attempt](t, f.client, http.StatusOK, "POST", path+"/test", "").Succeeded
		}
		second := call[rotateAnswer](t, f.client, http.StatusOK, "POST", path+"/rotate-secret", "")
		if left := time.Until(second.Until); left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("the old secret lives for %s, want a day", left)
		}
		if !accepted(e.Secret) || !accepted(second.Secret) || second.Secret == e.Secret {
			t.Error("one of two secrets does not sign")
		}
		third := call[rotateAnswer](t, f.client, http.StatusOK, "POST", path+"/rotate-secret", `{"overlap":"0s"}`)
		if accepted(e.Secret) || accepted(second.Secret) || !accepted(third.Secret) || !third.Until.IsZero() {
			t.Errorf("after a rotation without overlap the old secrets sign, or the new one does not: %+v", third)
		}
		log := f.logs.String()
		for _, secret := range []string{e.Secret, second.Secret, third.Secret} {
			if strings.Contains(log, secret) {
				t.Errorf("a secret is in the log:\n%s", log)
			}
		}
	})
}

// A delivery that was resent often has more attempts than a page.
func TestAttemptsComeInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.work(t)
	receiver := sendertest.NewReceiver(t, nil)
	addEndpoint(t, f.client, `{"url":"`+receiver.URL()+`"}`)
	id := call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", `{"type":"a","payload":1}`).Deliveries[0]
	for range 2 {
		waitForState(t, f.client, id, store.Succeeded)
		call[delivery](t, f.client, http.StatusAccepted, "POST", "acme/deliveries/"+id+"/resend", "")
	}
	waitForState(t, f.client, id, store.Succeeded)
	var rounds []int
	for query := "?limit=2"; query != ""; {
		page := call[deliveryAnswer](t, f.client, http.StatusOK, "GET", "acme/deliveries/"+id+query, "").Attempts
		for _, a := range page.Items {
			rounds = append(rounds, a.Round)
		}
		query = ""
		if page.NextCursor != "" {
			query = "?limit=2&cursor=" + page.NextCursor
		}
	}
	if len(rounds) != 3 || rounds[0] != 3 || rounds[2] != 1 {
		t.Errorf("rounds of the attempts: %v, want 3, 2 and 1", rounds)
	}
}

// What is older than -keep goes, in whatever Store.
func TestKeep(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		for id, age := range map[string]time.Duration{"old": 25 * time.Hour, "recent": 23 * time.Hour} {
			event := store.Event{ID: id, Tenant: "acme", Type: "a", Payload: []byte("1"), CreatedAt: time.Now().Add(-age)}
			if err := f.svc.db.store.CreateEvent(t.Context(), event, nil); err != nil {
				t.Fatal(err)
			}
		}
		f.work(t)
		eventually(t, func() bool {
			_, err := f.svc.db.store.GetEvent(t.Context(), "acme", "old")
			return errors.Is(err, store.ErrNotFound)
		}, func() string { return "the old event is still there:\n" + f.logs.String() })
		if _, err := f.svc.db.store.GetEvent(t.Context(), "acme", "recent"); err != nil {
			t.Errorf("the recent event: %v", err)
		}
	})
}
