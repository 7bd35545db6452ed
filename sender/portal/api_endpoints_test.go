package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

const plainEndpoint = `{"url":"https://example.com"}`

func TestEndpoints(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	created := addEndpoint(t, f.apiClient, `{"url":"https://example.com/hook?key=1","event_types":["review.*"],"profile":"jam",
		"description":"orders – ünïcode","headers":{"authorization":"Bearer t0ken","x-team":"a"},"timeout":"2.5s",
		"rate_limit":{"per_second":0.5,"burst":3}}`)
	if !strings.HasPrefix(created.Secret, "whsec_") || !strings.HasPrefix(created.ID, "ep_") || created.Version != 1 {
		t.Fatalf("created %+v", created)
	}
	path := "/endpoints/" + created.ID
	got := f.do(t, "GET", path, "")
	for _, hidden := range []string{created.Secret, "t0ken", `"secret"`} {
		if strings.Contains(got.body, hidden) {
			t.Errorf("GET shows %q: %s", hidden, got.body)
		}
	}
	e := call[endpointJSON](t, f.apiClient, http.StatusOK, "GET", path, "")
	if e.URL != "https://example.com/hook?key=1" || e.Profile != "jam" || e.Description != "orders – ünïcode" ||
		!slices.Equal(e.EventTypes, []string{"review.*"}) || e.Timeout == nil || time.Duration(*e.Timeout) != 2500*time.Millisecond ||
		e.RateLimit == nil || *e.RateLimit != (rateLimitJSON{0.5, 3}) ||
		fmt.Sprint(e.Headers) != "map[Authorization:[redacted] X-Team:[redacted]]" {
		t.Errorf("GET: %+v", e)
	}

	// What is absent stays, null is the default, and what is in objects is merged.
	e = call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"rate_limit":{"burst":4}}`)
	if *e.RateLimit != (rateLimitJSON{0.5, 4}) {
		t.Errorf("PATCH of a burst: %+v", e.RateLimit)
	}
	e = call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path,
		`{"description":null,"timeout":null,"rate_limit":null,"headers":{"Authorization":null,"x-b":"1"},"event_types":["a","b"],"disabled":true}`)
	if e.URL != "https://example.com/hook?key=1" || e.Description != "" || e.Timeout != nil || e.RateLimit != nil || !e.Disabled || e.DisabledAt.IsZero() ||
		fmt.Sprint(e.Headers) != "map[X-B:[redacted] X-Team:[redacted]]" || !slices.Equal(e.EventTypes, []string{"a", "b"}) || e.Version != 3 {
		t.Errorf("PATCH: %+v", e)
	}
	e = call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"headers":null,"event_types":null,"disabled":null,"version":3}`)
	if len(e.Headers) != 0 || len(e.EventTypes) != 0 || e.Disabled || !e.DisabledAt.IsZero() {
		t.Errorf("PATCH with null: %+v", e)
	}

	call[struct{}](t, f.apiClient, http.StatusNoContent, "DELETE", path, "")
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		call[problem](t, f.apiClient, http.StatusNotFound, method, path, "")
	}
}

// What a client has read may be written back: a value that is hidden stays.
func TestHiddenHeadersStay(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	e := addEndpoint(t, f.apiClient, `{"url":"https://example.com","headers":{"X-Key":"k3y"}}`)
	path := "/endpoints/" + e.ID
	call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"headers":{"x-key":"[redacted]","X-New":"1"}}`)
	stored, err := f.store.GetEndpoint(t.Context(), "acme", e.ID)
	if err != nil || stored.Headers.Get("X-Key") != "k3y" || stored.Headers.Get("X-New") != "1" {
		t.Errorf("headers %v, %v", stored.Headers, err)
	}
	got := f.do(t, "PATCH", path, `{"headers":{"x-other":"[redacted]"}}`)
	checkProblem(t, "a hidden header that is not there", got, []string{"headers[X-Other]"})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	path := "/endpoints/" + addEndpoint(t, f.apiClient, plainEndpoint).ID
	for _, version := range []string{"0", "2", "-1"} {
		p := call[problem](t, f.apiClient, http.StatusConflict, "PATCH", path, `{"description":"late","version":`+version+`}`)
		if p.Type != typeConflict {
			t.Errorf("version %s: %+v", version, p)
		}
	}
	if e := call[endpointJSON](t, f.apiClient, http.StatusOK, "GET", path, ""); e.Version != 1 || e.Description != "" {
		t.Errorf("after refused changes: %+v", e)
	}
	const change = `{"description":"mine","version":1}`
	if e := call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, change); e.Version != 2 {
		t.Errorf("changed: %+v", e)
	}
	call[problem](t, f.apiClient, http.StatusConflict, "PATCH", path, change)
	call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"description":"again","version":null}`)
}

// Of those who change the same version at once, one does.
func TestOneOfManyChangesWins(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	path := "/endpoints/" + addEndpoint(t, f.apiClient, plainEndpoint).ID
	statuses := make(chan int)
	for i := range 8 {
		go func() {
			got, err := f.try(t.Context(), "PATCH", path, mergeBody, fmt.Sprintf(`{"description":"%d","version":1}`, i))
			if err != nil {
				t.Error(err)
			}
			statuses <- got.status
		}()
	}
	count := map[int]int{}
	for range 8 {
		count[<-statuses]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusConflict] != 7 {
		t.Errorf("statuses %v, want one 200 and 409", count)
	}
	if e := call[endpointJSON](t, f.apiClient, http.StatusOK, "GET", path, ""); e.Version != 2 {
		t.Errorf("endpoint: %+v", e)
	}
}

// busyStore has somebody else change an endpoint between a read and a write.
type busyStore struct {
	store.Store
	changes int
}

func (b *busyStore) Unwrap() store.Store { return b.Store }

func (b *busyStore) PutEndpoint(ctx context.Context, e store.Endpoint) error {
	if e.Version > 0 && b.changes > 0 {
		b.changes--
		other, err := b.GetEndpoint(ctx, e.Tenant, e.ID)
		if err != nil {
			return err
		}
		if err := b.Store.PutEndpoint(ctx, other); err != nil {
			return err
		}
	}
	return b.Store.PutEndpoint(ctx, e)
}

// A change without a version is made in spite of what workers write meanwhile, but
// not for ever.
func TestChangesAreRepeated(t *testing.T) {
	t.Parallel()
	busy := &busyStore{}
	f := newAPI(t, func(c *Config) { busy.Store, c.Sender.Store = c.Sender.Store, busy })
	path := "/endpoints/" + addEndpoint(t, f.apiClient, plainEndpoint).ID
	busy.changes = patchTries - 1
	if e := call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"description":"a"}`); e.Version != patchTries+1 || e.Description != "a" {
		t.Errorf("changed: %+v", e)
	}
	busy.changes = 1
	call[problem](t, f.apiClient, http.StatusConflict, "PATCH", path, fmt.Sprintf(`{"description":"b","version":%d}`, patchTries+1))
	busy.changes = patchTries
	if p := call[problem](t, f.apiClient, http.StatusConflict, "PATCH", path, `{"description":"c"}`); p.Type != typeConflict {
		t.Errorf("too many changes: %+v", p)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	profiles := call[listJSON[profileJSON]](t, f.apiClient, http.StatusOK, "GET", "/profiles", "")
	if want := (listJSON[profileJSON]{Items: []profileJSON{{"jam", true}, {"jasper", false}}}); !slices.Equal(profiles.Items, want.Items) {
		t.Errorf("profiles %+v, want %+v", profiles, want)
	}
	e := addEndpoint(t, f.apiClient, plainEndpoint)
	if e.Profile != "jam" {
		t.Errorf("the profile of a new endpoint is %q, want the first", e.Profile)
	}
	if e := addEndpoint(t, f.apiClient, `{"url":"https://example.com","profile":null}`); e.Profile != "jam" {
		t.Errorf("null as a profile is %q, want the first", e.Profile)
	}
	path := "/endpoints/" + e.ID
	for _, profile := range []string{`""`, `"own"`, `"nix"`} {
		body := `{"url":"https://example.com","profile":` + profile + `}`
		checkProblem(t, "POST "+profile, f.do(t, "POST", "/endpoints", body), []string{"profile"})
		checkProblem(t, "PATCH "+profile, f.do(t, "PATCH", path, body), []string{"profile"})
	}
	other := addEndpoint(t, f.apiClient, `{"url":"https://example.com","profile":"jasper","secret":"a secret of another kind"}`)
	got := f.do(t, "PATCH", "/endpoints/"+other.ID, `{"profile":"jam"}`)
	checkProblem(t, "a profile with other secrets", got, []string{"profile"})

	// What the host has given an endpoint stays, and does not come back once it is gone.
	stored, err := f.store.GetEndpoint(t.Context(), "acme", e.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.Profile = "own"
	if err := f.store.PutEndpoint(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{`{"description":"a"}`: "own", `{"profile":"own"}`: "own"} {
		if e := call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, body); e.Profile != want {
			t.Errorf("%s: profile %q, want %q", body, e.Profile, want)
		}
	}
	if e := call[endpointJSON](t, f.apiClient, http.StatusOK, "PATCH", path, `{"profile":null}`); e.Profile != "jam" {
		t.Errorf("null as a profile is %q, want the first", e.Profile)
	}
	checkProblem(t, "back to the host's", f.do(t, "PATCH", path, `{"profile":"own"}`), []string{"profile"})
}

// The secret of a customer who moves from another system is used as it is.
func TestEndpointWithASecret(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	if e := addEndpoint(t, f.apiClient, `{"url":"https://example.com","secret":"`+secret+`"}`); e.Secret != secret {
		t.Errorf("secret %q", e.Secret)
	}
	got := f.do(t, "POST", "/endpoints", `{"url":"https://example.com","secret":"whsec_tooshort"}`)
	checkProblem(t, "a secret that is none", got, []string{"secret"})
	if strings.Contains(got.body, "tooshort") {
		t.Errorf("the answer has the secret: %s", got.body)
	}
}

// During the overlap both secrets sign; without one the old secret ends at once.
func TestRotateSecret(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	receiver := sendertest.NewReceiver(t, signing.StandardWebhooks())
	e := addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`"}`)
	path := "/endpoints/" + e.ID
	accepted := func(secret string) bool {
		receiver.SetSecrets(secret)
		return call[attemptJSON](t, f.apiClient, http.StatusOK, "POST", path+"/test", "").Succeeded
	}
	second := call[rotatedJSON](t, f.apiClient, http.StatusOK, "POST", path+"/rotate-secret", "")
	if second.Secret == e.Secret || second.Until.Before(time.Now().Add(23*time.Hour)) || !accepted(e.Secret) || !accepted(second.Secret) {
		t.Errorf("after a rotation: %+v", second)
	}
	secrets := call[listJSON[secretJSON]](t, f.apiClient, http.StatusOK, "GET", path+"/secrets", "").Items
	if len(secrets) != 2 || secrets[0] != (secretJSON{Value: second.Secret}) || secrets[1].Value != e.Secret || !secrets[1].ExpiresAt.Equal(second.Until) {
		t.Errorf("secrets %+v", secrets)
	}
	third := call[rotatedJSON](t, f.apiClient, http.StatusOK, "POST", path+"/rotate-secret", `{"overlap":"0s"}`)
	if accepted(e.Secret) || accepted(second.Secret) || !accepted(third.Secret) || !third.Until.IsZero() {
		t.Errorf("after a rotation without overlap the old secrets sign, or the new one does not: %+v", third)
	}
	secrets = call[listJSON[secretJSON]](t, f.apiClient, http.StatusOK, "GET", path+"/secrets", "").Items
	if len(secrets) != 1 || secrets[0].Value != third.Secret {
		t.Errorf("secrets %+v", secrets)
	}
	week := call[rotatedJSON](t, f.apiClient, http.StatusOK, "POST", path+"/rotate-secret", `{"overlap":"168h"}`)
	if week.Until.Before(time.Now().Add(167 * time.Hour)) {
		t.Errorf("an overlap of a week: %+v", week)
	}
	for _, secret := range []string{e.Secret, second.Secret, third.Secret} {
		if strings.Contains(f.logs.String(), secret) {
			t.Errorf("a secret is in the log:\n%s", f.logs)
		}
	}

	// The host has given it a profile that is gone.
	stored, err := f.store.GetEndpoint(t.Context(), "acme", e.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.Profile = "gone"
	if err := f.store.PutEndpoint(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	got := f.do(t, "POST", path+"/rotate-secret", "")
	checkProblem(t, "without a profile", got, nil)
	if got.status != http.StatusConflict || strings.Contains(got.body, "gone") {
		t.Errorf("rotation without a profile: %d %s", got.status, got.body)
	}
}

// Those who may manage endpoints and not see secrets do not.
func TestSecretsAreForThoseWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	manager := f.as("acme", View|Manage)
	e := addEndpoint(t, manager, plainEndpoint)
	if e.Secret != "" {
		t.Errorf("created: %+v", e)
	}
	path := "/endpoints/" + e.ID
	rotated := call[rotatedJSON](t, manager, http.StatusOK, "POST", path+"/rotate-secret", "")
	if rotated.Secret != "" || rotated.Until.IsZero() {
		t.Errorf("rotated: %+v", rotated)
	}
	for _, may := range []Permission{View, Secrets, View | Manage | Replay} {
		call[problem](t, f.as("acme", may), http.StatusForbidden, "GET", path+"/secrets", "")
	}
	secrets := call[listJSON[secretJSON]](t, f.as("acme", View|Secrets), http.StatusOK, "GET", path+"/secrets", "").Items
	if len(secrets) != 2 || secrets[0].Value == "" || secrets[0].Value == secrets[1].Value {
		t.Errorf("secrets %+v", secrets)
	}
}

func TestEndpointPages(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	var want []string
	for range 5 {
		want = append(want, addEndpoint(t, f.apiClient, plainEndpoint).ID)
	}
	slices.Reverse(want)
	var got []string
	for query := "?limit=2"; query != ""; {
		page := call[listJSON[endpointJSON]](t, f.apiClient, http.StatusOK, "GET", "/endpoints"+query, "")
		for _, e := range page.Items {
			got = append(got, e.ID)
		}
		query = ""
		if page.NextCursor != "" {
			query = "?limit=2&cursor=" + page.NextCursor
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages %q, want %q", got, want)
	}
}

// What a tenant may have is bounded, and the answer says so without a number of
// the host's.
func TestTooManyEndpoints(t *testing.T) {
	t.Parallel()
	f := newAPI(t, func(c *Config) { c.Sender.MaxEndpoints = 1 })
	addEndpoint(t, f.apiClient, plainEndpoint)
	p := call[problem](t, f.apiClient, http.StatusConflict, "POST", "/endpoints", plainEndpoint)
	if p.Type != typeTooMany || strings.Contains(p.Detail, "acme") {
		t.Errorf("a second endpoint: %+v", p)
	}
}

func TestTestEvents(t *testing.T) {
	t.Parallel()
	f := newAPI(t)
	receiver := sendertest.NewReceiver(t, nil)
	path := "/endpoints/" + addEndpoint(t, f.apiClient, `{"url":"`+receiver.URL()+`?token=t0ken"}`).ID + "/test"
	for i, tc := range []struct{ body, eventType, payload string }{
		{``, "webhook.test", `"type":"webhook.test"`},
		{`{}`, "webhook.test", `"type":"webhook.test"`},
		{`{"event_type":"review.completed"}`, "review.completed", `{"example":"<1>"}`},
		{`{"event_type":"review.started"}`, "review.started", `"type":"review.started"`},
	} {
		a := call[attemptJSON](t, f.apiClient, http.StatusOK, "POST", path, tc.body)
		if !a.Succeeded || a.Trigger != store.TriggerTest || a.EventType != tc.eventType || strings.Contains(a.Request.URL, "t0ken") {
			t.Errorf("%s: %+v", tc.body, a)
		}
		if sent := string(receiver.Requests()[i].Body); !strings.Contains(sent, tc.payload) {
			t.Errorf("%s: sent %s", tc.body, sent)
		}
	}
	checkProblem(t, "another type", f.do(t, "POST", path, `{"event_type":"review.lost"}`), []string{"event_type"})

	receiver.Script(sendertest.Reset())
	if a := call[attemptJSON](t, f.apiClient, http.StatusOK, "POST", path, ""); a.Succeeded || a.Response != nil || a.ErrorClass == "" {
		t.Errorf("no answer: %+v", a)
	}
}
