package main

import (
	"encoding/base64"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

// list is a part of a list. NextCursor continues it; it is empty at the end.
type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func showPage[In, Out any](page store.Page[In], show func(In) Out) list[Out] {
	shown := list[Out]{Items: []Out{}, NextCursor: page.Next}
	for _, item := range page.Items {
		shown.Items = append(shown.Items, show(item))
	}
	return shown
}

// delivery is a delivery as the API shows it.
type delivery struct {
	ID             string              `json:"id"`
	EventID        string              `json:"event_id"`
	EventType      string              `json:"event_type"`
	EndpointID     string              `json:"endpoint_id"`
	State          store.DeliveryState `json:"state"`
	Round          int                 `json:"round"`
	Attempts       int                 `json:"attempts_made"`
	Trigger        store.Trigger       `json:"trigger"`
	NextAttemptAt  time.Time           `json:"next_attempt_at,omitzero"`
	LastStatus     int                 `json:"last_status,omitempty"`
	LastErrorClass store.ErrorClass    `json:"last_error_class,omitempty"`
	LastError      string              `json:"last_error,omitempty"`
	CreatedAt      time.Time           `json:"created_at"`
	EndedAt        time.Time           `json:"ended_at,omitzero"`
}

func showDelivery(d store.Delivery) delivery {
	return delivery{
		ID: d.ID, EventID: d.EventID, EventType: d.EventType, EndpointID: d.EndpointID,
		State: d.State, Round: d.Round, Attempts: d.Attempts, Trigger: d.Trigger, NextAttemptAt: d.NextAttemptAt,
		LastStatus: d.LastStatus, LastErrorClass: d.LastErrorClass, LastError: d.LastError,
		CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
	}
}

func (s *service) listDeliveries(r *http.Request, tenant string) (reply, error) {
	q := parseQuery(r, "state", "endpoint", "event", "event_type", "since", "until", "limit", "cursor")
	filter := store.DeliveryFilter{
		Tenant: tenant, EndpointID: q.text("endpoint"), EventID: q.text("event"), EventType: q.text("event_type"),
		States: q.states("state"), Since: q.time("since"), Until: q.time("until"),
		Limit: q.limit(), Cursor: q.text("cursor"),
	}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	page, err := s.db.store.ListDeliveries(r.Context(), filter)
	return reply{http.StatusOK, showPage(page, showDelivery)}, err
}

// getDelivery shows a delivery with what was sent and a page of its attempts,
// the newest first: a delivery that was resent many times has many.
func (s *service) getDelivery(r *http.Request, tenant string) (reply, error) {
	q := parseQuery(r, "limit", "cursor")
	filter := store.AttemptFilter{Tenant: tenant, DeliveryID: r.PathValue("id"), Limit: q.limit(), Cursor: q.text("cursor")}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	d, err := s.db.store.GetDelivery(r.Context(), tenant, r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	event, err := s.db.store.GetEvent(r.Context(), tenant, d.EventID)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // old ones may have been purged
		return reply{}, err
	}
	attempts, err := s.db.store.ListAttempts(r.Context(), filter)
	return reply{http.StatusOK, struct {
		delivery

		Payload  content       `json:"payload"`
		Attempts list[attempt] `json:"attempts"`
	}{showDelivery(d), showContent(event.Payload), showPage(attempts, showAttempt)}}, err
}

func (s *service) resend(r *http.Request, tenant string) (reply, error) {
	if err := decode(r, &struct{}{}); err != nil {
		return reply{}, err
	}
	d, err := s.sender.Resend(r.Context(), tenant, r.PathValue("id"))
	return reply{http.StatusAccepted, showDelivery(d)}, err
}

// attempt is an attempt as the API shows it. What is in the response, and in the
// error, comes from a stranger: a page must escape it.
type attempt struct {
	ID            string           `json:"id"`
	DeliveryID    string           `json:"delivery_id"`
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
	Request       request          `json:"request"`
	Response      *response        `json:"response"` // null if no answer came
	Timing        timing           `json:"timing"`
}

type request struct {
	URL        string      `json:"url"`
	RemoteAddr string      `json:"remote_addr,omitempty"`
	ConnReused bool        `json:"conn_reused"`
	Headers    http.Header `json:"headers"`
}

type response struct {
	Status    int         `json:"status"`
	Headers   http.Header `json:"headers"`
	Body      content     `json:"body"`
	Truncated bool        `json:"truncated"` // there was more than is kept
}

// timing is in milliseconds. A phase that did not happen took 0.
type timing struct {
	DNS       float64 `json:"dns_ms"`
	Connect   float64 `json:"connect_ms"`
	TLS       float64 `json:"tls_ms"`
	FirstByte float64 `json:"first_byte_ms"`
	Total     float64 `json:"total_ms"`
}

func showAttempt(a store.Attempt) attempt {
	shown := attempt{
		ID: a.ID, DeliveryID: a.DeliveryID, Round: a.Round, Number: a.Number, Trigger: a.Trigger,
		Succeeded: a.Succeeded, ErrorClass: a.ErrorClass, Error: a.Error,
		ScheduledAt: a.ScheduledAt, StartedAt: a.StartedAt, EndedAt: a.EndedAt, NextAttemptAt: a.NextAttemptAt,
		Request: request{URL: a.URL, RemoteAddr: a.RemoteAddr, ConnReused: a.ConnReused, Headers: a.RequestHeader},
		Timing: timing{
			DNS: millis(a.Timing.DNS), Connect: millis(a.Timing.Connect), TLS: millis(a.Timing.TLS),
			FirstByte: millis(a.Timing.FirstByte), Total: millis(a.Duration()),
		},
	}
	if a.Status != 0 {
		shown.Response = &response{
			Status: a.Status, Headers: a.ResponseHeader, Body: showContent(a.ResponseBody), Truncated: a.ResponseTruncated,
		}
	}
	return shown
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// content is bytes that may be no text: JSON has no other strings.
type content struct {
	Text   string `json:"text"`
	Base64 bool   `json:"base64"` // text is base64 of the bytes
}

func showContent(body []byte) content {
	if utf8.Valid(body) {
		return content{Text: string(body)}
	}
	return content{Text: base64.StdEncoding.EncodeToString(body), Base64: true}
}
