package storetest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/outhook/outhook/store"
)

var timeCases = []testCase{
	{"Times/Microseconds", "Times come back as the same instant, exact to the microsecond.", microseconds},
	{"Times/Nanoseconds", "Times come back exact to the microsecond: what is finer may be rounded.", nanoseconds},
	{"Times/Locations", "Times come back as the same instant. The location may differ.", locations},
	{"Times/Range", "Times come back as the same instant: also long ago and far ahead.", timeRange},
	{"Times/Zero", "The zero time comes back as the zero time.", zeroTime},
	{"Times/Durations", "What goes in comes back: durations to the nanosecond.", durations},
}

// everyTime writes records in which each time is t, and calls check for each
// one that is read back.
func (p *probe) everyTime(id string, t time.Time, check func(field string, got time.Time)) {
	endpoint := newEndpoint(tenant, "ep_"+id)
	endpoint.Secrets = []store.Secret{{Value: "whsec_1"}}
	setTimes(reflect.ValueOf(&endpoint).Elem(), t)
	p.putEndpoint(endpoint)
	visitTimes("Endpoint", reflect.ValueOf(p.getEndpoint(tenant, endpoint.ID)), check)

	event := newEvent(tenant, "evt_"+id)
	setTimes(reflect.ValueOf(&event).Elem(), t)
	d := newDelivery(event, "dlv_"+id)
	setTimes(reflect.ValueOf(&d).Elem(), t)
	p.createEvent(event, d)
	visitTimes("Event", reflect.ValueOf(p.getEvent(tenant, event.ID)), check)
	visitTimes("Delivery", reflect.ValueOf(p.getDelivery(tenant, d.ID)), check)

	d.Version = 1
	a := newAttempt(d, "att_"+id)
	setTimes(reflect.ValueOf(a).Elem(), t)
	p.update(d, a)
	visitTimes("Delivery", reflect.ValueOf(p.getDelivery(tenant, d.ID)), check)
	for _, a := range p.attempts(store.AttemptFilter{Tenant: tenant, DeliveryID: d.ID}) {
		visitTimes("Attempt", reflect.ValueOf(a), check)
	}
}

func setTimes(v reflect.Value, t time.Time) {
	walkTimes("", v, func(_ string, field reflect.Value) { field.Set(reflect.ValueOf(t)) })
}

func visitTimes(path string, v reflect.Value, check func(string, time.Time)) {
	walkTimes(path, v, func(path string, field reflect.Value) { check(path, field.Interface().(time.Time)) })
}

func walkTimes(path string, v reflect.Value, visit func(string, reflect.Value)) {
	switch {
	case v.Type() == timeType:
		visit(path, v)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			walkTimes(path+"."+v.Type().Field(i).Name, v.Field(i), visit)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walkTimes(fmt.Sprintf("%s[%d]", path, i), v.Index(i), visit)
		}
	}
}

// instants writes each time and wants the same instant back.
func (p *probe) instants(times ...time.Time) {
	for i, want := range times {
		p.everyTime(fmt.Sprint(i), want, func(field string, got time.Time) {
			if !got.Equal(want) {
				p.Errorf("%s: got %s, want %s", field, got.Format(time.RFC3339Nano), want.Format(time.RFC3339Nano))
			}
		})
	}
}

func microseconds(p *probe) {
	p.instants(epoch, epoch.Truncate(time.Second).Add(time.Microsecond), epoch.Truncate(time.Second).Add(-time.Microsecond))
}

func nanoseconds(p *probe) {
	want := epoch.Add(789 * time.Nanosecond)
	p.everyTime("1", want, func(field string, got time.Time) {
		if d := got.Sub(want).Abs(); d >= time.Microsecond {
			p.Errorf("%s: got %s, want %s, is off by %s", field,
				got.Format(time.RFC3339Nano), want.Format(time.RFC3339Nano), d)
		}
	})
}

func locations(p *probe) {
	p.instants(
		epoch.In(time.FixedZone("east", 5*3600+45*60)),
		epoch.In(time.FixedZone("west", -11*3600)),
		epoch.Local(),
	)
}

func timeRange(p *probe) {
	p.instants(
		time.Unix(0, 0),
		time.Date(1969, time.July, 20, 20, 17, 40, 123_456_000, time.UTC),
		time.Date(1901, time.January, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(2038, time.January, 19, 3, 14, 8, 0, time.UTC),  // more than 32 bits of seconds
		time.Date(2500, time.January, 1, 0, 0, 0, 1000, time.UTC), // more than 64 bits of nanoseconds
	)
}

func zeroTime(p *probe) {
	p.everyTime("1", time.Time{}, func(field string, got time.Time) {
		if !got.IsZero() {
			p.Errorf("%s: got %s, want the zero time", field, got.Format(time.RFC3339Nano))
		}
	})
}

func durations(p *probe) {
	for i, want := range []time.Duration{1, 999, time.Microsecond + 1, 15 * time.Second, 1000 * time.Hour} {
		e := newEndpoint(tenant, fmt.Sprintf("ep_%d", i))
		e.Timeout = want
		p.putEndpoint(e)
		same(p, "Endpoint.Timeout", p.getEndpoint(tenant, e.ID).Timeout, want)

		d := p.createDelivery(tenant, fmt.Sprintf("dlv_%d", i))
		a := newAttempt(d, fmt.Sprintf("att_%d", i))
		a.Timing = store.Timing{DNS: want, Connect: want + 1, TLS: want + 2, FirstByte: want + 3}
		p.update(d, a)
		for _, got := range p.attempts(store.AttemptFilter{Tenant: tenant, DeliveryID: d.ID}) {
			same(p, "ListAttempts", got.Timing, a.Timing)
		}
	}
}
