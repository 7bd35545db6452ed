package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// What a webhook page needs, from the first failure to the replay.
func TestDeliveryLog(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	f.work(t)
	began := time.Now()
	receiver := sendertest.NewReceiver(t, nil)
	receiver.Script(sendertest.Body(500, "bro\xffken"), sendertest.Body(410, "<gone>"))
	e := addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`?token=t0ken"}`)
	id := f.send(t, "review.completed", `{ "a":"<>"}`)[0]

	// The first attempt fails, the second one disables the endpoint.
	d := waitForState(t, f.apiClient, id, store.Failed)
	if d.Payload == nil || *d.Payload != (payloadJSON{contentJSON{`{ "a":"<>"}`, false}, "application/json"}) || d.LastStatus != 410 || d.EndpointID != e.ID {
		t.Fatalf("delivery: %+v", d)
	}
	attempts := call[listJSON[attemptJSON]](t, f.apiClient, http.StatusOK, "GET", "/deliveries/"+id+"/attempts", "").Items
	if len(attempts) != 2 {
		t.Fatalf("attempts: %+v", attempts)
	}
	second, first := attempts[0], attempts[1]
	if first.Number != 1 || first.Response.Status != 500 || first.Response.Body != (contentJSON{"YnJv/2tlbg==", true}) ||
		first.ErrorClass != store.ErrorStatus || first.Error == "" || first.NextAttemptAt.IsZero() || first.Timing.Total <= 0 {
		t.Errorf("first attempt: %+v", first)
	}
	if second.Number != 2 || second.Response.Body != (contentJSON{"<gone>", false}) ||
		second.Request.Headers.Get("Webhook-Id") != d.EventID || strings.Contains(second.Request.URL, "t0ken") {
		t.Errorf("second attempt: %+v", second)
	}
	path := "/endpoints/" + e.ID
	eventuallyAPI(t, func() bool {
		got := call[endpointJSON](t, f.apiClient, http.StatusOK, "GET", path, "")
		return got.Disabled && got.DisabledReason != ""
	}, func() string { return "the endpoint is not disabled, with a reason" })
	if p := call[problem](t, f.apiClient, http.StatusConflict, "POST", "/deliveries/"+id+"/replay", ""); p.Type != typeDisabled {
		t.Errorf("replay to a disabled endpoint: %+v", p)
	}

	// The customer repairs the receiver, and has it sent again.
	receiver.Script(sendertest.Status(200))
	call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"disabled":false}`)
	if got := call[deliveryJSON](t, f.apiClient, http.StatusAccepted, "POST", "/deliveries/"+id+"/replay", "{}"); got.Round != 2 || got.State != store.Pending {
		t.Errorf("replay: %+v", got)
	}
	waitForState(t, f.apiClient, id, store.Succeeded)
	ping := call[attemptJSON](t, f.apiClient, http.StatusOK, "POST", path+"/test", "{}")
	if !ping.Succeeded || ping.Trigger != store.TriggerTest {
		t.Errorf("test: %+v", ping)
	}
	checkProblem(t, "replay of a test", f.do(t, "POST", "/deliveries/"+ping.DeliveryID+"/replay", ""), []string{"delivery"})
	checkFilters(t, f.apiClient, e.ID, d.EventID, began.UTC().Format(time.RFC3339Nano))

	stats := call[statsJSON](t, f.apiClient, http.StatusOK, "GET", "/stats?endpoint="+e.ID, "")
	if len(stats.Buckets) != 1 || stats.Buckets[0].Succeeded != 2 || stats.Buckets[0].Failed != 2 || stats.Buckets[0].P99 <= 0 {
		t.Errorf("stats: %+v", stats)
	}
	if exact := call[statsJSON](t, f.apiClient, http.StatusOK, "GET", "/stats?since=2026-01-01T10:30:00Z&until=2026-01-01T16:30:00Z&bucket=10m", ""); len(exact.Buckets) != 36 {
		t.Errorf("%d buckets of ten minutes in six hours", len(exact.Buckets))
	}
	if stats = call[statsJSON](t, f.apiClient, http.StatusOK, "GET", "/stats?bucket=1h", ""); len(stats.Buckets) != 24 {
		t.Errorf("%d buckets of an hour, want 24", len(stats.Buckets))
	}
	if log := f.logs.String(); strings.Contains(log, e.Secret) || strings.Contains(log, "t0ken") {
		t.Errorf("log:\n%s", log)
	}
}

// checkFilters lists an event's one delivery and the test's.
func checkFilters(t *testing.T, c apiClient, endpointID, eventID, since string) {
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
		page := call[listJSON[deliveryJSON]](t, c, http.StatusOK, "GET", "/deliveries?"+query, "")
		if len(page.Items) != want || (page.NextCursor != "") != (query == "limit=1") {
			t.Errorf("%s: %d deliveries, want %d; next %q", query, len(page.Items), want, page.NextCursor)
		}
	}
}

// A delivery that was replayed often has more attempts than a page.
func TestAttemptsComeInPages(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	f.work(t)
	receiver := sendertest.NewReceiver(t, nil)
	addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`"}`)
	id := f.send(t, "review.completed", `1`)[0]
	for range 2 {
		waitForState(t, f.apiClient, id, store.Succeeded)
		call[deliveryJSON](t, f.apiClient, http.StatusAccepted, "POST", "/deliveries/"+id+"/replay", "")
	}
	waitForState(t, f.apiClient, id, store.Succeeded)
	var rounds []int
	for query := "?limit=2"; query != ""; {
		page := call[listJSON[attemptJSON]](t, f.apiClient, http.StatusOK, "GET", "/deliveries/"+id+"/attempts"+query, "")
		for _, a := range page.Items {
			rounds = append(rounds, a.Round)
		}
		query = ""
		if page.NextCursor != "" {
			query = "?limit=2&cursor=" + page.NextCursor
		}
	}
	if fmt.Sprint(rounds) != "[3 2 1]" {
		t.Errorf("rounds of the attempts: %v, want 3, 2 and 1", rounds)
	}
}

// A payload that was too old to be kept is null, and so is one whose event is gone.
func TestPayloadsThatAreGone(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	ids := seed(t, f)
	path := "/deliveries/" + ids["deliveries"]
	if d := call[deliveryWithPayloadJSON](t, f.apiClient, http.StatusOK, "GET", path, ""); d.Payload == nil || d.Payload.Text != `{"a":1}` {
		t.Fatalf("delivery: %+v", d)
	}
	if _, err := store.Purge(t.Context(), f.store, store.PurgeFilter{BodiesBefore: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if d := call[deliveryWithPayloadJSON](t, f.apiClient, http.StatusOK, "GET", path, ""); d.Payload != nil || d.ID != ids["deliveries"] {
		t.Errorf("delivery: %+v", d)
	}
}

func TestContentTypesAndBytes(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	addEndpoint(t, f.apiClient, plainEndpoint)
	receipt, err := f.sender.Send(t.Context(), sender.Event{Tenant: "acme", Type: "a", Payload: []byte("\xff"), ContentType: "application/octet-stream"})
	if err != nil {
		t.Fatal(err)
	}
	d := call[deliveryWithPayloadJSON](t, f.apiClient, http.StatusOK, "GET", "/deliveries/"+receipt.Deliveries[0].ID, "")
	if d.Payload == nil || *d.Payload != (payloadJSON{contentJSON{"/w==", true}, "application/octet-stream"}) {
		t.Errorf("payload: %+v", d.Payload)
	}
}

func TestEventTypes(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	types := call[listJSON[eventTypeJSON]](t, f.apiClient, http.StatusOK, "GET", "/event-types", "")
	if len(types.Items) != 2 || fmt.Sprintf("%+s", types.Items[0]) !=
		`{review.completed Reviews A review was completed. {"example":"<1>"} {"type":"object"}}` || types.Items[1].Name != "review.started" {
		t.Errorf("types: %+s", types)
	}
	none := newAPI(t, func(c *Config) { c.Sender.Events, c.Profiles = nil, nil })
	if got := none.do(t, "GET", "/event-types", "").body; got != `{"items":[],"next_cursor":""}`+"\n" {
		t.Errorf("no types: %s", got)
	}
	if got := none.do(t, "GET", "/profiles", "").body; got != `{"items":[{"name":"","default":true}],"next_cursor":""}`+"\n" {
		t.Errorf("no profiles: %s", got)
	}
}

// What is wrong with the host's profiles and keys is nothing to its customers.
func TestErrorsOfTheHostAreNotShown(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	receiver := sendertest.NewReceiver(t, nil)
	e := addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`"}`)
	stored, err := f.store.GetEndpoint(t.Context(), "acme", e.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.Profile = "gone"
	if err := f.store.PutEndpoint(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	a := call[attemptJSON](t, f.apiClient, http.StatusOK, "POST", "/endpoints/"+e.ID+"/test", "")
	d := call[deliveryWithPayloadJSON](t, f.apiClient, http.StatusOK, "GET", "/deliveries/"+a.DeliveryID, "")
	want := hostErrors[store.ErrorConfig]
	if a.Succeeded || a.ErrorClass != store.ErrorConfig || a.Error != want || d.LastError != want {
		t.Errorf("attempt %+v\ndelivery %+v", a, d)
	}
}

func TestShowError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		class      store.ErrorClass
		text, want string
	}{
		{"", "", ""},
		{store.ErrorStatus, "answered 500", "answered 500"},
		{
			store.ErrorBlocked, "Endpoint.URL names this machine, must be public (Config.UnsafeAllowHosts and UnsafeAllowCIDRs permit others)",
			"Endpoint.URL names this machine, must be public",
		},
		{store.ErrorSigning, "sign: kms.internal refuses", hostErrors[store.ErrorSigning]},
		{store.ErrorPanic, "panic in the signing scheme", hostErrors[store.ErrorPanic]},
		{store.ErrorConfig, `Endpoint.Profile is "gone"`, hostErrors[store.ErrorConfig]},
	} {
		if got := showError(tc.class, tc.text); got != tc.want {
			t.Errorf("%s %q: %q, want %q", tc.class, tc.text, got, tc.want)
		}
	}
}
