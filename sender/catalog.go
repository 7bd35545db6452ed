package sender

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// EventType describes a type of event to the host's customers: what they can
// subscribe to, and what they then receive. Config.Events has all of them.
type EventType struct {
	// Name is what Event.Type is, such as "review.completed". Required, and in
	// Config.Events only once.
	Name string

	// Group is the heading that the type is shown under, such as "Review Events":
	// up to 128 bytes in one line. Types without one have no heading.
	Group string

	// Description says in a sentence or two when the event happens: plain text of
	// up to 1024 bytes.
	Description string

	// Example is a payload of the type, as JSON, at most Config.MaxPayload: it is
	// shown, and it is what [Ping] sends. Optional.
	Example json.RawMessage

	// Schema is a JSON Schema (2020-12) of the payload, up to 256 KiB: an object, or
	// true or false. It is shown; no payload is checked with it. Optional.
	Schema json.RawMessage
}

const (
	maxEvents = 1000
	maxGroup  = 128
	maxSchema = 256 << 10
)

// pingType is the type of a ping that has none. It is known without an entry in
// Config.Events.
const pingType = "webhook.test"

// eventType returns the entry of Config.Events, and whether there is one.
func (c Config) eventType(name string) (EventType, bool) {
	i := slices.IndexFunc(c.Events, func(t EventType) bool { return t.Name == name })
	if i < 0 {
		return EventType{}, false
	}
	return c.Events[i], true
}

// refuses reports whether no event of the type may be sent.
func (c Config) refuses(eventType string) bool {
	_, known := c.eventType(eventType)
	return c.RefuseUnknownEvents && !known && eventType != pingType
}

func (c Config) validateEvents(f *faults) {
	if c.RefuseUnknownEvents && len(c.Events) == 0 {
		f.add("Config.RefuseUnknownEvents", "is true, and Config.Events is empty", "false, or every type in Config.Events")
	}
	if len(c.Events) > maxEvents {
		f.add("Config.Events", fmt.Sprintf("has %d types", len(c.Events)), fmt.Sprintf("at most %d", maxEvents))
		return
	}
	first := make(map[string]int, len(c.Events))
	for i, t := range c.Events {
		field := fmt.Sprintf("Config.Events[%d]", i)
		t.validate(f, field, c.MaxPayload)
		if j, twice := first[t.Name]; twice {
			f.add(field+".Name", fmt.Sprintf("is %q, as is Config.Events[%d].Name", t.Name, j), "another name")
			continue
		}
		first[t.Name] = i
	}
}

func (t EventType) validate(f *faults, field string, maxPayload int) {
	f.check(validType(t.Name), field+".Name", fmt.Sprintf("%q", t.Name), typeBound)
	f.check(validGroup(t.Group), field+".Group", fmt.Sprintf("%d bytes", len(t.Group)),
		fmt.Sprintf("at most %d bytes of UTF-8 without control characters", maxGroup))
	f.check(validText(t.Description), field+".Description", fmt.Sprintf("%d bytes", len(t.Description)), textBound)
	checkJSON(f, field+".Example", t.Example, maxPayload)
	if checkJSON(f, field+".Schema", t.Schema, maxSchema) && !isSchema(t.Schema) {
		f.add(field+".Schema", "is no schema", "an object, true or false (JSON Schema 2020-12, 4.3)")
	}
}

func validGroup(group string) bool {
	return len(group) <= maxGroup && utf8.ValidString(group) && !strings.ContainsFunc(group, unicode.IsControl)
}

// checkJSON reports whether there is a value and nothing is wrong with it. A
// value that is too large is not read.
func checkJSON(f *faults, field string, value json.RawMessage, most int) bool {
	switch {
	case len(value) == 0:
		return false
	case len(value) > most:
		f.add(field, fmt.Sprintf("is %d bytes", len(value)), fmt.Sprintf("at most %d bytes", most))
		return false
	case !utf8.Valid(value) || !json.Valid(value):
		f.add(field, "is no JSON", "a JSON value in UTF-8 (RFC 8259)")
		return false
	}
	return true
}

func isSchema(value json.RawMessage) bool {
	value = bytes.TrimSpace(value)
	return value[0] == '{' || value[0] == 't' || value[0] == 'f'
}
