package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
)

func TestEndpoints(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		c := newFixture(t, address).client
		created := addEndpoint(t, c, `{"url":"https://example.com/hook?key=1","event_types":["order.*"],"profile":"jam",
			"description":"orders – ünïcode","headers":{"authorization":"Bearer t0ken","x-team":"a"},"timeout":"2.5s",
			"rate_limit":{"per_second":0.5,"burst":3}}`)
		if !strings.HasPrefix(created.Secret, "whsec_") || !strings.HasPrefix(created.ID, "ep_") || created.Version != 1 {
			t.Fatalf("created %+v", created)
		}
		path := "acme/endpoints/" + created.ID
		got := c.do(t, "GET", path, "")
		for _, hidden := range []string{created.Secret, "t0ken", `"secret"`} {
			if strings.Contains(got.body, hidden) {
				t.Errorf("GET shows %q: %s", hidden, got.body)
			}
		}
		e := call[endpoint](t, c, http.StatusOK, "GET", path, "")
		if e.URL != "https://example.com/hook?key=1" || e.Profile != "jam" || e.Description != "orders – ünïcode" ||
			!slices.Equal(e.EventTypes, []string{"order.*"}) || e.Timeout == nil || time.Duration(*e.Timeout) != 2500*time.Millisecond ||
			e.RateLimit == nil || *e.RateLimit != (rateLimit{0.5, 3}) ||
			fmt.Sprint(e.Headers) != "map[Authorization:[redacted] X-Team:[redacted]]" {
			t.Errorf("GET: %+v", e)
		}

		// What is absent stays, null is the default, and headers are merged.
		e = call[endpoint](t, c, http.StatusOK, "PATCH", path,
			`{"description":null,"timeout":null,"rate_limit":null,"headers":{"Authorization":null,"x-b":"1"},"event_types":["a","b"],"disabled":true}`)
		if e.URL != "https://example.com/hook?key=1" || e.Description != "" || e.Timeout != nil || e.RateLimit != nil || !e.Disabled || e.DisabledAt.IsZero() ||
			fmt.Sprint(e.Headers) != "map[X-B:[redacted] X-Team:[redacted]]" || !slices.Equal(e.EventTypes, []string{"a", "b"}) || e.Version != 2 {
			t.Errorf("PATCH: %+v", e)
		}
		e = call[endpoint](t, c, http.StatusOK, "PATCH", path, `{"headers":null,"event_types":null,"disabled":null,"version":2}`)
		if len(e.Headers) != 0 || len(e.EventTypes) != 0 || e.Disabled || !e.DisabledAt.IsZero() {
			t.Errorf("PATCH with null: %+v", e)
		}
		if p := call[problem](t, c, http.StatusConflict, "PATCH", path, `{"description":"late","version":2}`); p.Type != typeConflict {
			t.Errorf("a stale version: %+v", p)
		}

		call[struct{}](t, c, http.StatusNoContent, "DELETE", path, "")
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			call[problem](t, c, http.StatusNotFound, method, path, "")
		}
	})
}

// The secret of a tenant who moves from another system is used as it is.
func TestEndpointWithASecret(t *testing.T) {
	t.Parallel()
	c := newFixture(t, memory).client
	const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	if e := addEndpoint(t, c, `{"url":"https://example.com","secret":"`+secret+`"}`); e.Secret != secret {
		t.Errorf("secret %q", e.Secret)
	}
	got := c.do(t, "POST", "acme/endpoints", `{"url":"https://example.com","secret":"whsec_tooshort"}`)
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"field":"secret"`) || strings.Contains(got.body, "tooshort") {
		t.Errorf("a secret that is none: %d %s", got.status, got.body)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		c := newFixture(t, address).client
		var want []string
		for range 5 {
			want = append(want, addEndpoint(t, c, `{"url":"https://example.com"}`).ID)
		}
		slices.Reverse(want)
		var got []string
		for path := "acme/endpoints?limit=2"; path != ""; {
			page := call[list[endpoint]](t, c, http.StatusOK, "GET", path, "")
			for _, e := range page.Items {
				got = append(got, e.ID)
			}
			path = ""
			if page.NextCursor != "" {
				path = "acme/endpoints?limit=2&cursor=" + page.NextCursor
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages %q, want %q", got, want)
		}
		if n := len(call[list[endpoint]](t, c, http.StatusOK, "GET", "globex/endpoints", "").Items); n != 0 {
			t.Errorf("another tenant sees %d endpoints", n)
		}
	})
}

// What belongs to a tenant is not there for another one, whose name may differ
// by a letter's case or look like a part of a statement.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		c := newFixture(t, address).client
		e := addEndpoint(t, c, `{"url":"https://example.com"}`)
		sent := call[eventAnswer](t, c, http.StatusAccepted, "POST", "acme/events", `{"type":"a","payload":1}`)
		for _, tenant := range []string{"Acme", "acme%20", "x'%20OR%20'1'='1", "%C3%A4cme", "..%2Facme", "%25"} {
			for _, request := range []string{
				"GET endpoints/" + e.ID, "PATCH endpoints/" + e.ID, "DELETE endpoints/" + e.ID, "POST endpoints/" + e.ID + "/test",
				"POST endpoints/" + e.ID + "/replay", "POST endpoints/" + e.ID + "/rotate-secret",
				"GET deliveries/" + sent.Deliveries[0], "POST deliveries/" + sent.Deliveries[0] + "/resend",
			} {
				method, path, _ := strings.Cut(request, " ")
				if got := c.do(t, method, tenant+"/"+path, ""); got.status != http.StatusNotFound {
					t.Errorf("%s %s/%s: %d %s, want 404", method, tenant, path, got.status, got.body)
				}
			}
			if items := call[list[delivery]](t, c, http.StatusOK, "GET", tenant+"/deliveries?endpoint="+e.ID, "").Items; len(items) != 0 {
				t.Errorf("%s sees %+v", tenant, items)
			}
		}
		call[endpointAnswer](t, c, http.StatusCreated, "POST", "%E2%9C%93%20%E4%BC%81%E6%A5%AD/endpoints", `{"url":"https://example.com"}`)
		if n := len(call[list[endpoint]](t, c, http.StatusOK, "GET", "%E2%9C%93%20%E4%BC%81%E6%A5%AD/endpoints", "").Items); n != 1 {
			t.Errorf("a tenant in other letters has %d endpoints, want 1", n)
		}
	})
}

// What a tenant may have is bounded, and the answers say which bound it was.
func TestBoundsOfATenant(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.svc.cfg.MaxEndpoints, f.svc.cfg.MaxPending = 1, 1
	var err error
	if f.svc.sender, err = sender.New(f.svc.cfg); err != nil {
		t.Fatal(err)
	}
	addEndpoint(t, f.client, `{"url":"https://example.com"}`)
	p := call[problem](t, f.client, http.StatusConflict, "POST", "acme/endpoints", `{"url":"https://example.com"}`)
	if p.Type != typeTooMany {
		t.Errorf("a second endpoint: %+v", p)
	}
	const order = `{"type":"order.paid","payload":1}`
	call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", order)
	got := f.do(t, "POST", "acme/events", order)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("a second event: %d %s %s", got.status, got.header, got.body)
	}
}

// An endpoint that fails says since when, is disabled after days of it, and begins
// anew when its tenant enables it: in every database, which is the time of this test.
func TestEndpointHealth(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		f.svc.cfg.Profile.Retry = retry.Schedule{0}
		f.svc.cfg.DisableAfterDeliveries = 2
		var err error
		if f.svc.sender, err = sender.New(f.svc.cfg); err != nil {
			t.Fatal(err)
		}
		f.work(t)
		receiver := sendertest.NewReceiver(t, nil)
		receiver.Script(sendertest.Status(500))
		e := addEndpoint(t, f.client, `{"url":"`+receiver.URL()+`"}`)
		path := "acme/endpoints/" + e.ID
		const order = `{"type":"order.paid","payload":1}`
		// send sends an event, and waits until the endpoint is as it is to be then.
		send := func(done func(e endpoint) bool) {
			t.Helper()
			call[eventAnswer](t, f.client, http.StatusAccepted, "POST", "acme/events", order)
			var got endpoint
			eventually(t, func() bool {
				got = call[endpoint](t, f.client, http.StatusOK, "GET", path, "")
				return done(got)
			}, func() string { return fmt.Sprintf("the endpoint is %+v", got) })
		}
		failing := func(e endpoint) bool { return !e.FailingSince.IsZero() && !e.Disabled }
		well := func(e endpoint) bool { return e.FailingSince.IsZero() && !e.Disabled }
		send(failing)
		receiver.Script()
		send(well)
		receiver.Script(sendertest.Status(500))
		send(failing)

		stored, err := f.svc.db.store.GetEndpoint(t.Context(), "acme", e.ID)
		if err != nil {
			t.Fatal(err)
		}
		stored.FailingSince = stored.FailingSince.Add(-121 * time.Hour)
		if err := f.svc.db.store.PutEndpoint(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		send(func(e endpoint) bool { return e.Disabled && strings.HasPrefix(e.DisabledReason, "every attempt since") })
		if e := call[endpoint](t, f.client, http.StatusOK, "PATCH", path, `{"disabled":false}`); !well(e) {
			t.Errorf("enabled again: %+v", e)
		}
		send(failing)
	})
}
