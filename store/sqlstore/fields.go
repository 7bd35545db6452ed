package sqlstore

import (
	"time"

	"github.com/outhook/outhook/store"
)

// field is one column of a record: its name, and where its value is in the
// record. One list of them for each type is all there is to know about its
// table: statements, parameters and scans cannot disagree.
type field struct {
	name  string
	value value
	// fixed fields keep what they were created with.
	fixed bool
}

func endpointFields(e *store.Endpoint) []field {
	return []field{
		{"tenant", plain(&e.Tenant), true},
		{"id", plain(&e.ID), true},
		{"url", plain(&e.URL), false},
		{"description", plain(&e.Description), false},
		{"event_types", document(&e.EventTypes), false},
		{"profile", plain(&e.Profile), false},
		{"secrets", secrets(&e.Secrets), false},
		{"headers", document(&e.Headers), false},
		{"timeout_ns", plain(&e.Timeout), false},
		{"rate_per_second", plain(&e.RateLimit.PerSecond), false},
		{"rate_burst", plain(&e.RateLimit.Burst), false},
		{"disabled", plain(&e.Disabled), false},
		{"disabled_reason", plain(&e.DisabledReason), false},
		{"disabled_at", instant(&e.DisabledAt), false},
		{"failing_since", instant(&e.FailingSince), false},
		{"paused_until", instant(&e.PausedUntil), false},
		{"created_at", sortKey(&e.CreatedAt), false},
		{"updated_at", instant(&e.UpdatedAt), false},
		{"version", plain(&e.Version), false},
	}
}

func eventFields(e *store.Event) []field {
	return []field{
		{"tenant", plain(&e.Tenant), true},
		{"id", plain(&e.ID), true},
		{"type", plain(&e.Type), true},
		{"payload", blob(&e.Payload), true},
		{"content_type", plain(&e.ContentType), true},
		{"hops", plain(&e.Hops), true},
		{"created_at", sortKey(&e.CreatedAt), true},
	}
}

func deliveryFields(d *store.Delivery) []field {
	return []field{
		{"tenant", plain(&d.Tenant), true},
		{"id", plain(&d.ID), true},
		{"event_id", plain(&d.EventID), true},
		{"endpoint_id", plain(&d.EndpointID), true},
		{"event_type", plain(&d.EventType), true},
		{"state", plain(&d.State), false},
		{"round", plain(&d.Round), false},
		{"attempts", plain(&d.Attempts), false},
		{"trigger_kind", plain(&d.Trigger), false},
		{"next_attempt_at", instant(&d.NextAttemptAt), false},
		{"last_status", plain(&d.LastStatus), false},
		{"last_error_class", plain(&d.LastErrorClass), false},
		{"last_error", plain(&d.LastError), false},
		{"created_at", sortKey(&d.CreatedAt), true},
		{"updated_at", instant(&d.UpdatedAt), false},
		{"ended_at", instant(&d.EndedAt), false},
		{"version", plain(&d.Version), false},
	}
}

func attemptFields(a *store.Attempt) []field {
	return []field{
		{"tenant", plain(&a.Tenant), true},
		{"id", plain(&a.ID), true},
		{"delivery_id", plain(&a.DeliveryID), true},
		{"event_id", plain(&a.EventID), true},
		{"endpoint_id", plain(&a.EndpointID), true},
		{"event_type", plain(&a.EventType), true},
		{"round", plain(&a.Round), true},
		{"number", plain(&a.Number), true},
		{"trigger_kind", plain(&a.Trigger), true},
		{"succeeded", plain(&a.Succeeded), true},
		{"scheduled_at", instant(&a.ScheduledAt), true},
		{"started_at", sortKey(&a.StartedAt), true},
		{"ended_at", instant(&a.EndedAt), true},
		{"next_attempt_at", instant(&a.NextAttemptAt), true},
		{"url", plain(&a.URL), true},
		{"request_header", document(&a.RequestHeader), true},
		{"status", plain(&a.Status), true},
		{"response_header", document(&a.ResponseHeader), true},
		{"response_body", blob(&a.ResponseBody), true},
		{"response_truncated", plain(&a.ResponseTruncated), true},
		{"error_class", plain(&a.ErrorClass), true},
		{"error", plain(&a.Error), true},
		{"remote_addr", plain(&a.RemoteAddr), true},
		{"conn_reused", plain(&a.ConnReused), true},
		{"dns_ns", plain(&a.Timing.DNS), true},
		{"connect_ns", plain(&a.Timing.Connect), true},
		{"tls_ns", plain(&a.Timing.TLS), true},
		{"first_byte_ns", plain(&a.Timing.FirstByte), true},
	}
}

func replayFields(r *store.Replay) []field {
	return []field{
		{"tenant", plain(&r.Tenant), true},
		{"id", plain(&r.ID), true},
		{"endpoint_id", plain(&r.EndpointID), false},
		{"event_type", plain(&r.EventType), false},
		{"states", document(&r.States), false},
		{"since_at", instant(&r.Since), false},
		{"until_at", instant(&r.Until), false},
		{"state", plain(&r.State), false},
		{"total", plain(&r.Total), false},
		{"replayed", plain(&r.Replayed), false},
		{"skipped", plain(&r.Skipped), false},
		{"list_cursor", plain(&r.Cursor), false},
		{"created_at", sortKey(&r.CreatedAt), true},
		{"updated_at", instant(&r.UpdatedAt), false},
		{"ended_at", instant(&r.EndedAt), false},
		{"version", plain(&r.Version), false},
	}
}

// reference names an event or a replay, in lists of what to purge.
type reference struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
}

func referenceFields(r *reference) []field {
	return []field{{"tenant", plain(&r.Tenant), true}, {"id", plain(&r.ID), true}}
}

// bound makes a parameter of the bound of a filter. Stored times are whole
// microseconds: t <= x and x < t say the same of the next microsecond, if t is
// not one itself.
func (d dialect) bound(t time.Time) any {
	return d.time(t.Add(time.Microsecond - 1))
}
