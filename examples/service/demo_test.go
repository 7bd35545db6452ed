package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// demoNow is a Thursday, in the middle of the day.
var demoNow = time.Date(2026, time.January, 8, 13, 37, 11, 123456789, time.UTC)

// startTestDemo makes the fixture's service one with -demo.
func (f *fixture) startTestDemo(t *testing.T) *demo {
	t.Helper()
	d, err := startDemo(t.Context(), &f.svc.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() }) // it closes what is there
	f.svc.demo = d
	return d
}

func (f *fixture) seed(t *testing.T, now time.Time) {
	t.Helper()
	if err := f.svc.demo.seed(t.Context(), f.svc.db, now, f.svc.log); err != nil {
		t.Fatal(err)
	}
}

// remembered is all that a Store has of a tenant.
type remembered struct {
	endpoints  []store.Endpoint
	deliveries []store.Delivery
	attempts   map[string][]store.Attempt // of a delivery, the first one first
	events     map[string]store.Event
}

func remember(t *testing.T, st store.Store, tenant string) remembered {
	t.Helper()
	r := remembered{attempts: map[string][]store.Attempt{}, events: map[string]store.Event{}}
	page, err := st.ListEndpoints(t.Context(), store.EndpointFilter{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	r.endpoints = page.Items
	for a, err := range store.AllAttempts(t.Context(), st, store.AttemptFilter{Tenant: tenant, Limit: store.MaxLimit}) {
		if err != nil {
			t.Fatal(err)
		}
		r.attempts[a.DeliveryID] = append([]store.Attempt{a}, r.attempts[a.DeliveryID]...)
	}
	for d, err := range store.AllDeliveries(t.Context(), st, store.DeliveryFilter{Tenant: tenant, Limit: store.MaxLimit}) {
		if err != nil {
			t.Fatal(err)
		}
		r.deliveries = append(r.deliveries, d)
		if _, have := r.events[d.EventID]; !have {
			if r.events[d.EventID], err = st.GetEvent(t.Context(), tenant, d.EventID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// withoutSecrets leaves out what is different each time.
func (r remembered) withoutSecrets() remembered {
	for i, e := range r.endpoints {
		for j := range e.Secrets {
			r.endpoints[i].Secrets[j].Value = ""
		}
	}
	for _, attempts := range r.attempts {
		for _, a := range attempts {
			maps.DeleteFunc(a.RequestHeader, func(name string, _ []string) bool { return strings.HasSuffix(name, "Signature") })
		}
	}
	return r
}

// The same present has the same past, and a tenant has one only.
func TestDemoPastIsTheSame(t *testing.T) {
	t.Parallel()
	one, two := newFixture(t, memory), newFixture(t, memory)
	for _, f := range []*fixture{one, two} {
		f.startTestDemo(t)
		f.seed(t, demoNow)
	}
	one.seed(t, demoNow.Add(time.Hour))
	for _, tenant := range demoTenants {
		a, b := remember(t, one.svc.db.store, tenant.name).withoutSecrets(), remember(t, two.svc.db.store, tenant.name).withoutSecrets()
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s has two pasts: %d and %d deliveries", tenant.name, len(a.deliveries), len(b.deliveries))
		}
	}
	if n := strings.Count(one.logs.String(), "The tenant has a past already"); n != len(demoTenants) {
		t.Errorf("%d tenants were left alone:\n%s", n, one.logs)
	}
}

func TestDemoLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.startTestDemo(t)
	e, err := sender.PutEndpoint(t.Context(), f.svc.cfg, store.Endpoint{Tenant: "acme", URL: "https://example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	f.seed(t, demoNow)
	got := remember(t, f.svc.db.store, "acme")
	if len(got.endpoints) != 1 || got.endpoints[0].ID != e.ID || len(got.deliveries) != 0 {
		t.Errorf("%d endpoints and %d deliveries were added to another's", len(got.endpoints)-1, len(got.deliveries))
	}
}

// All databases take it, at once.
func TestDemoOnEach(t *testing.T) {
	t.Parallel()
	reference := newFixture(t, memory)
	reference.startTestDemo(t)
	reference.seed(t, demoNow)
	want := remember(t, reference.svc.db.store, "jam")
	onSQL(t, func(t *testing.T, address string) {
		f := newFixture(t, address)
		f.startTestDemo(t).tenants = demoTenants[1:2]
		ended, end := context.WithCancel(t.Context())
		end()
		if err := f.svc.demo.seed(ended, f.svc.db, demoNow, f.svc.log); err == nil {
			t.Error("it did not notice that the context has ended")
		}
		f.seed(t, demoNow)
		f.seed(t, demoNow)
		got := remember(t, f.svc.db.store, "jam")
		if len(got.deliveries) != len(want.deliveries) || len(got.attempts) != len(want.attempts) || len(got.endpoints) != len(want.endpoints) {
			t.Errorf("%d deliveries, want %d", len(got.deliveries), len(want.deliveries))
		}
	})
}

func TestDemoPastAgreesWithItself(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.startTestDemo(t)
	f.seed(t, demoNow)
	for _, tenant := range demoTenants {
		r := remember(t, f.svc.db.store, tenant.name)
		endpoints := map[string]store.Endpoint{}
		for _, e := range r.endpoints {
			endpoints[e.ID] = e
		}
		for _, d := range r.deliveries {
			wantAgreed(t, d, r.attempts[d.ID])
			wantSent(t, d, r.events[d.EventID], endpoints[d.EndpointID])
		}
		for id, attempts := range r.attempts {
			for _, a := range attempts {
				wantPlausible(t, a)
				if a.DeliveryID != id || a.StartedAt.After(demoNow) || a.StartedAt.Before(demoNow.Add(-30*day)) {
					t.Errorf("%+v: of another delivery, or time", a)
				}
			}
		}
	}
}

// wantAgreed wants the delivery to be what its attempts, the first one first,
// have made of it.
func wantAgreed(t *testing.T, d store.Delivery, attempts []store.Attempt) {
	t.Helper()
	wrong := func(what string) { t.Errorf("%s: %+v\n%+v", what, d, attempts) }
	var round []store.Attempt
	for i, a := range attempts {
		if a.Round == d.Round {
			round = append(round, a)
		}
		if i > 0 && a.Round == attempts[i-1].Round && !a.ScheduledAt.Equal(attempts[i-1].NextAttemptAt) {
			wrong("an attempt that was not due")
		}
		if a.Tenant != d.Tenant || a.EventID != d.EventID || a.EndpointID != d.EndpointID || a.EventType != d.EventType {
			wrong("an attempt of something else")
		}
	}
	for i, a := range round {
		if a.Number != i+1 || a.Trigger != d.Trigger {
			wrong("attempts are counted otherwise")
		}
	}
	last := store.Attempt{NextAttemptAt: d.CreatedAt}
	if len(attempts) > 0 {
		last = attempts[len(attempts)-1]
	}
	ended := last.EndedAt
	if d.State == store.Canceled {
		last.ErrorClass, last.Error = store.ErrorEndpoint, "the endpoint is disabled"
		ended, last.NextAttemptAt = last.NextAttemptAt, time.Time{}
	}
	switch {
	case len(round) != d.Attempts:
		wrong("another number of attempts")
	case last.Status != d.LastStatus, last.ErrorClass != d.LastErrorClass, last.Error != d.LastError:
		wrong("another last attempt")
	case last.Succeeded != (d.State == store.Succeeded), last.NextAttemptAt.IsZero() != (d.State != store.Pending):
		wrong("another state")
	case !d.NextAttemptAt.Equal(last.NextAttemptAt):
		wrong("due at another time")
	case d.State == store.Pending && (!d.EndedAt.IsZero() || d.NextAttemptAt.Before(demoNow.Add(-2*time.Minute))),
		d.State != store.Pending && !d.EndedAt.Equal(ended):
		wrong("ended at another time")
	}
}

func wantSent(t *testing.T, d store.Delivery, event store.Event, e store.Endpoint) {
	t.Helper()
	switch {
	case !e.Subscribes(event.Type), d.EventType != event.Type:
		t.Errorf("%s was sent to %q", event.Type, e.EventTypes)
	case !json.Valid(event.Payload), !event.CreatedAt.Equal(d.CreatedAt):
		t.Errorf("%s at %s: %s", event.Type, event.CreatedAt, event.Payload)
	case e.Disabled && d.CreatedAt.After(e.DisabledAt):
		t.Errorf("%s was sent to an endpoint that was disabled", d.ID)
	}
}

func wantPlausible(t *testing.T, a store.Attempt) {
	t.Helper()
	phases := a.Timing.DNS + a.Timing.Connect + a.Timing.TLS
	if a.StartedAt.Before(a.ScheduledAt) || !a.EndedAt.After(a.StartedAt) || phases > a.Duration() || a.Timing.FirstByte > a.Duration() ||
		!a.StartedAt.Equal(a.StartedAt.Truncate(time.Microsecond)) || !a.EndedAt.Equal(a.EndedAt.Truncate(time.Microsecond)) {
		t.Errorf("times of %+v", a)
	}
	if connected := a.ConnReused || a.Timing.TLS > 0 && a.ErrorClass != store.ErrorTLS; connected != (a.RemoteAddr != "") {
		t.Errorf("connection of %+v", a)
	}
	if a.Succeeded != (a.ErrorClass == "") || (a.Status == 0) != (a.ResponseHeader == nil) || len(a.RequestHeader) < 4 {
		t.Errorf("outcome of %+v", a)
	}
}

// Each portal has something of everything to show.
func TestDemoPastIsWorthShowing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.startTestDemo(t)
	f.seed(t, demoNow)
	classes := map[store.ErrorClass]int{}
	statuses := map[int]int{}
	for _, tenant := range demoTenants {
		r := remember(t, f.svc.db.store, tenant.name)
		states, used := map[store.DeliveryState]int{}, map[string]bool{}
		for _, d := range r.deliveries {
			states[d.State]++
			used[d.EndpointID] = true
			for _, a := range r.attempts[d.ID] {
				classes[a.ErrorClass]++
				statuses[a.Status]++
			}
		}
		if len(r.deliveries) < 700 || states[store.Succeeded] < len(r.deliveries)/2 || states[store.Pending]+states[store.Failed] < 20 {
			t.Errorf("%s: %v", tenant.name, states)
		}
		has := func(what string, which func(store.Endpoint) bool) {
			if !slices.ContainsFunc(r.endpoints, which) {
				t.Errorf("%s has no endpoint that is %s", tenant.name, what)
			}
		}
		has("well", func(e store.Endpoint) bool { return used[e.ID] && !e.Disabled && e.FailingSince.IsZero() })
		has("failing", func(e store.Endpoint) bool { return !e.Disabled && !e.FailingSince.IsZero() })
		has("disabled", func(e store.Endpoint) bool { return e.DisabledReason != "" })
		has("new", func(e store.Endpoint) bool { return !used[e.ID] })
		has("about to lose a secret", func(e store.Endpoint) bool { return len(e.Secrets) == 2 && e.Secrets[1].Active(demoNow) })
		for _, e := range r.endpoints { // all of them are what the portal would take
			e.DisabledReason = ""
			if _, err := sender.PutEndpoint(t.Context(), f.svc.cfg, e); err != nil {
				t.Error(err)
			}
		}
		wantStats(t, f.svc.db.store, tenant.name, r)
	}
	for _, class := range []store.ErrorClass{store.ErrorConnect, store.ErrorDNS, store.ErrorTLS, store.ErrorTimeout, store.ErrorReset, store.ErrorStatus} {
		if classes[class] == 0 {
			t.Errorf("no attempt has failed with %q", class)
		}
	}
	for _, status := range []int{200, 202, 410, 429, 500, 502, 503} {
		if statuses[status] == 0 {
			t.Errorf("no attempt was answered with %d", status)
		}
	}
}

func wantStats(t *testing.T, st store.Store, tenant string, r remembered) {
	t.Helper()
	buckets, err := store.Stats(t.Context(), st, store.StatsFilter{
		Tenant: tenant, Since: demoNow.Add(-30 * day), Until: demoNow.Add(time.Hour), Bucket: day,
	})
	if err != nil {
		t.Fatal(err)
	}
	counted, made, empty := 0, 0, 0
	for _, b := range buckets {
		counted += b.Succeeded + b.Failed
		if b.Succeeded == 0 {
			empty++
		}
	}
	for _, attempts := range r.attempts {
		made += len(attempts)
	}
	if counted != made || empty > 1 { // the last one has an hour
		t.Errorf("%s: statistics of %d attempts, want %d; %d days without any", tenant, counted, made, empty)
	}
}

func TestDemoPastHasAReplay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	f.startTestDemo(t)
	f.seed(t, demoNow)
	replays, ok := store.As[store.ReplayStore](f.svc.db.store)
	if !ok {
		t.Fatal("the Store keeps no replays")
	}
	page, err := replays.ListReplays(t.Context(), store.ReplayFilter{Tenant: "jasper"})
	if err != nil || len(page.Items) != 1 || page.Items[0].State != store.ReplayFinished {
		t.Fatalf("replays %+v, %v", page.Items, err)
	}
	again := 0
	for _, d := range remember(t, f.svc.db.store, "jasper").deliveries {
		if d.Round == 2 && d.Trigger == store.TriggerManual && d.EndpointID == page.Items[0].EndpointID {
			again++
		}
	}
	if again == 0 || again != page.Items[0].Replayed {
		t.Errorf("%d deliveries were replayed, want %d", again, page.Items[0].Replayed)
	}
}

// What is recorded of the past is what is recorded of the same today.
func TestDemoAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	d := f.startTestDemo(t)
	for name, is := range answers {
		host := name + ".example"
		d.receiver.endpoints[host] = demoEndpoint{host: host, behave: always(name)}
		e, err := sender.PutEndpoint(t.Context(), f.svc.cfg, store.Endpoint{Tenant: "acme", URL: "https://" + host + "/", Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if name == hanging {
			e.Timeout = 100 * time.Millisecond
			if e, err = sender.PutEndpoint(t.Context(), f.svc.cfg, e); err != nil {
				t.Fatal(err)
			}
		}
		a, err := sender.Ping(t.Context(), f.svc.cfg, e.ID, sender.Event{Tenant: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		class, text := is.explain(host, e.Timeout)
		if is.status/100 == 2 {
			class, text = "", ""
		}
		if a.Status != is.status || a.ErrorClass != class || a.Error != text || string(a.ResponseBody) != is.body ||
			a.ResponseHeader.Get("Retry-After") != is.header.Get("Retry-After") {
			t.Errorf("%s: %d %q %q %q, want %d %q %q", name, a.Status, a.ErrorClass, a.Error, a.ResponseBody, is.status, class, text)
		}
	}
}

// The demo goes on by itself: events come, and are delivered.
func TestDemoGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "sqlite:"+t.TempDir()+"/demo.db")
	f.startTestDemo(t).tenants = demoTenants[:1] // whose servers soon let the workers stop
	now := time.Now()
	f.seed(t, now)
	f.work(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.svc.demo.goOn(ctx, f.svc)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	eventually(t, func() bool {
		page, err := f.svc.db.store.ListDeliveries(t.Context(), store.DeliveryFilter{
			Tenant: store.AllTenants, Since: now, States: []store.DeliveryState{store.Succeeded},
		})
		return err == nil && len(page.Items) > 0
	}, func() string { return "nothing is delivered:\n" + f.logs.String() })
	if strings.Contains(f.logs.String(), "Could not send") {
		t.Errorf("log:\n%s", f.logs)
	}
}

// The front page leads to the portals, and each is that of its product.
func TestDemoHome(t *testing.T) {
	t.Parallel()
	p := start(t, "-demo")
	got := p.do(t, "GET", "/", "")
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", got.status, got.header)
	}
	for _, tenant := range demoTenants {
		path := "/tenants/" + tenant.name + "/webhooks/"
		if !strings.Contains(got.body, `href="`+path+`"`) || !strings.Contains(p.log.String(), "url="+p.base+path) {
			t.Errorf("nothing leads to %s:\n%s\n%s", path, got.body, p.log)
		}
	}
	if got := newFixture(t, memory).do(t, "GET", "/", ""); got.status != http.StatusNotFound {
		t.Errorf("without -demo: %d %s", got.status, got.body)
	}
}

// Products are not mixed: a tenant is offered the events of its own.
func TestDemoPortalsAreOfTheirProducts(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	total := 0
	for _, p := range products {
		types, err := p.catalog()
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range types {
			if total++; entry.Group == "" || seen[entry.Name] {
				t.Errorf("%s has the group %q, or is there twice", entry.Name, entry.Group)
			}
			seen[entry.Name] = true
		}
	}
	if all, err := catalog(); err != nil || len(all) != total {
		t.Errorf("%d types, %v; want %d", len(all), err, total)
	}
}
