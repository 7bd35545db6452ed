package portal

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// problem is an error as the API answers it (RFC 9457, application/problem+json),
// and as the pages show it.
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

// The types of problems. They are names, and lead nowhere.
const (
	typeNone     = "about:blank"
	typeInvalid  = "urn:outhook:problem:invalid"
	typeConflict = "urn:outhook:problem:version-conflict"
	typeDisabled = "urn:outhook:problem:endpoint-disabled"
	typeTooMany  = "urn:outhook:problem:too-many"
)

// newProblem is a problem that its status explains.
func newProblem(status int, detail string) *problem {
	return &problem{Type: typeNone, Title: http.StatusText(status), Status: status, Detail: detail}
}

// maxProblems is how many problems an answer names: of 256 KB that are wrong all
// over it would be many times as long.
const maxProblems = 200

func invalid(fields ...fieldProblem) *problem {
	fields = fields[:min(len(fields), maxProblems)]
	return &problem{
		Type: typeInvalid, Title: "The request is invalid", Status: http.StatusBadRequest,
		Detail: "Nothing was done. Each of the errors names a field.", Errors: fields,
	}
}

func conflict(problemType, title, detail string) *problem {
	return &problem{Type: problemType, Title: title, Status: http.StatusConflict, Detail: detail}
}

// What the decisions of Outhook mean to a client.
var (
	errNoPage          = newProblem(http.StatusNotFound, "There is nothing at this address.")
	errNotFound        = newProblem(http.StatusNotFound, "There is nothing of that id. It may have been deleted, or have grown too old to be kept.")
	errUnauthenticated = newProblem(http.StatusUnauthorized, "You are not logged in, or no longer. Log in, and try again.")
	errForbidden       = newProblem(http.StatusForbidden, "You may not do this. Ask somebody who manages the webhooks.")
	errNoAuthorize     = newProblem(http.StatusServiceUnavailable, "It could not be found out who you are. Nothing was done: try again.")
	errCrossOrigin     = newProblem(http.StatusForbidden, "The request comes from another website. Nothing was done.")
	errChanged         = conflict(typeConflict, "Somebody else has changed it",
		"It has changed since it was read: read it again, and repeat the change.")
	errDisabled = conflict(typeDisabled, "The endpoint is disabled",
		"A disabled endpoint gets nothing: enable it first.")
	errTooManyEndpoints = conflict(typeTooMany, "There are too many endpoints",
		"There are as many endpoints as there may be: delete one first.")
	errUnsupported    = newProblem(http.StatusNotImplemented, "The store of this product cannot do this.")
	errTooManyReplays = conflict(typeTooMany, "There are too many replays",
		"As many replays are running as there may be: wait until one has finished, or cancel one.")
)

// problemOf says what an error means to a client. What the client is not to
// know is logged.
func (p *portal) problemOf(r *http.Request, err error) *problem {
	if known := new(problem); errors.As(err, &known) {
		return known
	}
	if fields, ok := fieldProblems(err); ok {
		return invalid(fields...)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errNotFound
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
		return errChanged
	case errors.Is(err, sender.ErrEndpointDisabled):
		return errDisabled
	case errors.Is(err, sender.ErrTooManyEndpoints):
		return errTooManyEndpoints
	case errors.Is(err, sender.ErrTooManyReplays):
		return errTooManyReplays
	case errors.Is(err, errors.ErrUnsupported):
		return errUnsupported
	case errors.Is(err, store.ErrInvalidFilter):
		return invalid(fieldProblem{"cursor", "is none that this list has given out"}) // all else was checked
	case errors.Is(err, sender.ErrInvalid): // the host's Config, or a field that nobody is asked for
		p.log.ErrorContext(r.Context(), "Portal: Outhook refuses what the portal gave it", "route", r.Pattern, "error", err)
		return newProblem(http.StatusInternalServerError, "")
	case errors.Is(r.Context().Err(), context.Canceled): // nobody is there to read it
		return newProblem(http.StatusServiceUnavailable, "The request was given up.")
	}
	// All other errors of a Store mean: not now.
	p.log.ErrorContext(r.Context(), "Portal: The store failed", "route", r.Pattern, "error", err)
	return newProblem(http.StatusServiceUnavailable, "The database does not answer. Nothing is lost: try again.")
}

// fieldNames are the API's names for the fields that Outhook reports.
var fieldNames = map[string]string{
	"Endpoint.URL": "url", "Endpoint.EventTypes": "event_types", "Endpoint.Profile": "profile",
	"Endpoint.Description": "description", "Endpoint.Headers": "headers", "Endpoint.Timeout": "timeout",
	"Endpoint.Secrets": "secret", "Endpoint.RateLimit.PerSecond": "rate_limit.per_second", "Endpoint.RateLimit.Burst": "rate_limit.burst",
	"Event.Type": "event_type", "ReplayFilter.EventType": "event_type",
	"ReplayFilter.States": "states", "ReplayFilter.Since": "since", "ReplayFilter.Until": "until",
	"overlap": "overlap", "delivery": "delivery",
}

// fieldProblems finds every sender.FieldError in err, and reports whether there
// are any and the client has given all of those fields.
func fieldProblems(err error) ([]fieldProblem, bool) {
	var problems []fieldProblem
	for _, e := range fieldErrors(err) {
		base, index, indexed := strings.Cut(e.Field, "[")
		name, known := fieldNames[base]
		if !known {
			return nil, false
		}
		if indexed && name != "secret" { // the API has one
			name += "[" + index
		}
		// What an operator could set is nothing to a client, nor are names of packages.
		bound := configHint.ReplaceAllString(e.Bound, "")
		problem := strings.Replace(e.Problem, "(signing: ", "(", 1)
		problems = append(problems, fieldProblem{name, problem + ", must be " + bound})
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
