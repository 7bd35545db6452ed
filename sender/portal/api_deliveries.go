package portal

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/outhook/outhook/store"
)

// deliveryJSON is a delivery as the API shows it.
type deliveryJSON struct {
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

func showDelivery(d store.Delivery) deliveryJSON {
	return deliveryJSON{
		ID: d.ID, EventID: d.EventID, EventType: d.EventType, EndpointID: d.EndpointID,
		State: d.State, Round: d.Round, Attempts: d.Attempts, Trigger: d.Trigger, NextAttemptAt: d.NextAttemptAt,
		LastStatus: d.LastStatus, LastErrorClass: d.LastErrorClass, LastError: showError(d.LastErrorClass, d.LastError),
		CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
	}
}

// deliveryWithPayloadJSON is a delivery and what it delivers; null if that has grown
// too old to be kept.
type deliveryWithPayloadJSON struct {
	deliveryJSON

	Payload *payloadJSON `json:"payload"`
}

type payloadJSON struct {
	contentJSON

	ContentType string `json:"content_type"`
}

func (p *portal) apiListDeliveries(v *visit, q *query) (reply, error) {
	filter := store.DeliveryFilter{
		Tenant: v.Tenant, EndpointID: q.text("endpoint"), EventID: q.text("event"), EventType: q.text("event_type"),
		States: q.states("state"), Since: q.time("since"), Until: q.time("until"),
		Limit: q.limit(), Cursor: q.text("cursor"),
	}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	page, err := p.store.ListDeliveries(v.Context(), filter)
	return reply{http.StatusOK, showPage(page, showDelivery)}, err
}

func (p *portal) apiGetDelivery(v *visit) (reply, error) {
	d, err := p.store.GetDelivery(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	shown := deliveryWithPayloadJSON{deliveryJSON: showDelivery(d)}
	event, err := p.store.GetEvent(v.Context(), v.Tenant, d.EventID)
	switch {
	case errors.Is(err, store.ErrNotFound): // purged meanwhile
	case err != nil:
		return reply{}, err
	case len(event.Payload) > 0:
		shown.Payload = &payloadJSON{encodeContent(event.Payload), cmp.Or(event.ContentType, "application/json")}
	}
	return reply{http.StatusOK, shown}, nil
}

// maxBodies is how many bytes of answers are read from the Store at once.
const maxBodies = 4 << 20

// attemptsAtOnce is how many attempts those may be: all that can be asked for, unless
// the host keeps more of each answer than it does by default.
func (p *portal) attemptsAtOnce() int {
	each := max(cmp.Or(p.cfg.Sender.MaxResponseBody, 16<<10), 1)
	return min(maxBodies/each, maxLimit)
}

// apiListAttempts shows the attempts of a delivery, newest first: one that was
// replayed many times has many.
func (p *portal) apiListAttempts(v *visit, q *query) (reply, error) {
	id := v.PathValue("id")
	filter := store.AttemptFilter{Tenant: v.Tenant, DeliveryID: id, Limit: min(q.limit(), p.attemptsAtOnce()), Cursor: q.text("cursor")}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	if _, err := p.store.GetDelivery(v.Context(), v.Tenant, id); err != nil {
		return reply{}, err
	}
	page, err := p.store.ListAttempts(v.Context(), filter)
	return reply{http.StatusOK, showPage(page, showAttempt)}, err
}

func (p *portal) apiReplayDelivery(v *visit) (reply, error) {
	if err := decode(v.Request, &struct{}{}); err != nil {
		return reply{}, err
	}
	d, err := p.sender.Resend(v.Context(), v.Tenant, v.PathValue("id"))
	return reply{http.StatusAccepted, showDelivery(d)}, err
}
