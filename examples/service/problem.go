package main

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/outhook/outhook/sender"
)

// problem is an error as the API answers it (RFC 9457, application/problem+json).
type problem struct {
	// Type says what a client can decide by: about:blank is the status alone.
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []fieldProblem `json:"errors,omitempty"`
}

// fieldProblem is what is wrong with one field of a request, by the name that
// the API has for it.
type fieldProblem struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Error implements error.
func (p *problem) Error() string { return p.Title }

// The types of problems.
const (
	typeNone    = "about:blank"
	typeInvalid = "/problems/invalid"
	typeReused  = "/problems/event-id-reused"
)

// newProblem is a problem that its status explains.
func newProblem(status int, detail string) *problem {
	return &problem{Type: typeNone, Title: http.StatusText(status), Status: status, Detail: detail}
}

func invalid(fields ...fieldProblem) *problem {
	return &problem{
		Type: typeInvalid, Title: "The request is invalid", Status: http.StatusBadRequest,
		Detail: "Nothing was done. Each of the errors names a field.", Errors: fields,
	}
}

// What the decisions of Outhook mean to a client.
var (
	errReused = &problem{
		Type: typeReused, Title: "The event id is taken", Status: http.StatusConflict,
		Detail: "An event of that id was sent before, with another type or payload.",
	}
	errBacklog = newProblem(http.StatusTooManyRequests,
		"Too many of the tenant's deliveries have not ended yet. Nothing was accepted: try again later.")
)

// problemOf says what an error means to a client. What the client is not to
// know is logged.
func (s *service) problemOf(r *http.Request, err error) *problem {
	if p := new(problem); errors.As(err, &p) {
		return p
	}
	if fields, ok := fieldProblems(err); ok {
		return invalid(fields...)
	}
	switch {
	case errors.Is(err, sender.ErrEventIDReused):
		return errReused
	case errors.Is(err, sender.ErrTooManyPending):
		return errBacklog
	case errors.Is(err, sender.ErrInvalid): // our own Config, or a field that the API does not have
		s.log.ErrorContext(r.Context(), "API: Outhook refuses what the service gave it", "route", r.Pattern, "error", err)
		return newProblem(http.StatusInternalServerError, "")
	case errors.Is(r.Context().Err(), context.Canceled): // nobody is there to read it
		return newProblem(http.StatusServiceUnavailable, "The request was given up.")
	}
	// All other errors of a Store mean: not now.
	s.log.ErrorContext(r.Context(), "API: The database failed", "route", r.Pattern, "error", err)
	return newProblem(http.StatusServiceUnavailable, "The database does not answer. Nothing is lost: try again.")
}

func writeProblem(w http.ResponseWriter, p *problem) {
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// fieldNames are the API's names for the fields that Outhook reports.
var fieldNames = map[string]string{
	"Event.Tenant": "tenant", "ReplayFilter.Tenant": "tenant",
	"Event.Hops": "Outhook-Hops", // a header
	"Event.ID":   "id", "Event.Type": "type", "Event.Payload": "payload",
}

// fieldProblems finds every sender.FieldError in err, and reports whether there
// are any and the client has given all of those fields.
func fieldProblems(err error) ([]fieldProblem, bool) {
	var problems []fieldProblem
	for _, e := range fieldErrors(err) {
		name, known := fieldNames[e.Field]
		if !known {
			return nil, false
		}
		// What an operator could set is nothing to a client.
		bound := configHint.ReplaceAllString(e.Bound, "")
		problems = append(problems, fieldProblem{name, e.Problem + ", must be " + bound})
	}
	return problems, len(problems) > 0
}

var configHint = regexp.MustCompile(` \(Config\.[^)]*\)| in Config\.\w+`)

// fieldErrors walks through errors that are joined and wrapped.
func fieldErrors(err error) []*sender.FieldError {
	switch e := err.(type) { //nolint:errorlint // it is the walk that errors.As makes, for all and not the first
	case *sender.FieldError:
		return []*sender.FieldError{e}
	case interface{ Unwrap() []error }:
		var found []*sender.FieldError
		for _, part := range e.Unwrap() {
			found = append(found, fieldErrors(part)...)
		}
		return found
	case interface{ Unwrap() error }:
		return fieldErrors(e.Unwrap())
	}
	return nil
}
