package storetest

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/outhook/outhook/store"
)

var valueCases = []testCase{
	{"Values/Zero", "A zero field comes back zero.", zeroFields},
	{"Values/Bytes", "Payload and ResponseBody are any bytes, and come back exactly.", anyBytes},
	{"Values/Large", "Payload and ResponseBody are any bytes, and come back exactly, also a megabyte of them.", largeBytes},
	{"Values/Headers", "What goes in comes back: the values of a header, in their order.", headers},
	{"Values/Text", "Strings are valid UTF-8 without NUL, and come back exactly.", text},
	{"Values/Identity", `Ids and tenants are compared byte for byte: "a" is neither "A" nor "a ".`, identity},
	{"Values/Numbers", "Numbers come back exactly: a float64 as the same float64.", numbers},
	{"Values/Words", "Every State, Trigger, ErrorClass and Outcome comes back.", everyWord},
}

func zeroFields(p *probe) {
	endpoint := store.Endpoint{ID: "ep_1", Tenant: tenant}
	p.putEndpoint(endpoint)
	endpoint.Version = 1
	same(p, "GetEndpoint", p.getEndpoint(tenant, "ep_1"), endpoint)

	event := store.Event{ID: "evt_1", Tenant: tenant}
	delivery := store.Delivery{ID: "dlv_1", Tenant: tenant, EventID: "evt_1", State: store.Pending}
	p.createEvent(event, delivery)
	delivery.Version = 1
	same(p, "GetEvent", p.getEvent(tenant, "evt_1"), event)
	same(p, "GetDelivery", p.getDelivery(tenant, "dlv_1"), delivery)

	attempt := store.Attempt{ID: "att_1", Tenant: tenant, DeliveryID: "dlv_1", EventID: "evt_1"}
	p.update(delivery, &attempt)
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant}), []store.Attempt{attempt})
}

// checkBytes sends b through a Payload and a ResponseBody.
func (p *probe) checkBytes(n int, b []byte) {
	e := newEvent(tenant, fmt.Sprintf("evt_%d", n))
	e.Payload = b
	d := newDelivery(e, fmt.Sprintf("dlv_%d", n))
	p.createEvent(e, d)
	same(p, "GetEvent", p.getEvent(tenant, e.ID), e)

	a := newAttempt(d, fmt.Sprintf("att_%d", n))
	a.ResponseBody = b
	d.Version = 1
	p.update(d, a)
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant, DeliveryID: d.ID}), []store.Attempt{*a})
}

func anyBytes(p *probe) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, b := range [][]byte{
		every, {}, {0}, []byte("\xff\xfe not UTF-8 \xc3\x28"), []byte(" \t\r\n{\"b\": 1,  \"a\": 1.0}\n"), []byte("null"),
	} {
		p.checkBytes(i, b)
	}
}

func largeBytes(p *probe) {
	p.checkBytes(1, bytes.Repeat([]byte("0123456789abcde\x00"), 1<<16))
}

func headers(p *probe) {
	header := http.Header{
		"X-Many":  {"b", "a", "b", ""},
		"X-Comma": {"a, b", `"quoted", \ back`},
		"x-as-is": {"a name that is not canonical"},
		"X-Utf8":  {"grüße"},
	}
	e := newEndpoint(tenant, "ep_1")
	e.Headers = header.Clone()
	p.putEndpoint(e)
	same(p, "GetEndpoint", p.getEndpoint(tenant, "ep_1").Headers, header)

	d := p.createDelivery(tenant, "dlv_1")
	a := newAttempt(d, "att_1")
	a.RequestHeader, a.ResponseHeader = header.Clone(), header.Clone()
	a.ResponseHeader.Set("X-Only", "in the response")
	p.update(d, a)
	same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant}), []store.Attempt{*a})
}

// awkward are ids that break whoever builds a query, a path or a key by hand.
var awkward = []string{
	"plain", `quote'"` + "`", "space and\ttab", "100%", "under_score", "slash/../back\\slash", "semi;colon:--",
	"a.b", "a,b", "a|b", "$1 ? :name {}", "[]*?", "日本語", "émoji 🎉", "nul\\0", "line\nbreak",
}

func text(p *probe) {
	for i, word := range awkward {
		e := newEndpoint("t "+word, "ep "+word)
		e.Description, e.DisabledReason, e.EventTypes = word, word, []string{word, ""}
		p.putEndpoint(e)
		e.Version = 1
		same(p, "GetEndpoint", p.getEndpoint(e.Tenant, e.ID), e)
		same(p, "ListEndpoints", p.endpoints(store.EndpointFilter{Tenant: e.Tenant}), []store.Endpoint{e})

		event := newEvent(e.Tenant, "evt "+word)
		event.Type = word
		d := newDelivery(event, fmt.Sprint("dlv ", i, word))
		d.EndpointID, d.LastError = e.ID, strings.Repeat(word, 100)
		p.createEvent(event, d)
		d.Version = 1
		same(p, "GetEvent", p.getEvent(event.Tenant, event.ID), event)
		same(p, "ListDeliveries", p.deliveries(store.DeliveryFilter{
			Tenant: e.Tenant, EndpointID: e.ID, EventID: event.ID, EventType: word,
		}), []store.Delivery{d})
	}
}

func identity(p *probe) {
	// The last two look the same: é as one code point, and as e with an accent.
	alike := []string{"a", "A", "a ", " a", "%", "_", "\u00e9", "e\u0301"}
	for _, t := range alike {
		for _, id := range alike {
			e := newEndpoint(t, id)
			e.Description = t + "/" + id
			p.putEndpoint(e)
		}
	}
	for _, t := range alike {
		list := p.endpoints(store.EndpointFilter{Tenant: t})
		same(p, fmt.Sprintf("ListEndpoints of %q", t), len(list), len(alike))
		for _, id := range alike {
			same(p, "GetEndpoint", p.getEndpoint(t, id).Description, t+"/"+id)
		}
	}
}

func numbers(p *probe) {
	for i, n := range []float64{0.1, 1.0 / 3, 1e-9, 16_777_217, 123_456.789_012_345, 1e15 + 0.3} {
		e := newEndpoint(tenant, fmt.Sprintf("ep_%d", i))
		e.RateLimit = store.RateLimit{PerSecond: n, Burst: math.MaxInt32 - i}
		p.putEndpoint(e)
		same(p, "GetEndpoint: RateLimit", p.getEndpoint(tenant, e.ID).RateLimit, e.RateLimit)
	}
}

func everyWord(p *probe) {
	classes := []store.ErrorClass{
		store.ErrorDNS, store.ErrorConnect, store.ErrorTLS, store.ErrorTimeout, store.ErrorBlocked,
		store.ErrorReset, store.ErrorProtocol, store.ErrorStatus, store.ErrorSigning, store.ErrorConfig,
		store.ErrorEndpoint, store.ErrorPanic, store.ErrorOther, "one_of_tomorrow",
	}
	states := []store.DeliveryState{store.Pending, store.Succeeded, store.Failed, store.Canceled}
	triggers := []store.Trigger{store.TriggerSchedule, store.TriggerManual, store.TriggerTest}
	for i, class := range classes {
		e := newEvent(tenant, fmt.Sprintf("evt_%d", i))
		d := newDelivery(e, fmt.Sprintf("dlv_%d", i))
		d.State, d.Trigger, d.LastErrorClass = states[i%len(states)], triggers[i%len(triggers)], class
		p.createEvent(e, d)
		d.Version = 1
		p.checkDelivery(d)

		a := newAttempt(d, fmt.Sprintf("att_%d", i))
		a.ErrorClass, a.Succeeded = class, i%2 == 0
		p.update(d, a)
		same(p, "ListAttempts", p.attempts(store.AttemptFilter{Tenant: tenant, DeliveryID: d.ID}), []store.Attempt{*a})
	}
}
