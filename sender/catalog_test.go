package sender_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

func TestEventsFaultsNameFieldAndBound(t *testing.T) {
	t.Parallel()
	jsonString := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("a", n-2) + `"`) }
	jsonObject := func(n int) json.RawMessage { return json.RawMessage(`{"a":` + string(jsonString(n-6)) + "}") }
	for name, test := range map[string]struct {
		event sender.EventType
		want  string // none: it is good
	}{
		"least":              {sender.EventType{Name: "a"}, ""},
		"no name":            {sender.EventType{}, `Config.Events[1].Name is "", must be 1 to 128 characters`},
		"a pattern":          {sender.EventType{Name: "a.*"}, `Config.Events[1].Name is "a.*", must be`},
		"name used":          {sender.EventType{Name: "order.paid"}, `Config.Events[1].Name is "order.paid", as is Config.Events[0].Name, must be another name`},
		"group":              {sender.EventType{Name: "a", Group: strings.Repeat("g", 128)}, ""},
		"long group":         {sender.EventType{Name: "a", Group: strings.Repeat("g", 129)}, "Config.Events[1].Group is 129 bytes, must be at most 128 bytes"},
		"group of two lines": {sender.EventType{Name: "a", Group: "a\nb"}, "Config.Events[1].Group is 3 bytes, must be"},
		"group not UTF-8":    {sender.EventType{Name: "a", Group: "\xff"}, "Config.Events[1].Group is 1 bytes, must be"},
		"description":        {sender.EventType{Name: "a", Description: strings.Repeat("d", 1024)}, ""},
		"long description":   {sender.EventType{Name: "a", Description: strings.Repeat("d", 1025)}, "Config.Events[1].Description is 1025 bytes, must be at most 1024"},
		"description NUL":    {sender.EventType{Name: "a", Description: "\x00"}, "Config.Events[1].Description is 1 bytes, must be"},
		"example":            {sender.EventType{Name: "a", Example: jsonString(1000)}, ""},
		"large example":      {sender.EventType{Name: "a", Example: jsonString(1001)}, "Config.Events[1].Example is 1001 bytes, must be at most 1000 bytes"},
		"example no JSON":    {sender.EventType{Name: "a", Example: []byte("{")}, "Config.Events[1].Example is no JSON, must be a JSON value"},
		"example not UTF-8":  {sender.EventType{Name: "a", Example: []byte("\"\xff\"")}, "Config.Events[1].Example is no JSON, must be a JSON value"},
		"schema true":        {sender.EventType{Name: "a", Schema: []byte(" true\n")}, ""},
		"schema false":       {sender.EventType{Name: "a", Schema: []byte("false")}, ""},
		"schema":             {sender.EventType{Name: "a", Schema: jsonObject(256 << 10)}, ""},
		"large schema":       {sender.EventType{Name: "a", Schema: jsonObject(256<<10 + 1)}, "Config.Events[1].Schema is 262145 bytes, must be at most 262144 bytes"},
		"schema no JSON":     {sender.EventType{Name: "a", Schema: []byte("{'a':1}")}, "Config.Events[1].Schema is no JSON"},
		"schema null":        {sender.EventType{Name: "a", Schema: []byte("null")}, "Config.Events[1].Schema is no schema, must be an object, true or false"},
		"schema an array":    {sender.EventType{Name: "a", Schema: []byte("[{}]")}, "Config.Events[1].Schema is no schema"},
		"schema a string":    {sender.EventType{Name: "a", Schema: []byte(`"true"`)}, "Config.Events[1].Schema is no schema"},
		"schema a number":    {sender.EventType{Name: "a", Schema: []byte("1")}, "Config.Events[1].Schema is no schema"},
		"schema only spaces": {sender.EventType{Name: "a", Schema: []byte(" ")}, "Config.Events[1].Schema is no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := goodConfig(t)
			cfg.MaxPayload = 1000
			cfg.Events = []sender.EventType{{Name: "order.paid"}, test.event}
			_, err := sender.New(cfg)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var field *sender.FieldError
			if !errors.As(err, &field) || !errors.Is(err, sender.ErrInvalid) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("New = %v, want a FieldError with %q", err, test.want)
			}
		})
	}
}

func TestEventsReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	bad := sender.EventType{Name: "a b", Group: "\n", Description: "\x00", Example: []byte("x"), Schema: []byte("x")}
	cfg.Events = []sender.EventType{bad, {Name: "a"}, bad}
	_, err := sender.New(cfg)
	for _, field := range []string{"0].Name", "0].Group", "0].Description", "0].Example", "0].Schema", "2].Schema", "2].Name is \"a b\", as is"} {
		if err == nil || !strings.Contains(err.Error(), "Config.Events["+field) {
			t.Errorf("Config.Events[%s is not in the error: %v", field, err)
		}
	}
	cfg.Events = nil
	cfg.RefuseUnknownEvents = true
	want := "Config.RefuseUnknownEvents is true, and Config.Events is empty, must be false, or every type in Config.Events"
	if _, err := sender.New(cfg); err == nil || err.Error() != want {
		t.Errorf("New = %v, want %s", err, want)
	}
}

func TestEventsAreAThousandAtMost(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	for i := range 1000 {
		cfg.Events = append(cfg.Events, sender.EventType{Name: fmt.Sprintf("order.%d", i)})
	}
	if _, err := sender.New(cfg); err != nil {
		t.Error(err)
	}
	cfg.Events = append(cfg.Events, sender.EventType{})
	want := "Config.Events has 1001 types, must be at most 1000"
	if _, err := sender.New(cfg); err == nil || err.Error() != want {
		t.Errorf("New = %v, want %s", err, want)
	}
}

func TestRefuseUnknownEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	f.cfg.Events = []sender.EventType{{Name: "order.paid"}, {Name: "order.canceled"}}
	f.cfg.RefuseUnknownEvents = true
	s := f.sender()
	f.cfg.Events[1].Name = "order.refunded" // what the caller changes later changes nothing

	cfg := f.cfg
	cfg.Events = []sender.EventType{{Name: "order.paid"}, {Name: "order.canceled"}}
	for eventType, known := range map[string]bool{
		"order.paid": true, "order.canceled": true, "order.refunded": false, "order": false,
		"order.paid.twice": false, "Order.paid": false, "webhook.test": true, "webhook.test2": false,
	} {
		event := sender.Event{Tenant: tenant, Type: eventType, Payload: []byte("{}")}
		_, err := s.Send(f.ctx, event)
		wantKnown(t, "Send", eventType, err, known)
		_, err = sender.SendIn(f.ctx, s, f.store, event)
		wantKnown(t, "SendIn", eventType, err, known)
		wantKnown(t, "ValidateEvent", eventType, sender.ValidateEvent(cfg, event), known)
		_, err = sender.Ping(f.ctx, cfg, e.ID, event)
		wantKnown(t, "Ping", eventType, err, known)
	}
	if n := len(r.Requests()); n != 3 {
		t.Errorf("%d pings arrived, want those of the 3 known types", n)
	}
	// A name that cannot be one is one fault, not two.
	err := sender.ValidateEvent(cfg, sender.Event{Tenant: tenant, Type: "a b", Payload: []byte("{}")})
	if err == nil || strings.Count(err.Error(), "Event.Type") != 1 {
		t.Errorf("ValidateEvent of a faulty name = %v", err)
	}
	cfg.RefuseUnknownEvents = false
	err = sender.ValidateEvent(cfg, sender.Event{Tenant: tenant, Type: "order.refunded", Payload: []byte("{}")})
	wantKnown(t, "ValidateEvent without RefuseUnknownEvents", "order.refunded", err, true)
}

func wantKnown(t *testing.T, what, eventType string, err error, known bool) {
	t.Helper()
	if known {
		if err != nil {
			t.Errorf("%s of %s = %v", what, eventType, err)
		}
		return
	}
	want := fmt.Sprintf("Event.Type is %q, must be a type in Config.Events (Config.RefuseUnknownEvents)", eventType)
	var field *sender.FieldError
	if !errors.As(err, &field) || field.Field != "Event.Type" || err.Error() != want {
		t.Errorf("%s of %s = %v, want %s", what, eventType, err, want)
	}
}

// What was accepted is delivered and resent, though its type is no longer known.
func TestRefuseUnknownEventsLetsGoWhatWasAccepted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	receipt, err := f.sender().Send(f.ctx, paid)
	if err != nil {
		t.Fatal(err)
	}
	f.cfg.Events, f.cfg.RefuseUnknownEvents = []sender.EventType{{Name: "order.canceled"}}, true
	f.work()
	f.ended(receipt.Deliveries[0])
	d, err := f.sender().Resend(f.ctx, tenant, receipt.Deliveries[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if d = f.ended(d); d.State != store.Succeeded || len(r.Requests()) != 2 {
		t.Errorf("%+v after %d requests, want it delivered twice", d, len(r.Requests()))
	}
}

func TestPingSendsTheExample(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	f.cfg.Events = []sender.EventType{
		{Name: "order.paid", Example: json.RawMessage(`{ "order": 17 }`)},
		{Name: "order.canceled"},
	}
	for _, test := range []struct {
		event sender.Event
		want  string // the body, or how it begins
	}{
		{sender.Event{Type: "order.paid"}, `{ "order": 17 }`},
		{sender.Event{Type: "order.paid", Payload: []byte(`{"order":18}`)}, `{"order":18}`},
		{sender.Event{Type: "order.canceled"}, `{"type":"order.canceled","timestamp":"`},
		{sender.Event{Type: "order.refunded"}, `{"type":"order.refunded","timestamp":"`},
		{sender.Event{}, `{"type":"webhook.test","timestamp":"`},
	} {
		test.event.Tenant = tenant
		a, err := sender.Ping(f.ctx, f.cfg, e.ID, test.event)
		if err != nil || !a.Succeeded {
			t.Fatalf("Ping(%+v) = %+v, %v", test.event, a, err)
		}
		got := r.Requests()[len(r.Requests())-1]
		if !strings.HasPrefix(string(got.Body), test.want) || got.VerifyErr != nil {
			t.Errorf("Ping(%+v) sent %s, verify %v; want %s", test.event, got.Body, got.VerifyErr, test.want)
		}
	}
	// A host that wants another test payload lists the type.
	f.cfg.Events = append(f.cfg.Events, sender.EventType{Name: "webhook.test", Example: json.RawMessage(`{"test":true}`)})
	if _, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant}); err != nil {
		t.Fatal(err)
	}
	if got := r.Requests()[len(r.Requests())-1]; string(got.Body) != `{"test":true}` {
		t.Errorf("Ping sent %s, want the example of webhook.test", got.Body)
	}
}
