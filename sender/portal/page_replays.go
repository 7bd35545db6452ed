package portal

import (
	"net/http"
	"strings"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

const (
	replaysPerPage = 20
	// maxCounted bounds the count before a replay.
	maxCounted = 100_000
	// formTime is a time as an input for times takes it.
	formTime = "2006-01-02T15:04"
)

// replayRow is a bulk replay in a list or on its page.
type replayRow struct {
	store.Replay

	EndpointName string
}

// Done is how many of its deliveries it has been through.
func (r replayRow) Done() int { return r.Replayed + r.Skipped }

// Percent is how far it is.
func (r replayRow) Percent() int {
	if r.State == store.ReplayFinished {
		return 100
	}
	if r.Total == 0 {
		return 0
	}
	return min(100*r.Done()/r.Total, 100)
}

// Running reports whether it goes on.
func (r replayRow) Running() bool { return r.State == store.ReplayRunning }

// StateClass is the class of its badge.
func (r replayRow) StateClass() string {
	switch r.State {
	case store.ReplayRunning:
		return "pending"
	case store.ReplayFinished:
		return "succeeded"
	case store.ReplayCanceled:
	}
	return "canceled"
}

// replayForm is the form for a new bulk replay, as it is filled in.
type replayForm struct {
	Endpoint string
	Event    string
	Failed   bool
	Canceled bool
	Since    string
	Until    string

	Endpoints []endpointChoice
	Types     []sender.EventType
	Counted   bool
	Matching  int
	More      bool // there are more than Matching
	Problems  []fieldProblem
}

// replaysPage lists the bulk replays, and has the form for another one.
func (p *portal) replaysPage(v *visit) (view, error) {
	replays, ok := store.As[store.ReplayStore](p.store)
	shown := struct {
		Supported bool
		Rows      []replayRow
		Next      string
		Form      replayForm
	}{Supported: ok}
	answer := view{page: "replays", title: "Replays", nav: "replays"}
	if ok {
		page, err := replays.ListReplays(v.Context(), store.ReplayFilter{Tenant: v.Tenant, Limit: replaysPerPage, Cursor: v.URL.Query().Get("cursor")})
		if err != nil {
			return view{}, err
		}
		for _, r := range page.Items {
			row, err := p.replayRow(v, r)
			if err != nil {
				return view{}, err
			}
			shown.Rows = append(shown.Rows, row)
		}
		shown.Next = page.Next
	}
	shown.Form = replayForm{
		Endpoint: v.URL.Query().Get("endpoint"), Failed: true, Canceled: true,
		Since: time.Now().UTC().Add(-24 * time.Hour).Format(formTime), Types: p.cfg.Sender.Events,
	}
	var err error
	shown.Form.Endpoints, err = p.endpointChoices(v, shown.Form.Endpoint)
	answer.data = shown
	return answer, err
}

func (p *portal) replayRow(v *visit, r store.Replay) (replayRow, error) {
	row := replayRow{Replay: r, EndpointName: "all endpoints"}
	if r.EndpointID != "" {
		endpoints, err := p.endpointsOf(v, []store.Delivery{{EndpointID: r.EndpointID}})
		if err != nil {
			return replayRow{}, err
		}
		row.EndpointName = p.deliveryRows([]store.Delivery{{EndpointID: r.EndpointID}}, endpoints)[0].Endpoint
	}
	return row, nil
}

// readReplay reads the form, and what it asks for.
func (p *portal) readReplay(v *visit, value func(string) string) (replayForm, sender.ReplayFilter, error) {
	f := replayForm{
		Endpoint: value("endpoint"), Event: strings.TrimSpace(value("event")),
		Failed: value("failed") != "", Canceled: value("canceled") != "",
		Since: value("since"), Until: value("until"), Types: p.cfg.Sender.Events,
	}
	filter := sender.ReplayFilter{Tenant: v.Tenant, EndpointID: f.Endpoint, EventType: f.Event}
	if f.Failed {
		filter.States = append(filter.States, store.Failed)
	}
	if f.Canceled {
		filter.States = append(filter.States, store.Canceled)
	}
	if len(filter.States) == 0 {
		f.Problems = append(f.Problems, fieldProblem{"status", "must be failed, canceled or both"})
	}
	if !isID(f.Endpoint) {
		f.Problems = append(f.Problems, fieldProblem{"endpoint", "is no id"})
	}
	filter.Since = readTime(f.Since, "from", &f.Problems)
	filter.Until = readTime(f.Until, "to", &f.Problems)
	found, _ := fieldProblems(filter.Validate())
	f.Problems = append(f.Problems, found...)
	var err error
	f.Endpoints, err = p.endpointChoices(v, f.Endpoint)
	return f, filter, err
}

// newReplayPage counts what a replay would send again, and asks once more. From
// here on the set is fixed: what fails later is not in it.
func (p *portal) newReplayPage(v *visit) (view, error) {
	if v.URL.RawQuery == "" { // nobody has filled in the form
		return view{goTo: "replays"}, nil
	}
	f, filter, err := p.readReplay(v, v.URL.Query().Get)
	if err != nil {
		return view{}, err
	}
	answer := view{page: "replaynew", title: "Replay deliveries", nav: "replays"}
	if len(f.Problems) > 0 {
		answer.status, answer.data = http.StatusBadRequest, f
		return answer, nil
	}
	if filter.Until.IsZero() { // the form has whole seconds, and this one is not to be left out
		filter.Until = time.Now().UTC().Truncate(time.Second).Add(time.Second)
		f.Until = filter.Until.Format("2006-01-02T15:04:05")
	}
	n, err := store.CountDeliveries(v.Context(), p.store, store.DeliveryFilter{
		Tenant: filter.Tenant, EndpointID: filter.EndpointID, EventType: filter.EventType,
		States: filter.States, Since: filter.Since, Until: filter.Until,
	}, maxCounted)
	if err != nil {
		return view{}, err
	}
	f.Counted, f.Matching, f.More = true, n, n == maxCounted
	answer.data = f
	return answer, nil
}

// startReplayForm starts a bulk replay.
func (p *portal) startReplayForm(v *visit) (view, error) {
	if err := parseForm(v); err != nil {
		return view{}, err
	}
	f, filter, err := p.readReplay(v, v.PostFormValue)
	if err != nil {
		return view{}, err
	}
	if len(f.Problems) > 0 {
		return view{page: "replaynew", title: "Replay deliveries", nav: "replays", status: http.StatusUnprocessableEntity, data: f}, nil
	}
	r, err := p.startReplay(v, filter)
	return view{goTo: "replays/" + pathOf(r.ID)}, err
}

// replayPage shows how far a bulk replay is.
func (p *portal) replayPage(v *visit) (view, error) {
	replays, ok := store.As[store.ReplayStore](p.store)
	if !ok {
		return view{}, errNotFound
	}
	r, err := replays.GetReplay(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	row, err := p.replayRow(v, r)
	return view{page: "replay", title: "Replay", nav: "replays", data: row}, err
}

// cancelReplayForm ends a bulk replay.
func (p *portal) cancelReplayForm(v *visit) (view, error) {
	r, err := sender.CancelReplay(v.Context(), p.cfg.Sender, v.Tenant, v.PathValue("id"))
	return view{goTo: "replays/" + pathOf(r.ID) + "?done=canceled"}, err
}
