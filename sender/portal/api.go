package portal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// apiHandler does the work of a route of the API. What it returns is written by
// its caller, so that there is one place that writes answers.
type apiHandler func(v *visit) (reply, error)

// reply is an answer to be.
type reply struct {
	status int
	body   any // to be JSON; nil is no body
}

// apiRoutes are the routes of the API.
func (p *portal) apiRoutes(handle func(pattern string, needs Permission, timeout time.Duration, h apiHandler)) {
	_ = handle
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
