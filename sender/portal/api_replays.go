package portal

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// replayJSON is a bulk replay as the API shows it.
type replayJSON struct {
	ID         string                `json:"id"`
	EndpointID string                `json:"endpoint_id,omitempty"`
	EventType  string                `json:"event_type,omitempty"`
	States     []store.DeliveryState `json:"states"`
	Since      time.Time             `json:"since,omitzero"`
	Until      time.Time             `json:"until,omitzero"`
	State      store.ReplayState     `json:"state"`
	Total      int                   `json:"total"`
	Replayed   int                   `json:"replayed"`
	Skipped    int                   `json:"skipped"`
	CreatedAt  time.Time             `json:"created_at"`
	UpdatedAt  time.Time             `json:"updated_at"`
	EndedAt    time.Time             `json:"ended_at,omitzero"`
}

func showReplay(r store.Replay) replayJSON {
	return replayJSON{
		ID: r.ID, EndpointID: r.EndpointID, EventType: r.EventType, States: r.States, Since: r.Since, Until: r.Until,
		State: r.State, Total: r.Total, Replayed: r.Replayed, Skipped: r.Skipped,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, EndedAt: r.EndedAt,
	}
}

// newReplayJSON is a request for a bulk replay: of which deliveries.
type newReplayJSON struct {
	EndpointID string                `json:"endpoint_id"`
	EventType  string                `json:"event_type"`
	States     []store.DeliveryState `json:"states"`
	Since      instant               `json:"since"`
	Until      instant               `json:"until"`
}

// maxID is how long an id is at most.
const maxID = 128

// isID reports whether text may be an id, or is empty.
func isID(text string) bool { return len(text) <= maxID && !strings.ContainsFunc(text, unprintable) }

// check reports what sender would, in the words of the API.
func (in newReplayJSON) check() error {
	var problems []fieldProblem
	if !isID(in.EndpointID) {
		problems = append(problems, fieldProblem{"endpoint_id", "is no id"})
	}
	for i, state := range in.States {
		if !slices.Contains(allStates, state) {
			problems = append(problems, fieldProblem{fmt.Sprintf("states[%d]", i), fmt.Sprintf("is %q, must be of %s", state, statesBound)})
		}
	}
	if !in.Since.IsZero() && !in.Until.IsZero() && !in.Until.After(in.Since.Time) {
		problems = append(problems, fieldProblem{"until", "must be after since"})
	}
	// Nobody is asked once more here, and an empty object is soon sent.
	if in.EndpointID == "" && in.EventType == "" && in.Since.IsZero() && in.Until.IsZero() {
		problems = append(problems, fieldProblem{"since", "is not there, must be a time unless endpoint_id, event_type or until narrow it"})
	}
	if len(problems) > 0 {
		return invalid(problems...)
	}
	return nil
}

func (p *portal) apiStartReplay(v *visit) (reply, error) {
	var in newReplayJSON
	if err := decode(v.Request, &in); err != nil {
		return reply{}, err
	}
	if err := in.check(); err != nil {
		return reply{}, err
	}
	slices.Sort(in.States)
	in.States = slices.Compact(in.States) // they are kept
	started, err := p.startReplay(v, sender.ReplayFilter{
		Tenant: v.Tenant, EndpointID: in.EndpointID, EventType: in.EventType,
		States: in.States, Since: in.Since.Time, Until: in.Until.Time,
	})
	return reply{http.StatusAccepted, showReplay(started)}, err
}

// startReplay starts a bulk replay, one of a tenant at a time in this process: it counts
// for up to ten seconds, and until it has, nobody knows that there is one more.
func (p *portal) startReplay(v *visit, f sender.ReplayFilter) (store.Replay, error) {
	if !p.starts.begin(v.Tenant, 1) {
		return store.Replay{}, errStarting
	}
	defer p.starts.end(v.Tenant)
	return sender.StartReplay(v.Context(), p.cfg.Sender, f)
}

var errStarting = conflict(typeTooMany, errTooManyReplays.Title, "Another one is being started. Nothing was done: try again when it has.")

// maxPreview is where a preview stops counting.
const maxPreview = 10_000

// previewJSON is how many deliveries a replay would be about: that many, or More.
type previewJSON struct {
	Matching int  `json:"matching"`
	More     bool `json:"more"`
}

func (p *portal) apiPreviewReplay(v *visit, q *query) (reply, error) {
	filter := store.DeliveryFilter{
		Tenant: v.Tenant, EndpointID: q.text("endpoint"), EventType: q.text("event_type"),
		States: q.states("state"), Since: q.time("since"), Until: q.time("until"),
	}
	if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Until.After(filter.Since) {
		q.add("until", "must be after since")
	}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	if len(filter.States) == 0 { // as sender.ReplayFilter has it
		filter.States = []store.DeliveryState{store.Failed, store.Canceled}
	}
	n, err := store.CountDeliveries(v.Context(), p.store, filter, maxPreview+1)
	return reply{http.StatusOK, previewJSON{min(n, maxPreview), n > maxPreview}}, err
}

// replays are the Store's, if it keeps any.
func (p *portal) replays() (store.ReplayStore, error) {
	replays, ok := store.As[store.ReplayStore](p.store)
	if !ok {
		return nil, errUnsupported
	}
	return replays, nil
}

func (p *portal) apiListReplays(v *visit, q *query) (reply, error) {
	filter := store.ReplayFilter{Tenant: v.Tenant, Limit: q.limit(), Cursor: q.text("cursor")}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	replays, err := p.replays()
	if err != nil {
		return reply{}, err
	}
	page, err := replays.ListReplays(v.Context(), filter)
	return reply{http.StatusOK, showPage(page, showReplay)}, err
}

func (p *portal) apiGetReplay(v *visit) (reply, error) {
	replays, err := p.replays()
	if err != nil {
		return reply{}, err
	}
	r, err := replays.GetReplay(v.Context(), v.Tenant, v.PathValue("id"))
	return reply{http.StatusOK, showReplay(r)}, err
}

// apiCancelReplay ends a replay, and shows it. One that has ended stays as it is.
func (p *portal) apiCancelReplay(v *visit) (reply, error) {
	if err := decode(v.Request, &struct{}{}); err != nil {
		return reply{}, err
	}
	r, err := sender.CancelReplay(v.Context(), p.cfg.Sender, v.Tenant, v.PathValue("id"))
	return reply{http.StatusOK, showReplay(r)}, err
}
