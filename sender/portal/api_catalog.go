package portal

import (
	"encoding/json"
	"net/http"

	"github.com/outhook/outhook/sender"
)

// eventTypeJSON is what can be subscribed to.
type eventTypeJSON struct {
	Name        string          `json:"name"`
	Group       string          `json:"group"`
	Description string          `json:"description"`
	Example     json.RawMessage `json:"example,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
}

func showEventType(t sender.EventType) eventTypeJSON {
	return eventTypeJSON{Name: t.Name, Group: t.Group, Description: t.Description, Example: t.Example, Schema: t.Schema}
}

// apiListEventTypes shows all types that there are: they are the host's, and few.
func (p *portal) apiListEventTypes(*visit) (reply, error) {
	return reply{http.StatusOK, showAll(p.cfg.Sender.Events, showEventType)}, nil
}

// profileJSON is one that an endpoint may have.
type profileJSON struct {
	Name    string `json:"name"`
	Default bool   `json:"default"` // an endpoint has it that names none
}

func (p *portal) apiListProfiles(*visit) (reply, error) {
	shown := showAll(p.cfg.Profiles, func(name string) profileJSON { return profileJSON{Name: name} })
	shown.Items[0].Default = true
	return reply{http.StatusOK, shown}, nil
}
