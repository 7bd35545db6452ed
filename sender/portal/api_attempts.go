package portal

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

// attemptJSON is an attempt as the API shows it. What is in the response, and in the
// error, comes from a stranger: a page must escape it.
type attemptJSON struct {
	ID            string           `json:"id"`
	DeliveryID    string           `json:"delivery_id"`
	EventID       string           `json:"event_id"`
	EventType     string           `json:"event_type"`
	EndpointID    string           `json:"endpoint_id"`
	Round         int              `json:"round"`
	Number        int              `json:"number"`
	Trigger       store.Trigger    `json:"trigger"`
	Succeeded     bool             `json:"succeeded"`
	ErrorClass    store.ErrorClass `json:"error_class,omitempty"`
	Error         string           `json:"error,omitempty"`
	ScheduledAt   time.Time        `json:"scheduled_at"`
	StartedAt     time.Time        `json:"started_at"`
	EndedAt       time.Time        `json:"ended_at"`
	NextAttemptAt time.Time        `json:"next_attempt_at,omitzero"`
	Request       requestJSON      `json:"request"`
	Response      *responseJSON    `json:"response"` // null if no answer came
	Timing        timingJSON       `json:"timing"`
}

type requestJSON struct {
	URL        string      `json:"url"`
	RemoteAddr string      `json:"remote_addr,omitempty"`
	ConnReused bool        `json:"conn_reused"`
	Headers    http.Header `json:"headers"`
}

type responseJSON struct {
	Status    int         `json:"status"`
	Headers   http.Header `json:"headers"`
	Body      contentJSON `json:"body"`
	Truncated bool        `json:"truncated"` // there was more than is kept
}

// timingJSON is in milliseconds. A phase that did not happen took 0.
type timingJSON struct {
	DNS       float64 `json:"dns_ms"`
	Connect   float64 `json:"connect_ms"`
	TLS       float64 `json:"tls_ms"`
	FirstByte float64 `json:"first_byte_ms"`
	Total     float64 `json:"total_ms"`
}

func showAttempt(a store.Attempt) attemptJSON {
	shown := attemptJSON{
		ID: a.ID, DeliveryID: a.DeliveryID, EventID: a.EventID, EventType: a.EventType, EndpointID: a.EndpointID,
		Round: a.Round, Number: a.Number, Trigger: a.Trigger,
		Succeeded: a.Succeeded, ErrorClass: a.ErrorClass, Error: showError(a.ErrorClass, a.Error),
		ScheduledAt: a.ScheduledAt, StartedAt: a.StartedAt, EndedAt: a.EndedAt, NextAttemptAt: a.NextAttemptAt,
		Request: requestJSON{URL: a.URL, RemoteAddr: a.RemoteAddr, ConnReused: a.ConnReused, Headers: showHeader(a.RequestHeader)},
		Timing: timingJSON{
			DNS: millis(a.Timing.DNS), Connect: millis(a.Timing.Connect), TLS: millis(a.Timing.TLS),
			FirstByte: millis(a.Timing.FirstByte), Total: millis(a.Duration()),
		},
	}
	if a.Status != 0 {
		shown.Response = &responseJSON{
			Status: a.Status, Headers: showHeader(a.ResponseHeader), Body: encodeContent(a.ResponseBody), Truncated: a.ResponseTruncated,
		}
	}
	return shown
}

// hostErrors are what customers read of the faults that are the host's: their
// texts may name its profiles, its key store, and how it is set up.
var hostErrors = map[store.ErrorClass]string{
	store.ErrorConfig:  "the endpoint cannot be served as it is: a change of it tells why",
	store.ErrorSigning: "the request could not be signed",
	store.ErrorPanic:   "the request could not be made",
}

// showError is the text of a failed attempt as customers may read it.
func showError(class store.ErrorClass, text string) string {
	return cmp.Or(hostErrors[class], configHint.ReplaceAllString(text, ""))
}

// showHeader makes an object of a header that is none.
func showHeader(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	return h
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// contentJSON is bytes that may be no text: JSON has no other strings. A control
// character has six letters there, so that base64 is shorter for what has many.
type contentJSON struct {
	Text   string `json:"text"`
	Base64 bool   `json:"base64"` // text is base64 of the bytes
}

func encodeContent(body []byte) contentJSON {
	controls := 0
	for _, b := range body {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
			controls++
		}
	}
	if utf8.Valid(body) && controls <= len(body)/4 {
		return contentJSON{Text: string(body)}
	}
	return contentJSON{Text: base64.StdEncoding.EncodeToString(body), Base64: true}
}

// pingJSON is a request for a test.
type pingJSON struct {
	EventType string `json:"event_type"`
}

// apiTestEndpoint sends the example of a type, and waits for the answer.
func (p *portal) apiTestEndpoint(v *visit) (reply, error) {
	var in pingJSON
	if err := decode(v.Request, &in); err != nil {
		return reply{}, err
	}
	a, err := p.ping(v, v.PathValue("id"), in.EventType)
	return reply{http.StatusOK, showAttempt(a)}, err
}
