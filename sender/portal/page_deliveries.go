package portal

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

const deliveriesPerPage = 50

// deliveryRow is a delivery in a list.
type deliveryRow struct {
	store.Delivery

	Endpoint string // what it is called
	Why      string // what came of the last attempt, in a few words
}

// ErrorText is the last error as customers may read it.
func (d deliveryRow) ErrorText() string {
	return capital(showError(d.LastErrorClass, d.LastError)) + "."
}

func (p *portal) deliveryRows(deliveries []store.Delivery, endpoints map[string]store.Endpoint) []deliveryRow {
	rows := make([]deliveryRow, len(deliveries))
	for i, d := range deliveries {
		rows[i] = deliveryRow{Delivery: d, Endpoint: "deleted endpoint", Why: outcome(d)}
		if e, ok := endpoints[d.EndpointID]; ok {
			rows[i].Endpoint = nameOf(e)
		}
	}
	return rows
}

// outcome is what came of a delivery's last attempt, in a few words.
func outcome(d store.Delivery) string {
	switch {
	case d.LastStatus != 0:
		return statusText(d.LastStatus)
	case d.LastErrorClass != "":
		return cmp.Or(errorNames[d.LastErrorClass], errorNames[store.ErrorOther])
	}
	return ""
}

var errorNames = map[store.ErrorClass]string{
	store.ErrorDNS: "Name not found", store.ErrorConnect: "No connection", store.ErrorTLS: "No secure connection",
	store.ErrorTimeout: "Timeout", store.ErrorBlocked: "Address not allowed", store.ErrorReset: "Connection broke off",
	store.ErrorProtocol: "No HTTP", store.ErrorStatus: "Status", store.ErrorSigning: "Not signed", store.ErrorConfig: "Not set up",
	store.ErrorEndpoint: "No endpoint", store.ErrorPanic: "Not sent", store.ErrorOther: "Error",
}

// endpointsOf are the endpoints of the deliveries. Those that were deleted are not
// among them.
func (p *portal) endpointsOf(v *visit, deliveries []store.Delivery) (map[string]store.Endpoint, error) {
	found := map[string]store.Endpoint{}
	for _, d := range deliveries {
		if _, ok := found[d.EndpointID]; ok {
			continue
		}
		e, err := p.store.GetEndpoint(v.Context(), v.Tenant, d.EndpointID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			found[d.EndpointID] = e
		}
	}
	return found, nil
}

// deliveryFilter is the form above the list of deliveries, as it is filled in.
type deliveryFilter struct {
	State    string
	Event    string // its type
	EventID  string
	Endpoint string
	Since    string
	Until    string

	States    []string
	Types     []sender.EventType
	Endpoints []endpointChoice
	Problems  []fieldProblem
}

// endpointChoice is an endpoint in a form.
type endpointChoice struct{ ID, Name string }

var allStates = []store.DeliveryState{store.Pending, store.Succeeded, store.Failed, store.Canceled}

// maxChoices bounds the endpoints that a form offers.
const maxChoices = 200

// endpointChoices are the endpoints that a form offers, and the one that is chosen.
func (p *portal) endpointChoices(v *visit, chosen string) ([]endpointChoice, error) {
	page, err := p.store.ListEndpoints(v.Context(), store.EndpointFilter{Tenant: v.Tenant, Limit: maxChoices})
	if err != nil {
		return nil, err
	}
	var choices []endpointChoice
	for _, e := range page.Items {
		choices = append(choices, endpointChoice{e.ID, nameOf(e)})
	}
	if chosen != "" && !slices.ContainsFunc(choices, func(c endpointChoice) bool { return c.ID == chosen }) {
		choices = append(choices, endpointChoice{chosen, visible(chosen)})
	}
	return choices, nil
}

// readFilter reads the form from the address, and says what is wrong with it: a
// list that ignores half of a question misleads.
func (p *portal) readFilter(v *visit) (deliveryFilter, store.DeliveryFilter, error) {
	q := v.URL.Query()
	f := deliveryFilter{
		State: q.Get("state"), Event: strings.TrimSpace(q.Get("event")), Endpoint: q.Get("endpoint"),
		EventID: strings.TrimSpace(q.Get("event_id")),
		Since:   q.Get("since"), Until: q.Get("until"), Types: p.cfg.Sender.Events,
	}
	filter := store.DeliveryFilter{
		Tenant: v.Tenant, EventType: f.Event, EventID: f.EventID, EndpointID: f.Endpoint,
		Limit: deliveriesPerPage, Cursor: q.Get("cursor"),
	}
	for _, state := range allStates {
		f.States = append(f.States, string(state))
	}
	if f.State != "" {
		filter.States = []store.DeliveryState{store.DeliveryState(f.State)}
		if !slices.Contains(f.States, f.State) {
			f.Problems = append(f.Problems, fieldProblem{"status", "must be pending, succeeded, failed or canceled"})
		}
	}
	for _, text := range []string{f.Event, f.EventID, f.Endpoint, filter.Cursor} {
		if strings.ContainsFunc(text, unprintable) {
			f.Problems = append(f.Problems, fieldProblem{"filter", "has characters that nothing has"})
		}
	}
	filter.Since = readTime(f.Since, "from", &f.Problems)
	filter.Until = readTime(f.Until, "to", &f.Problems)
	if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Until.After(filter.Since) {
		f.Problems = append(f.Problems, fieldProblem{"to", "must be after from"})
	}
	var err error
	f.Endpoints, err = p.endpointChoices(v, f.Endpoint)
	return f, filter, err
}

// readTime reads what browsers send of an input for a time, in UTC.
func readTime(text, field string, problems *[]fieldProblem) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil && ordinary(t) {
			return t.UTC()
		}
	}
	*problems = append(*problems, fieldProblem{field, "must be a time such as 2026-01-08T10:30"})
	return time.Time{}
}

// address is the part of an address that says the same.
func (f deliveryFilter) address(cursor string) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"state": f.State, "event": f.Event, "event_id": f.EventID, "endpoint": f.Endpoint, "since": f.Since, "until": f.Until, "cursor": cursor,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "?" + q.Encode()
}

// Empty reports whether it asks for everything.
func (f deliveryFilter) Empty() bool { return f.address("") == "?" }

// deliveriesPage lists deliveries.
func (p *portal) deliveriesPage(v *visit) (view, error) {
	f, filter, err := p.readFilter(v)
	if err != nil {
		return view{}, err
	}
	answer := view{page: "deliveries", title: "Deliveries", nav: "deliveries"}
	shown := struct {
		Filter deliveryFilter
		Rows   []deliveryRow
		Next   string // the address of the following page
		First  string // of the first
		Later  bool   // this is not the first page
	}{Filter: f, First: f.address(""), Later: filter.Cursor != ""}
	if len(f.Problems) > 0 {
		answer.status, answer.data = http.StatusBadRequest, shown
		return answer, nil
	}
	page, err := p.store.ListDeliveries(v.Context(), filter)
	if err != nil {
		return view{}, err
	}
	endpoints, err := p.endpointsOf(v, page.Items)
	if err != nil {
		return view{}, err
	}
	shown.Rows = p.deliveryRows(page.Items, endpoints)
	if page.Next != "" {
		shown.Next = f.address(page.Next)
	}
	answer.data = shown
	return answer, nil
}

// attemptsPerPage bounds the timeline: a delivery that was replayed many times has
// many.
const attemptsPerPage = 20

// maxCommands is from where on a page has no more curl commands: each has the whole
// payload, and 65,000 apostrophes are a megabyte of markup.
const maxCommands = 128 << 10

// attemptView is an attempt in the timeline.
type attemptView struct {
	store.Attempt

	Why      string
	Response content
	Curl     string
	Phases   []phase
}

// phase is a part of an attempt's time.
type phase struct {
	Name   string
	Length time.Duration
	X, W   float64 // in percent of the whole
}

// Late is how much later than planned it began.
func (a attemptView) Late() time.Duration {
	if a.ScheduledAt.IsZero() {
		return 0
	}
	return max(a.StartedAt.Sub(a.ScheduledAt), 0)
}

// ErrorText is the error as customers may read it.
func (a attemptView) ErrorText() string { return showError(a.ErrorClass, a.Error) }

// ReplayNumber counts the replays up to the round it belongs to.
func (a attemptView) ReplayNumber() int { return a.Round - 1 }

func showAttemptOf(a store.Attempt, event store.Event) attemptView {
	shown := attemptView{Attempt: a, Response: showContent(a.ResponseBody), Phases: phases(a)}
	if !a.Succeeded {
		shown.Why = explain(a.ErrorClass, a.Status)
	}
	if len(event.Payload) > 0 {
		shown.Curl = curl(a, event.Payload)
	}
	return shown
}

// phases divides an attempt's time. What the four timings do not cover is the
// server's thinking, and the transfer of the body.
func phases(a store.Attempt) []phase {
	whole := a.Duration()
	if whole <= 0 {
		return nil
	}
	t := a.Timing
	set := t.DNS + t.Connect + t.TLS
	parts := []phase{
		{Name: "Name lookup", Length: t.DNS},
		{Name: "Connection", Length: t.Connect},
		{Name: "TLS", Length: t.TLS},
		{Name: "Waiting for the answer", Length: max(t.FirstByte-set, 0)},
	}
	if t.FirstByte > 0 {
		parts = append(parts, phase{Name: "Reading it", Length: max(whole-t.FirstByte, 0)})
	} else if parts[3].Length = max(whole-set, 0); a.RemoteAddr == "" && a.Status == 0 { // nobody was asked
		parts[3].Length = 0
	}
	var shown []phase
	at := 0.0
	for _, part := range parts {
		part.X, part.W = round(at), round(100*float64(part.Length)/float64(whole))
		at += 100 * float64(part.Length) / float64(whole)
		if part.Length > 0 {
			shown = append(shown, part)
		}
	}
	return shown
}

// deliveryPage shows one delivery with all that is known of it.
func (p *portal) deliveryPage(v *visit) (view, error) {
	d, err := p.store.GetDelivery(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	event, err := p.store.GetEvent(v.Context(), v.Tenant, d.EventID)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // old ones may have been purged
		return view{}, err
	}
	endpoints, err := p.endpointsOf(v, []store.Delivery{d})
	if err != nil {
		return view{}, err
	}
	cursor := v.URL.Query().Get("cursor")
	page, err := p.store.ListAttempts(v.Context(), store.AttemptFilter{
		Tenant: v.Tenant, DeliveryID: d.ID, Limit: attemptsPerPage, Cursor: cursor,
	})
	if err != nil {
		return view{}, err
	}
	shown := struct {
		deliveryRow

		EndpointGone bool
		Disabled     bool
		Test         bool
		Explanation  string
		Payload      content
		ContentType  string
		Attempts     []attemptView
		Next         string
	}{
		deliveryRow: p.deliveryRows([]store.Delivery{d}, endpoints)[0],
		Test:        d.Trigger == store.TriggerTest, Payload: showContent(event.Payload), ContentType: event.ContentType, Next: page.Next,
	}
	endpoint, there := endpoints[d.EndpointID]
	shown.EndpointGone, shown.Disabled = !there, there && endpoint.Disabled
	if d.State != store.Succeeded {
		shown.Explanation = explain(d.LastErrorClass, d.LastStatus)
	}
	room := maxCommands
	for _, a := range page.Items {
		if room <= 0 {
			event.Payload = nil // there is no command without it
		}
		attempt := showAttemptOf(a, event)
		room -= len(attempt.Curl)
		shown.Attempts = append(shown.Attempts, attempt)
	}
	return view{page: "delivery", title: d.EventType + " to " + shown.Endpoint, nav: "deliveries", data: shown}, nil
}

// replayDeliveryForm sends one delivery again.
func (p *portal) replayDeliveryForm(v *visit) (view, error) {
	d, err := p.sender.Resend(v.Context(), v.Tenant, v.PathValue("id"))
	return view{goTo: "deliveries/" + pathOf(d.ID) + "?done=replayed"}, err
}

// payloadFile is what was sent, byte for byte.
func (p *portal) payloadFile(v *visit) (view, error) {
	d, err := p.store.GetDelivery(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	event, err := p.store.GetEvent(v.Context(), v.Tenant, d.EventID)
	return view{file: event.Payload, fileName: "payload.bin"}, err
}

// responseFile is what was kept of an answer's body, byte for byte.
func (p *portal) responseFile(v *visit) (view, error) {
	filter := store.AttemptFilter{Tenant: v.Tenant, DeliveryID: v.PathValue("id"), Limit: min(store.DefaultLimit, p.attemptsAtOnce())}
	for a, err := range store.AllAttempts(v.Context(), p.store, filter) {
		if err != nil {
			return view{}, fmt.Errorf("attempts of delivery %q: %w", filter.DeliveryID, err)
		}
		if a.ID == v.PathValue("attempt") {
			return view{file: a.ResponseBody, fileName: "response.bin"}, nil
		}
	}
	return view{}, errNotFound
}

// eventsPage is the catalog.
func (p *portal) eventsPage(*visit) (view, error) {
	type shownType struct {
		sender.EventType

		Example content
		Schema  content
	}
	type shownGroup struct {
		Name  string
		Types []shownType
	}
	var groups []shownGroup
	for _, g := range groupsOf(p.cfg.Sender.Events) {
		shown := shownGroup{Name: g.Name}
		for _, t := range g.Types {
			shown.Types = append(shown.Types, shownType{t.EventType, showContent(t.Example), showContent(t.Schema)})
		}
		groups = append(groups, shown)
	}
	return view{page: "events", title: "Event catalog", nav: "events", data: groups}, nil
}
