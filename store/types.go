package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Endpoint is a tenant's URL, with what it subscribes to and how it is served.
//
// Printed or logged it hides what may be a credential. Marshaled to JSON it
// hides its Secrets alone: an API maps it to a type of its own.
type Endpoint struct {
	// ID identifies the endpoint within its tenant.
	ID string
	// Tenant is the host's customer that owns the endpoint.
	Tenant string
	// URL receives the POST requests.
	URL string
	// Description is the tenant's own note.
	Description string
	// EventTypes are the patterns it subscribes to: an exact type
	// ("review.completed"), a category ("review.*") or everything ("*").
	// Empty means everything.
	EventTypes []string
	// Profile names one of the sender's profiles. Empty means the default one.
	Profile string
	// Secrets sign the requests, newest first, at most 10. More than one lives
	// during a rotation; those that have expired are not used.
	Secrets []Secret
	// Headers are added to each request, at most 50 of at most 16,384 bytes in all.
	// Their values may be credentials.
	Headers http.Header
	// Timeout bounds one attempt. Zero means the profile's timeout.
	Timeout time.Duration
	// RateLimit bounds how often it is sent to. Zero means the profile's bound.
	RateLimit RateLimit
	// Disabled endpoints get nothing: no deliveries are created for them, and
	// those that are pending are canceled when they become due. Once it is enabled
	// again it gets new ones, those that have not become due go on, and those that
	// were canceled can be replayed.
	Disabled bool
	// DisabledReason says why, for people.
	DisabledReason string
	// DisabledAt is when it was disabled; zero while enabled.
	DisabledAt time.Time
	// FailingSince is when one of its deliveries was exhausted, if no attempt
	// has succeeded since; zero while it is well. The sender keeps it.
	FailingSince time.Time
	// PausedUntil is when the next attempt may be made, if it has asked for a
	// pause (Retry-After). The sender keeps it.
	PausedUntil time.Time
	// CreatedAt is when it was created.
	CreatedAt time.Time
	// UpdatedAt is when it was last changed.
	UpdatedAt time.Time
	// Version counts the writes, for compare-and-swap. See [EndpointStore].
	Version int64
}

// RateLimit bounds how often requests are made, over all worker processes. The
// zero value is no bound.
type RateLimit struct {
	// PerSecond is how many requests a second are made in the long run; less
	// than one is fine.
	PerSecond float64
	// Burst is how many may be made at once after a rest. Zero means one.
	Burst int
}

// Subscribes reports whether the endpoint's EventTypes cover eventType. It
// does not look at Disabled.
func (e Endpoint) Subscribes(eventType string) bool {
	if len(e.EventTypes) == 0 {
		return true
	}
	return slices.ContainsFunc(e.EventTypes, func(pattern string) bool {
		if pattern == "*" || pattern == eventType {
			return true
		}
		category, ok := strings.CutSuffix(pattern, "*")
		return ok && strings.HasSuffix(category, ".") && strings.HasPrefix(eventType, category)
	})
}

// Clone returns a copy that shares no memory with e.
func (e Endpoint) Clone() Endpoint {
	e.EventTypes = slices.Clone(e.EventTypes)
	e.Secrets = slices.Clone(e.Secrets)
	e.Headers = e.Headers.Clone()
	return e
}

// Format prints e with its secrets, the values of its headers and its URL's
// query redacted, whatever the verb: fmt shows a pointer that does not fit its verb, such as a
// *Endpoint in a struct that is printed with %s, without asking the methods of
// what is in it.
func (e Endpoint) Format(f fmt.State, verb rune) {
	type endpoint Endpoint // without this method
	e.URL = RedactURL(e.URL)
	e.Headers = e.Headers.Clone()
	for name := range e.Headers {
		e.Headers[name] = []string{redacted}
	}
	format := "%+v"
	if verb == 'v' {
		format = fmt.FormatString(f, verb)
	}
	fmt.Fprintf(f, format, endpoint(e))
}

// LogValue names the endpoint in a log without its secrets, its headers and
// its URL's query, all of which may be credentials.
func (e Endpoint) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", e.ID), slog.String("tenant", e.Tenant), slog.String("url", RedactURL(e.URL)))
}

// RedactURL returns a URL as it may be logged and recorded: without its query
// and its user, which may be credentials.
func RedactURL(raw string) string {
	before, _, found := strings.Cut(raw, "?")
	if u, err := url.Parse(before); err != nil || u.User != nil {
		return redacted
	}
	if found {
		before += "?" + redacted
	}
	return before
}

// Secret signs an endpoint's requests. It shows itself only through Value:
// printed, logged or marshaled to JSON it reads "[redacted]", so a Store that
// keeps JSON copies Value into a type of its own.
type Secret struct {
	// Value is the secret in its scheme's own form, such as "whsec_…".
	Value string
	// ExpiresAt ends the secret's use; zero means it does not expire.
	ExpiresAt time.Time
}

const redacted = "[redacted]"

// Active reports whether the secret is in use at now.
func (s Secret) Active(now time.Time) bool {
	return s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt)
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format prints "[redacted]", whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the value.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// Event is one thing that happened in the host's product.
type Event struct {
	// ID identifies the event within its tenant. It is the webhook-id that
	// receivers see, the same in every attempt of every delivery.
	ID string
	// Tenant is the host's customer that the event is about.
	Tenant string
	// Type is what endpoints subscribe to, such as "review.completed".
	Type string
	// Payload is the request body, byte for byte.
	Payload []byte
	// ContentType is the request's Content-Type. Empty means
	// "application/json".
	ContentType string
	// Hops counts the webhooks that led to this event, one causing the next.
	// Zero means that none did.
	Hops int
	// CreatedAt is when the event was accepted.
	CreatedAt time.Time
}

// Clone returns a copy that shares no memory with e.
func (e Event) Clone() Event {
	e.Payload = bytes.Clone(e.Payload)
	return e
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery. Only a pending delivery is attempted; each of the
// other three is an end, until a resend or replay makes it pending again.
const (
	// Pending: the next attempt is at NextAttemptAt.
	Pending DeliveryState = "pending"
	// Succeeded: the endpoint accepted it.
	Succeeded DeliveryState = "succeeded"
	// Failed: the schedule is exhausted, or the endpoint answered that no
	// further attempt makes sense.
	Failed DeliveryState = "failed"
	// Canceled: its endpoint was disabled or deleted before it succeeded.
	Canceled DeliveryState = "canceled"
)

// Trigger is what caused an attempt.
type Trigger string

// The triggers of an attempt.
const (
	// TriggerSchedule: the event itself, and the retries that follow it.
	TriggerSchedule Trigger = "schedule"
	// TriggerManual: a resend or a replay, and the retries that follow it.
	TriggerManual Trigger = "manual"
	// TriggerTest: a ping. It is never retried.
	TriggerTest Trigger = "test"
)

// Delivery is one event on its way to one endpoint: the unit that is
// scheduled, retried and replayed.
type Delivery struct {
	// ID identifies the delivery, in all tenants.
	ID string
	// Tenant, EventID, EndpointID and EventType say what goes where.
	Tenant     string
	EventID    string
	EndpointID string
	EventType  string
	// State is where it stands.
	State DeliveryState
	// Round counts the runs through the retry schedule: 1, and one more for
	// each resend or replay.
	Round int
	// Attempts counts the attempts made in this round.
	Attempts int
	// Trigger is what started this round.
	Trigger Trigger
	// NextAttemptAt is when the next attempt is due; zero unless pending.
	NextAttemptAt time.Time
	// LastStatus is the HTTP status of the last attempt; zero if there was no
	// attempt or no answer.
	LastStatus int
	// LastErrorClass and LastError say why the last attempt failed, or why the
	// delivery was canceled; empty otherwise.
	LastErrorClass ErrorClass
	LastError      string
	// CreatedAt is when the delivery was created.
	CreatedAt time.Time
	// UpdatedAt is when it was last changed.
	UpdatedAt time.Time
	// EndedAt is when it left the pending state; zero while pending.
	EndedAt time.Time
	// Version counts the writes, for compare-and-swap. See [DeliveryStore].
	Version int64
}

// ErrorClass says in one word why an attempt failed.
type ErrorClass string

// The classes of errors. Others may be added; treat an unknown one as
// [ErrorOther].
const (
	// ErrorDNS: the host name could not be resolved.
	ErrorDNS ErrorClass = "dns"
	// ErrorConnect: no connection, such as refused or unreachable.
	ErrorConnect ErrorClass = "connect"
	// ErrorTLS: the handshake failed or the certificate was not accepted.
	ErrorTLS ErrorClass = "tls"
	// ErrorTimeout: no whole answer within the attempt's timeout.
	ErrorTimeout ErrorClass = "timeout"
	// ErrorBlocked: the address is one that requests must not go to.
	ErrorBlocked ErrorClass = "blocked"
	// ErrorReset: the connection broke off before a whole answer had come.
	ErrorReset ErrorClass = "reset"
	// ErrorProtocol: what came back is not HTTP that can be read.
	ErrorProtocol ErrorClass = "protocol"
	// ErrorStatus: an answer came, and its status is not a success.
	ErrorStatus ErrorClass = "status"
	// ErrorSigning: the request could not be signed.
	ErrorSigning ErrorClass = "signing"
	// ErrorConfig: the endpoint cannot be served as it stands, such as with a
	// profile that no longer exists or a URL that is not one.
	ErrorConfig ErrorClass = "config"
	// ErrorEndpoint: the endpoint is disabled or deleted, or the event's
	// payload is gone; the delivery was canceled without an attempt.
	ErrorEndpoint ErrorClass = "endpoint"
	// ErrorPanic: code of the host (scheme, policy) panicked.
	ErrorPanic ErrorClass = "panic"
	// ErrorOther: none of the above.
	ErrorOther ErrorClass = "other"
)

// Attempt is one HTTP request for a delivery, and what came back. Attempts are
// only ever appended.
type Attempt struct {
	// ID identifies the attempt.
	ID string
	// DeliveryID, Tenant, EventID, EndpointID and EventType say what it was
	// for. The request's body is the event's Payload.
	DeliveryID string
	Tenant     string
	EventID    string
	EndpointID string
	EventType  string
	// Round is the delivery's round it belongs to, and Number its place in
	// that round, from 1.
	Round  int
	Number int
	// Trigger is what caused it.
	Trigger Trigger
	// Succeeded reports whether the endpoint accepted the delivery.
	Succeeded bool
	// ScheduledAt is when the attempt was due, StartedAt when it began and
	// EndedAt when its answer was complete or given up.
	ScheduledAt time.Time
	StartedAt   time.Time
	EndedAt     time.Time
	// NextAttemptAt is when the next attempt is due; zero if there is none.
	NextAttemptAt time.Time
	// URL is where the request went, with its query redacted: it may hold a
	// credential.
	URL string
	// RequestHeader is what was sent, with credentials redacted.
	RequestHeader http.Header
	// Status is the HTTP status of the answer; zero if none came.
	Status int
	// ResponseHeader is the answer's header, with cookies redacted. It comes
	// from a stranger, as do ResponseBody and Error.
	ResponseHeader http.Header
	// ResponseBody is the beginning of the answer's body, with the endpoint's
	// credentials redacted, and ResponseTruncated reports whether there was more.
	ResponseBody      []byte
	ResponseTruncated bool
	// ErrorClass and Error say why the attempt failed; empty if it succeeded.
	ErrorClass ErrorClass
	Error      string
	// RemoteAddr is the address (ip:port) the request went to; empty if there
	// was no connection.
	RemoteAddr string
	// ConnReused reports whether the connection had been used before.
	ConnReused bool
	// Timing says how long each phase took.
	Timing Timing
}

// Timing is how long the phases of an attempt took. A phase that did not
// happen, such as a handshake on a connection that was reused, is zero.
type Timing struct {
	// DNS is the name lookup.
	DNS time.Duration
	// Connect is the TCP connection.
	Connect time.Duration
	// TLS is the handshake.
	TLS time.Duration
	// FirstByte is from the attempt's start to the first byte of the answer.
	FirstByte time.Duration
}

// Duration is how long the attempt took in all.
func (a Attempt) Duration() time.Duration { return a.EndedAt.Sub(a.StartedAt) }

// Clone returns a copy that shares no memory with a.
func (a Attempt) Clone() Attempt {
	a.RequestHeader = a.RequestHeader.Clone()
	a.ResponseHeader = a.ResponseHeader.Clone()
	a.ResponseBody = bytes.Clone(a.ResponseBody)
	return a
}
