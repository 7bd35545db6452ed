// Package jam is what the backend of Jam would write to send the webhooks that
// its page promises (https://jam.dev/docs, "Webhooks"): the profile, the
// events with their bodies, and an example of each.
package jam

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/signing"
)

// Profile returns what the page promises: Standard Webhooks under the svix-*
// header names, and eight attempts over 27 hours. The page names no timeout.
func Profile() sender.Profile {
	return sender.Profile{
		Signing: signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix)),
		Retry:   retry.Jam(),
		Timeout: 15 * time.Second,
	}
}

// Body is the body of an event.
type Body interface {
	// EventType is what endpoints subscribe to.
	EventType() string
	// Validate reports every field that must be there and is not.
	Validate() error
}

// NewEvent returns the event that tells a workspace's endpoints of body. It
// refuses a body that lacks what the page says is always there.
func NewEvent(workspace string, body Body) (sender.Event, error) {
	if err := body.Validate(); err != nil {
		return sender.Event{}, fmt.Errorf("%s: %w", body.EventType(), err)
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return sender.Event{}, fmt.Errorf("%s: encode the body: %w", body.EventType(), err)
	}
	return sender.Event{Tenant: workspace, Type: body.EventType(), Payload: payload}, nil
}
