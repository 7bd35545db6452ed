package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestGarbage(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	cases := []struct {
		method, path, contentType, body string
		status                          int
		fields                          string // that the errors name, in order
	}{
		{"POST", "acme/events", jsonType, `{`, 400, ""},
		{"POST", "acme/events", jsonType, `nonsense`, 400, ""},
		{"POST", "acme/events", jsonType, `[]`, 400, ""},
		{"POST", "acme/events", jsonType, `"type"`, 400, ""},
		{"POST", "acme/events", jsonType, `{"type":"a","payload":1} {}`, 400, ""},
		{"POST", "acme/events", jsonType, "{\"type\":\"a\xff\",\"payload\":1}", 400, ""},
		{"POST", "acme/events", jsonType, strings.Repeat(`{"payload":`, 20_000), 400, ""},
		{"POST", "acme/events", jsonType, ``, 400, "type payload"},
		{"POST", "acme/events", jsonType, `null`, 400, "type payload"},
		{"POST", "acme/events", jsonType, `{"type":"a","payload":1,"typo":1}`, 400, "typo"},
		{"POST", "acme/events", "text/plain", `{"type":"a","payload":1}`, 415, ""},
		{"POST", "acme/events", "", `{"type":"a","payload":1}`, 415, ""},
		{"POST", "acme/events", jsonType, `{}`, 400, "type payload"},
		{"POST", "acme/events", jsonType, `{"id":"a.b","type":"order..paid","payload":1}`, 400, "id type"},
		{"POST", "acme/events", jsonType, `{"id":7,"type":"a","payload":1}`, 400, "id"},
		{"POST", "acme/events", jsonType, `{"type":"a","payload":"` + strings.Repeat("x", 1<<20) + `"}`, 400, "payload"},
		{"POST", "acme/events", jsonType, `{"type":"a","payload":"` + strings.Repeat("x", 2<<20) + `"}`, 413, ""},
		{"POST", "acme/events", jsonType, `{"type":"a","payload":}`, 400, ""},
		{"POST", "*/events", jsonType, `{"type":"a","payload":1}`, 400, "tenant"},
		{"POST", strings.Repeat("x", 300) + "/events", jsonType, `{"type":"a","payload":1}`, 400, "tenant"},

		{"GET", "*/deliveries", "", "", 400, "tenant"},
		{"GET", "%2A/deliveries", "", "", 400, "tenant"},
		{"GET", "%00/deliveries", "", "", 400, "tenant"},
		{"GET", "%FF/deliveries", "", "", 400, "tenant"},
		{"GET", "acme/endpoints?cursor=%2A", "", "", 400, "cursor"}, // the portal's own: it has tests of its own
		{"GET", "acme/endpoints/x';DROP%20TABLE%20outhook_endpoints;--", "", "", 404, ""},
		{"GET", "acme/endpoints/%00", "", "", 404, ""},
		{"PUT", "acme/endpoints", jsonType, `{}`, 405, ""},
		{"DELETE", "acme/events", "", "", 405, ""},
		{"GET", "acme/nothing", "", "", 404, ""},
		{"GET", "/", "", "", 404, ""},
		{"POST", "/healthz", "", "", 405, ""},
	}
	onEach(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		for _, tc := range cases {
			got, err := f.try(t.Context(), tc.method, tc.path, tc.contentType, tc.body)
			if err != nil {
				t.Errorf("%s %.100s %.100s: %v", tc.method, tc.path, tc.body, err)
				continue
			}
			if got.status != tc.status {
				t.Errorf("%s %.100s %.100s: %d %.300s, want %d", tc.method, tc.path, tc.body, got.status, got.body, tc.status)
				continue
			}
			checkProblem(t, tc.method+" "+tc.path, got, strings.Fields(tc.fields))
		}
		// None of it has done anything.
		for _, s := range []string{"endpoints", "deliveries"} {
			if items := call[list[json.RawMessage]](t, f.client, 200, "GET", "acme/"+s, "").Items; len(items) != 0 {
				t.Errorf("%s: %s", s, items)
			}
		}
		if log := f.logs.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("errors in the log:\n%.2000s", log)
		}
	})
}

// checkProblem wants an answer as RFC 9457 has it, about the fields.
func checkProblem(t *testing.T, what string, got answered, fields []string) {
	t.Helper()
	if contentType := got.header.Get("Content-Type"); contentType != "application/problem+json" {
		t.Errorf("%.100s: Content-Type %q", what, contentType)
	}
	var p problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.status || p.Type == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("%.100s: %v, %s", what, err, got.body)
	}
	named := []string{}
	for _, e := range p.Errors {
		named = append(named, e.Field)
	}
	if !slices.Equal(named, fields) {
		t.Errorf("%.100s: errors of %q, want of %q: %s", what, named, fields, got.body)
	}
	for _, word := range []string{"Config", "sender.", "store.", "goroutine", "json:", "SQL"} {
		if strings.Contains(got.body, word) {
			t.Errorf("%.100s: the answer has %q: %s", what, word, got.body)
		}
	}
}

func TestErrorsTellNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	for _, tc := range []struct {
		h      handler
		status int
	}{
		{func(*http.Request) (reply, error) { panic("whsec_hidden") }, 500},
		{func(*http.Request) (reply, error) { return reply{}, errors.New("connect to whsec_hidden") }, 503},
		{func(r *http.Request) (reply, error) { var none []int; return reply{status: none[len(r.URL.Path)]}, nil }, 500},
	} {
		mux := http.NewServeMux()
		mux.Handle("/x", f.svc.answer(patience, tc.h))
		got := httptest.NewRecorder()
		(&front{mux: mux, log: f.svc.log}).ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/x", nil))
		if got.Code != tc.status || strings.Contains(got.Body.String(), "hidden") {
			t.Errorf("%d %s, want %d", got.Code, got.Body, tc.status)
		}
	}
	if log := f.logs.String(); !strings.Contains(log, "Recovered from a panic") || strings.Contains(log, "panic(\"whsec_hidden") {
		t.Errorf("log:\n%s", log)
	}
}
