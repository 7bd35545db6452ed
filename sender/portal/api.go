package portal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
)

// apiHandler does the work of a route of the API. What it returns is written by
// its caller, so that there is one place that writes answers.
type apiHandler func(v *visit) (reply, error)

// queryHandler is an apiHandler whose request has parameters.
type queryHandler func(v *visit, q *query) (reply, error)

// reply is an answer to be.
type reply struct {
	status int
	body   any // to be JSON; nil is no body
}

// apiRoot is where the routes of the API are.
const apiRoot = "/api/v1"

// apiRoutes are the routes of the API. openapi.json says what they are to clients.
func (p *portal) apiRoutes(handle func(pattern string, needs Permission, timeout time.Duration, h apiHandler)) {
	// A handler that names no parameters gets none.
	do := func(pattern string, needs Permission, timeout time.Duration, h apiHandler) {
		method, path, _ := strings.Cut(pattern, " ")
		handle(method+" "+apiRoot+path, needs, timeout, withoutQuery(h))
	}
	list := func(path string, needs Permission, h queryHandler, names ...string) {
		handle("GET "+apiRoot+path, needs, requestTimeout, withQuery(h, names))
	}

	list("/endpoints", View, p.apiListEndpoints, "limit", "cursor")
	do("POST /endpoints", Manage, requestTimeout, p.apiCreateEndpoint)
	do("GET /endpoints/{id}", View, requestTimeout, p.apiGetEndpoint)
	do("PATCH /endpoints/{id}", Manage, requestTimeout, p.apiPatchEndpoint)
	do("DELETE /endpoints/{id}", Manage, requestTimeout, p.apiDeleteEndpoint)
	do("GET /endpoints/{id}/secrets", View|Secrets, requestTimeout, p.apiListSecrets)
	do("POST /endpoints/{id}/rotate-secret", Manage, requestTimeout, p.apiRotateSecret)
	do("POST /endpoints/{id}/test", Manage, longTimeout, p.apiTestEndpoint)

	list("/deliveries", View, p.apiListDeliveries, "state", "endpoint", "event", "event_type", "since", "until", "limit", "cursor")
	do("GET /deliveries/{id}", View, requestTimeout, p.apiGetDelivery)
	list("/deliveries/{id}/attempts", View, p.apiListAttempts, "limit", "cursor")
	do("POST /deliveries/{id}/replay", Replay, requestTimeout, p.apiReplayDelivery)

	list("/replays", View, p.apiListReplays, "limit", "cursor")
	do("POST /replays", Replay, requestTimeout, p.apiStartReplay)
	list("/replays/preview", Replay, p.apiPreviewReplay, "state", "endpoint", "event_type", "since", "until")
	do("GET /replays/{id}", View, requestTimeout, p.apiGetReplay)
	do("POST /replays/{id}/cancel", Replay, requestTimeout, p.apiCancelReplay)

	list("/stats", View, p.apiStats, "endpoint", "since", "until", "bucket")
	do("GET /event-types", View, requestTimeout, p.apiListEventTypes)
	do("GET /profiles", View, requestTimeout, p.apiListProfiles)
	do("GET /openapi.json", View, requestTimeout, p.apiDocument)
}

// withQuery makes an apiHandler of h.
func withQuery(h queryHandler, names []string) apiHandler {
	return func(v *visit) (reply, error) { return h(v, parseQuery(v.Request, names...)) }
}

// withoutQuery refuses any parameter.
func withoutQuery(h apiHandler) apiHandler {
	return func(v *visit) (reply, error) {
		if err := parseQuery(v.Request).err(); err != nil {
			return reply{}, err
		}
		return h(v)
	}
}

// listJSON is a part of a list. NextCursor continues it; it is empty at the end.
type listJSON[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func showPage[In, Out any](page store.Page[In], show func(In) Out) listJSON[Out] {
	shown := showAll(page.Items, show)
	shown.NextCursor = page.Next
	return shown
}

func showAll[In, Out any](items []In, show func(In) Out) listJSON[Out] {
	shown := listJSON[Out]{Items: []Out{}}
	for _, item := range items {
		shown.Items = append(shown.Items, show(item))
	}
	return shown
}

// answerJSON makes a handler of h.
func (p *portal) answerJSON(h apiHandler) func(http.ResponseWriter, *visit) {
	return func(w http.ResponseWriter, v *visit) {
		reply, err := h(v)
		if err != nil {
			writeProblem(w, p.problemOf(v.Request, err))
			return
		}
		writeJSON(w, reply.status, "application/json", reply.body)
	}
}

func writeProblem(w http.ResponseWriter, problem *problem) {
	if problem.Status == http.StatusServiceUnavailable || problem.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, problem.Status, "application/problem+json", problem)
}

// writeJSON encodes before it writes, so that a failure is still an answer.
func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client may be gone
}
