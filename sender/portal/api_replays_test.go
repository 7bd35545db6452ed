package portal

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// A bulk replay from the question how many, to its end.
func TestReplays(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	f.work(t)
	receiver := sendertest.NewReceiver(t, nil)
	receiver.Script(sendertest.Status(500))
	e := addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`"}`)
	var ids []string
	for range 3 {
		ids = append(ids, f.send(t, "review.completed", `1`)...)
	}
	for _, id := range ids {
		waitForState(t, f.apiClient, id, store.Failed)
	}
	for query, want := range map[string]int{
		"": 3, "state=failed": 3, "state=canceled,succeeded": 0, "endpoint=" + e.ID: 3, "endpoint=ep_other": 0,
		"event_type=review.completed": 3, "event_type=x": 0, "since=2999-01-01T00:00:00Z": 0, "until=2026-01-01T00:00:00Z": 0,
	} {
		if p := call[previewJSON](t, f.apiClient, http.StatusOK, "GET", "/replays/preview?"+query, ""); p != (previewJSON{Matching: want}) {
			t.Errorf("%s: %+v, want %d", query, p, want)
		}
	}

	receiver.Script(sendertest.Status(200))
	body := `{"endpoint_id":"` + e.ID + `","event_type":"review.completed","states":["failed"],"since":"2026-01-01T00:00:00+01:00","until":null}`
	r := call[replayJSON](t, f.apiClient, http.StatusAccepted, "POST", "/replays", body)
	if r.Total != 3 || r.State != store.ReplayRunning || r.EndpointID != e.ID || r.EventType != "review.completed" ||
		fmt.Sprint(r.States) != "[failed]" || r.Since.IsZero() || r.Until.IsZero() {
		t.Errorf("started: %+v", r)
	}
	path := "/replays/" + r.ID
	eventuallyAPI(t, func() bool {
		r = call[replayJSON](t, f.apiClient, http.StatusOK, "GET", path, "")
		return r.State == store.ReplayFinished
	}, func() string { return fmt.Sprintf("replay %+v", r) })
	if r.Replayed != 3 || r.Skipped != 0 || r.EndedAt.IsZero() {
		t.Errorf("finished: %+v", r)
	}
	for _, id := range ids {
		waitForState(t, f.apiClient, id, store.Succeeded)
	}
	// What has ended stays as it is.
	if again := call[replayJSON](t, f.apiClient, http.StatusOK, "POST", path+"/cancel", ""); again.State != store.ReplayFinished {
		t.Errorf("canceled after its end: %+v", again)
	}
}

// Without workers replays wait, can be canceled twice, and are bounded.
func TestReplaysThatWait(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	var first replayJSON
	for i := range 10 {
		r := call[replayJSON](t, f.apiClient, http.StatusAccepted, "POST", "/replays", sinceEver)
		if i == 0 {
			first = r
		}
	}
	p := call[problem](t, f.apiClient, http.StatusConflict, "POST", "/replays", sinceEver)
	if p.Type != typeTooMany {
		t.Errorf("one more: %+v", p)
	}
	path := "/replays/" + first.ID
	canceled := call[replayJSON](t, f.apiClient, http.StatusOK, "POST", path+"/cancel", "{}")
	again := call[replayJSON](t, f.apiClient, http.StatusOK, "POST", path+"/cancel", "")
	if canceled.State != store.ReplayCanceled || again.State != canceled.State || !again.EndedAt.Equal(canceled.EndedAt) {
		t.Errorf("canceled: %+v, then %+v", canceled, again)
	}
	call[replayJSON](t, f.apiClient, http.StatusAccepted, "POST", "/replays", sinceEver)

	seen := 0
	for query := "?limit=4"; query != ""; {
		page := call[listJSON[replayJSON]](t, f.apiClient, http.StatusOK, "GET", "/replays"+query, "")
		seen += len(page.Items)
		query = ""
		if page.NextCursor != "" {
			query = "?limit=4&cursor=" + page.NextCursor
		}
	}
	if seen != 11 {
		t.Errorf("%d replays in the pages, want 11", seen)
	}
}

// A preview stops counting.
func TestPreviewIsBounded(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	for i, add := range []int{maxPreview, 1} {
		event := store.Event{ID: fmt.Sprint("evt_", i), Tenant: "acme", Type: "a", Payload: []byte("1"), CreatedAt: time.Now()}
		deliveries := make([]store.Delivery, add)
		for j := range deliveries {
			deliveries[j] = store.Delivery{
				ID: fmt.Sprintf("dlv_%d_%d", i, j), Tenant: "acme", EventID: event.ID, EndpointID: fmt.Sprint("ep_", j),
				State: store.Failed, Round: 1, CreatedAt: time.Now(),
			}
		}
		if err := f.store.CreateEvent(t.Context(), event, deliveries); err != nil {
			t.Fatal(err)
		}
		p := call[previewJSON](t, f.apiClient, http.StatusOK, "GET", "/replays/preview", "")
		if p != (previewJSON{maxPreview, i == 1}) {
			t.Errorf("preview %+v", p)
		}
	}
}

// sinceEver asks for all that failed.
const sinceEver = `{"since":"2020-01-01T00:00:00Z"}`
