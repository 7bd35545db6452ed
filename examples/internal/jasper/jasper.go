// Package jasper is what the backend of Jasper would write to send the
// webhooks that its page promises ("Webhooks"): the profile, the envelope, the
// data of every event, and an example of each.
package jasper

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/signing"
)

// Profile returns what the page promises: the X-Jasper-Signature header, three
// retries after 1, 10 and 60 seconds, and 30 seconds per request.
//
// The page also tells receivers to recognize duplicates by the event's id,
// which none of its payloads has. It is sent in a header of its own.
func Profile() sender.Profile {
	return sender.Profile{
		Signing:  signing.SHA256("X-Jasper-Signature"),
		Retry:    retry.Jasper(),
		Timeout:  30 * time.Second,
		IDHeader: "X-Jasper-Event-Id",
	}
}

// Envelope is what every payload looks like.
type Envelope struct {
	Event        string       `json:"event" schema:"const"`
	Timestamp    time.Time    `json:"timestamp"` // whole seconds, in UTC
	Organization Organization `json:"organization"`
	Data         Data         `json:"data"`
}

// Organization is the tenant.
type Organization struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Data is the part of a payload that is particular to its event.
type Data interface {
	// EventType is what endpoints subscribe to.
	EventType() string
}

// NewEvent returns the event that tells an organization's endpoints what
// happened, and when.
func NewEvent(org Organization, at time.Time, data Data) (sender.Event, error) {
	payload, err := json.Marshal(Envelope{
		Event:        data.EventType(),
		Timestamp:    at.UTC().Truncate(time.Second),
		Organization: org,
		Data:         data,
	})
	if err != nil {
		return sender.Event{}, fmt.Errorf("%s: encode the payload: %w", data.EventType(), err)
	}
	return sender.Event{Tenant: org.ID, Type: data.EventType(), Payload: payload}, nil
}
