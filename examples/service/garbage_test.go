package main

import (
	"cmp"
	"encoding/base64"
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
	forged := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	const jsonType = "application/json"
	cases := []struct {
		method, path, contentType, body string
		status                          int
		fields                          string // that the errors name, in order
	}{
		{"POST", "acme/endpoints", jsonType, `{`, 400, ""},
		{"POST", "acme/endpoints", jsonType, `nonsense`, 400, ""},
		{"POST", "acme/endpoints", jsonType, `[]`, 400, ""},
		{"POST", "acme/endpoints", jsonType, `"url"`, 400, ""},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://example.com"} {}`, 400, ""},
		{"POST", "acme/endpoints", jsonType, "{\"url\":\"https://example.com/\xff\"}", 400, ""},
		{"POST", "acme/endpoints", jsonType, strings.Repeat(`{"url":`, 20_000), 400, ""},
		{"POST", "acme/endpoints", jsonType, ``, 400, "url"},
		{"POST", "acme/endpoints", jsonType, `null`, 400, "url"},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://example.com","uri":1}`, 400, "uri"},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://example.com","disabled":true}`, 400, "disabled"},
		{"POST", "acme/endpoints", jsonType, `{"url":5}`, 400, "url"},
		{"POST", "acme/endpoints", jsonType, `{"event_types":"order.paid"}`, 400, "event_types"},
		{"POST", "acme/endpoints", jsonType, `{"event_types":[1]}`, 400, "event_types"},
		{"POST", "acme/endpoints", jsonType, `{"headers":{"a":1}}`, 400, "headers"},
		{"POST", "acme/endpoints", jsonType, `{"timeout":15}`, 400, "timeout"},
		{"POST", "acme/endpoints", jsonType, `{"timeout":"soon"}`, 400, "timeout"},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://example.com","rate_limit":{"per_second":-1,"burst":-1}}`, 400, "rate_limit.per_second rate_limit.burst"},
		{"POST", "acme/endpoints", jsonType, `{"timeout":"9999999h"}`, 400, "timeout"},
		{
			"POST", "acme/endpoints", jsonType, `{"timeout":"1ns","url":"ftp://x","profile":"nix","event_types":["a b"],"headers":{"host":"x"}}`,
			400, "url event_types[0] timeout profile headers[Host]",
		},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://user:pass@example.com"}`, 400, "url"},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://example.com","description":"a\u0000b"}`, 400, "description"},
		{"POST", "acme/endpoints", jsonType, `{"url":"https://example.com","headers":{"a(b":"c","x":"\u0000"}}`, 400, "headers[X] headers[a(b]"},
		{"POST", "acme/endpoints", "text/plain", `{"url":"https://example.com"}`, 415, ""},
		{"POST", "acme/endpoints", "", `{"url":"https://example.com"}`, 415, ""},
		{"POST", "acme/endpoints", jsonType, `{"url":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
		{"PATCH", "acme/endpoints/ep_1", jsonType, `{"version":"1"}`, 400, "version"},
		{"PATCH", "acme/endpoints/ep_1", jsonType, `{"version":1.5}`, 400, "version"},
		{"PATCH", "acme/endpoints/ep_1", jsonType, `{"disabled":"yes"}`, 400, "disabled"},
		{"PATCH", "acme/endpoints/ep_1", jsonType, `{"secret":"whsec_x"}`, 400, "secret"},
		{"PATCH", "acme/endpoints/ep_1", "application/merge-patch+json", `{}`, 404, ""},
		{"POST", "acme/endpoints/ep_1/rotate-secret", jsonType, `{"overlap":"-1h"}`, 400, "overlap"},
		{"POST", "acme/endpoints/ep_1/rotate-secret", jsonType, `{"overlap":3600}`, 400, "overlap"},
		{"POST", "acme/endpoints/ep_1/replay", jsonType, `{"since":"yesterday"}`, 400, "since"},
		{"POST", "acme/endpoints/ep_1/replay", jsonType, `{"until":17}`, 400, "until"},
		{"POST", "acme/endpoints/ep_1/test", jsonType, `{"x":1}`, 400, "x"},
		{"POST", "acme/deliveries/dlv_1/resend", jsonType, `{"x":1}`, 400, "x"},

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
		{"GET", "acme/deliveries?limit=0", "", "", 400, "limit"},
		{"GET", "acme/deliveries?limit=-1&since=x&until=2026-01-01&state=gone", "", "", 400, "limit since state until"},
		{"GET", "acme/deliveries?limit=99999999999999999999", "", "", 400, "limit"},
		{"GET", "acme/deliveries?status=failed", "", "", 400, "status"},
		{"GET", "acme/deliveries?event=a&event=b", "", "", 400, "event"},
		{"GET", "acme/deliveries?event=%00", "", "", 400, "event"},
		{"GET", "acme/deliveries?event=%FF", "", "", 400, "event"},
		{"GET", "acme/deliveries?event=%zz", "", "", 400, "?"},
		{"GET", "acme/deliveries?event='%20OR%201=1%20--", "", "", 200, ""},
		{"GET", "acme/deliveries?since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", "", "", 200, ""},
		{"GET", "acme/deliveries?cursor=nonsense", "", "", 400, ""},
		{"GET", "acme/deliveries?cursor=" + forged("17"), "", "", 400, ""},
		{"GET", "acme/deliveries?cursor=" + forged("17 a"), "", "", 0, ""},
		{"GET", "acme/deliveries?cursor=" + forged("17 a\x00b\x00c"), "", "", 0, ""},
		{"GET", "acme/deliveries?cursor=" + forged("17 \xff\x00\xff"), "", "", 0, ""},
		{"GET", "acme/deliveries?cursor=" + forged("9223372036854775807 a\x00b"), "", "", 0, ""},
		{"GET", "acme/deliveries?cursor=" + forged("-9223372036854775808 a\x00b"), "", "", 0, ""},
		{"GET", "acme/endpoints?cursor=%2A", "", "", 400, ""},
		{"GET", "acme/stats?bucket=1ns", "", "", 400, ""},
		{"GET", "acme/stats?bucket=-1h", "", "", 400, ""},
		{"GET", "acme/stats?bucket=hourly", "", "", 400, "bucket"},
		{"GET", "acme/stats?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "", "", 400, ""},
		{"GET", "acme/stats?since=0001-01-01T00:00:01Z", "", "", 400, ""},

		{"GET", "acme/endpoints/x';DROP%20TABLE%20outhook_endpoints;--", "", "", 404, ""},
		{"GET", "acme/endpoints/%00", "", "", 404, ""},
		{"GET", "acme/endpoints/%FF", "", "", 404, ""},
		{"GET", "acme/endpoints/%F0%9F%92%A9", "", "", 404, ""},
		{"GET", "acme/endpoints/" + strings.Repeat("x", 5000), "", "", 404, ""},
		{"GET", "acme/deliveries/*", "", "", 404, ""},
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
			if tc.status == 0 && got.status == http.StatusOK { // to this Store it is a cursor
				continue
			}
			tc.status = cmp.Or(tc.status, http.StatusBadRequest)
			if got.status != tc.status {
				t.Errorf("%s %.100s %.100s: %d %.300s, want %d", tc.method, tc.path, tc.body, got.status, got.body, tc.status)
				continue
			}
			if got.status != http.StatusOK {
				checkProblem(t, tc.method+" "+tc.path, got, strings.Fields(tc.fields))
			}
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
