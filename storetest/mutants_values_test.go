package storetest

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

var errPlain = errors.New("no rows in result set")

func valueMutants() []mutant {
	payload := func(change func([]byte) []byte) func() store.Store {
		return breakReads(reads{event: func(_ string, e *store.Event) { e.Payload = change(e.Payload) }})
	}
	header := func(change func(http.Header) http.Header) func() store.Store {
		return breakReads(reads{endpoint: func(_ string, e *store.Endpoint) { e.Headers = change(e.Headers) }})
	}
	ids := func(change func(string) string) func() store.Store {
		return breakIt(func(b *broken, m *memstore.Store) {
			b.putEndpoint = func(ctx context.Context, e store.Endpoint) error {
				e.ID = change(e.ID)
				return m.PutEndpoint(ctx, e)
			}
		})
	}
	return []mutant{
		{"payload kept as text", []string{"Values/Bytes"}, payload(func(b []byte) []byte {
			return []byte(strings.ToValidUTF8(string(b), "\ufffd"))
		}), "Event.Payload"},
		{"payload trimmed", []string{"Values/Bytes"}, payload(func(b []byte) []byte { return []byte(strings.TrimSpace(string(b))) }), ""},
		{"payload cut off", []string{"Values/Large"}, payload(func(b []byte) []byte { return b[:min(len(b), 1<<16-1)] }), ""},
		{"response body cut at NUL", []string{"Values/Bytes"}, breakReads(reads{attempt: func(_ string, a *store.Attempt) {
			a.ResponseBody = []byte(strings.SplitN(string(a.ResponseBody), "\x00", 2)[0])
		}}), "ResponseBody"},
		{"first header value alone", []string{"Values/Headers"}, header(func(h http.Header) http.Header {
			first := http.Header{}
			for key, values := range h {
				first[key] = values[:1]
			}
			return first
		}), `["X-Many"]`},
		{"header names made canonical", []string{"Values/Headers"}, header(func(h http.Header) http.Header {
			canonical := http.Header{}
			for key, values := range h {
				canonical[http.CanonicalHeaderKey(key)] = values
			}
			return canonical
		}), `["x-as-is"]: is missing`},
		{"header values sorted", []string{"Values/Headers"}, header(func(h http.Header) http.Header {
			for _, values := range h {
				slices.Sort(values)
			}
			return h
		}), ""},
		{"text kept as ASCII", []string{"Values/Text"}, breakReads(reads{endpoint: func(_ string, e *store.Endpoint) {
			e.Description = strings.ToValidUTF8(strings.Map(func(r rune) rune { return min(r, '?'+64) }, e.Description), "")
		}}), "Endpoint.Description"},
		{"ids compared without case", []string{"Values/Identity"}, ids(strings.ToLower), ""},
		{"ids compared without blanks", []string{"Values/Identity"}, ids(strings.TrimSpace), ""},
		{"ids compared after normalization", []string{"Values/Identity"}, ids(func(id string) string {
			return strings.ReplaceAll(id, "e\u0301", "\u00e9")
		}), ""},
		{"defaults filled in", []string{"Values/Zero"}, breakReads(reads{event: func(_ string, e *store.Event) {
			if e.ContentType == "" {
				e.ContentType = "application/json"
			}
		}}), "Event.ContentType"},
		{"float64 kept as float32", []string{"Values/Numbers"}, breakReads(reads{endpoint: func(_ string, e *store.Endpoint) {
			e.RateLimit.PerSecond = float64(float32(e.RateLimit.PerSecond))
		}}), "PerSecond"},
		{"a bool kept in the column of another", []string{"UpdateDelivery/EveryAttemptField"}, breakReads(reads{attempt: func(_ string, a *store.Attempt) {
			a.ConnReused = a.Succeeded
		}}), "ConnReused"},
		{"closed set of error classes", []string{"Values/Words"}, breakReads(reads{attempt: func(_ string, a *store.Attempt) {
			if a.ErrorClass == "one_of_tomorrow" {
				a.ErrorClass = store.ErrorOther
			}
		}}), "ErrorClass"},
		{
			"delivery always pending",
			[]string{"Values/Words", "ListDeliveries/StateChange"},
			breakIt(func(b *broken, m *memstore.Store) {
				pending := func(d *store.Delivery) { d.State = store.Pending }
				b.getDelivery = changeGet(m.GetDelivery, pending)
				b.listDeliveries = changeFilter(m.ListDeliveries, func(f *store.DeliveryFilter) { f.States = nil })
			}), "",
		},
	}
}

// breakTimes changes every time on its way out.
func breakTimes(change func(time.Time) time.Time) func() store.Store {
	all := func(v any) {
		walkTimes("", reflect.ValueOf(v).Elem(), func(_ string, field reflect.Value) {
			field.Set(reflect.ValueOf(change(field.Interface().(time.Time))))
		})
	}
	return breakReads(reads{
		endpoint: func(_ string, e *store.Endpoint) { all(e) },
		event:    func(_ string, e *store.Event) { all(e) },
		delivery: func(_ string, d *store.Delivery) { all(d) },
		attempt:  func(_ string, a *store.Attempt) { all(a) },
	})
}

func timeMutants() []mutant {
	truncate := func(d time.Duration) func() store.Store {
		return breakTimes(func(t time.Time) time.Time { return t.Truncate(d) })
	}
	return []mutant{
		{"times in seconds", []string{"Times/Microseconds", "Times/Nanoseconds"}, truncate(time.Second), "Endpoint.CreatedAt"},
		{"times in milliseconds", []string{"Times/Microseconds", "Times/Nanoseconds"}, truncate(time.Millisecond), "Attempt.StartedAt"},
		{"times in float seconds", []string{"Times/Microseconds"}, breakTimes(func(t time.Time) time.Time {
			return time.Unix(0, int64(float32(t.Nanosecond()))+t.Unix()*1e9)
		}), ""},
		{"location taken for UTC", []string{"Times/Locations"}, breakIt(func(b *broken, m *memstore.Store) {
			b.putEndpoint = func(ctx context.Context, e store.Endpoint) error {
				t := e.CreatedAt
				e.CreatedAt = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
				return m.PutEndpoint(ctx, e)
			}
		}), "Endpoint.CreatedAt"},
		{"times in nanoseconds of 64 bits", []string{"Times/Range", "Times/Zero"}, breakTimes(func(t time.Time) time.Time {
			return time.Unix(0, t.UnixNano())
		}), ""},
		{"times in seconds of 32 bits", []string{"Times/Range"}, breakTimes(func(t time.Time) time.Time {
			return time.Unix(int64(int32(t.Unix())), int64(t.Nanosecond()))
		}), ""},
		{"zero time is 1970", []string{"Times/Zero"}, breakTimes(func(t time.Time) time.Time {
			if t.IsZero() {
				return time.Unix(0, 0)
			}
			return t
		}), "want the zero time"},
		{"durations in microseconds", []string{"Times/Durations"}, breakReads(reads{endpoint: func(_ string, e *store.Endpoint) {
			e.Timeout = e.Timeout.Truncate(time.Microsecond)
		}}), "Timeout"},
		{"timings in milliseconds", []string{"Times/Durations"}, breakReads(reads{attempt: func(_ string, a *store.Attempt) {
			a.Timing.DNS = a.Timing.DNS.Truncate(time.Millisecond)
		}}), "Timing.DNS"},
	}
}
