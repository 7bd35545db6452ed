package portal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

// apiRouteList are the API's routes, with what they need.
func apiRouteList(p *portal) map[string]Permission {
	routes := map[string]Permission{}
	p.apiRoutes(func(pattern string, needs Permission, _ time.Duration, _ apiHandler) { routes[pattern] = needs })
	return routes
}

// splitRoute returns the method of a pattern, and its path with the ids in place of {id}.
func splitRoute(pattern string, ids map[string]string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " "+apiRoot)
	kind := strings.Split(path, "/")[1]
	return method, strings.ReplaceAll(path, "{id}", ids[kind])
}

// seed gives acme one of each thing.
func seed(t *testing.T, f *apiFixture) map[string]string {
	t.Helper()
	e := addEndpoint(t, f.apiClient, `{"url":"https://example.com","headers":{"X":"1"}}`)
	id := f.send(t, "review.completed", `{"a":1}`)[0]
	d, err := f.store.GetDelivery(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	d.State, d.NextAttemptAt, d.EndedAt = store.Failed, time.Time{}, time.Now()
	a := store.Attempt{ID: "att_1", DeliveryID: id, Tenant: "acme", EventID: d.EventID, EndpointID: e.ID, Round: 1, Number: 1, StartedAt: time.Now()}
	if err := f.store.UpdateDelivery(t.Context(), d, &a); err != nil {
		t.Fatal(err)
	}
	r := call[replayJSON](t, f.apiClient, http.StatusAccepted, "POST", "/replays", sinceEver)
	return map[string]string{"endpoints": e.ID, "deliveries": id, "replays": r.ID}
}

// everything is all that the API shows of acme, to be compared.
func everything(t *testing.T, f *apiFixture, ids map[string]string) string {
	t.Helper()
	var all bytes.Buffer
	for _, path := range []string{
		"/endpoints", "/endpoints/" + ids["endpoints"] + "/secrets", "/deliveries", "/deliveries/" + ids["deliveries"],
		"/deliveries/" + ids["deliveries"] + "/attempts", "/replays",
	} {
		all.WriteString(f.do(t, "GET", path, "").body)
	}
	return all.String()
}

// What belongs to a tenant is not there for another one, whose name may differ
// by a letter's case or look like a part of a statement.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	ids := seed(t, f)
	before := everything(t, f, ids)
	for _, tenant := range []string{"Acme", "acme2", "x' OR '1'='1", "../acme", "%"} {
		other := f.as(tenant, All)
		checked := 0
		for pattern := range apiRouteList(f.portal) {
			if !strings.Contains(pattern, "{id}") {
				continue
			}
			checked++
			method, path := splitRoute(pattern, ids)
			got := other.do(t, method, path, "")
			if got.status != http.StatusNotFound {
				t.Errorf("%s %s of %s: %d %s, want 404", method, path, tenant, got.status, got.body)
			}
			checkProblem(t, pattern, got, nil)
		}
		if checked < 10 {
			t.Errorf("%d routes with an id, want all", checked)
		}
		for _, path := range []string{
			"/endpoints", "/deliveries", "/deliveries?endpoint=" + ids["endpoints"], "/replays",
		} {
			if items := call[listJSON[json.RawMessage]](t, other, http.StatusOK, "GET", path, "").Items; len(items) != 0 {
				t.Errorf("%s of %s: %s", path, tenant, items)
			}
		}
		byEndpoint := "endpoint=" + ids["endpoints"]
		if p := call[previewJSON](t, other, http.StatusOK, "GET", "/replays/preview?"+byEndpoint, ""); p != (previewJSON{}) {
			t.Errorf("preview of %s: %+v", tenant, p)
		}
		if r := call[replayJSON](t, other, http.StatusAccepted, "POST", "/replays", `{"endpoint_id":"`+ids["endpoints"]+`"}`); r.Total != 0 {
			t.Errorf("replay of %s: %+v", tenant, r)
		}
		s := call[statsJSON](t, other, http.StatusOK, "GET", "/stats?"+byEndpoint, "")
		if s.Buckets[0].Failed+s.Buckets[0].Succeeded != 0 {
			t.Errorf("stats of %s: %+v", tenant, s)
		}
	}
	if after := everything(t, f, ids); after != before {
		t.Errorf("another tenant has changed something:\n%s\nwas\n%s", after, before)
	}
}

// Each route refuses those who lack one of its permissions, and does nothing.
func TestPermissions(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	ids := seed(t, f)
	before := everything(t, f, ids)
	for pattern, needs := range apiRouteList(f.portal) {
		method, path := splitRoute(pattern, ids)
		for _, lacking := range []Permission{View, Secrets, Manage, Replay} {
			if needs&lacking == 0 {
				continue
			}
			got := f.as("acme", All&^lacking).do(t, method, path, `{"url":"https://example.com"}`)
			if got.status != http.StatusForbidden {
				t.Errorf("%s without %b: %d %s", pattern, lacking, got.status, got.body)
			}
			checkProblem(t, pattern, got, nil)
		}
		if got := f.as("", All).do(t, method, path, ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s of nobody: %d %s", pattern, got.status, got.body)
		}
	}
	if after := everything(t, f, ids); after != before {
		t.Errorf("something has changed:\n%s\nwas\n%s", after, before)
	}
	if needs := apiRouteList(f.portal)["GET "+apiRoot+"/endpoints/{id}/secrets"]; needs != View|Secrets {
		t.Errorf("secrets need %b", needs)
	}
}
