package jam

import (
	"fmt"

	"github.com/outhook/outhook/examples/internal/jsonschema"
	"github.com/outhook/outhook/sender"
)

// descriptions are the page's, word for word.
var descriptions = map[string]string{
	TypeCreated: "fired when a new Jam is captured from any origin, including the Chrome extension, iOS app, " +
		"dashboard, Fin (Intercom) integration, or Recording Link. Most integrations should subscribe to this event.",
	TypeRecorderRecorded: "fired when a customer submits a screen recording through Jam’s Intercom integration. " +
		"Use this when tuning Fin AI Agent behavior after a recording arrives mid-conversation.",
	TypeRecorderOptedOut: "fired when a customer declines to record through Jam’s Intercom integration. " +
		"Use this when tuning Fin AI Agent behavior after a customer opts out.",
}

// Catalog returns the page's events in its order, for sender.Config.Events.
func Catalog() ([]sender.EventType, error) {
	var types []sender.EventType
	for _, body := range exampleBodies() {
		name := body.EventType()
		example, err := NewEvent(exampleTeam, body)
		if err != nil {
			return nil, err
		}
		schema, err := jsonschema.Of(body)
		if err != nil {
			return nil, fmt.Errorf("%s: encode the schema: %w", name, err)
		}
		types = append(types, sender.EventType{
			Name: name, Description: descriptions[name], Example: example.Payload, Schema: schema,
		})
	}
	return types, nil
}
