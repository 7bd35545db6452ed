package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

// decode reads the body, a JSON object, into a struct. It accepts no field that
// the struct does not have: a typing error must not pass for a wish. An empty
// body is an empty object.
func decode(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body must be at most %d bytes.", tooLarge.Limit))
	}
	if err != nil {
		return newProblem(http.StatusBadRequest, "The body could not be read.")
	}
	if len(body) == 0 {
		return nil
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/json" && mediaType != "application/merge-patch+json" {
		return newProblem(http.StatusUnsupportedMediaType, "The Content-Type must be application/json.")
	}
	if !utf8.Valid(body) {
		return newProblem(http.StatusBadRequest, "The body is not UTF-8.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return decodeProblem(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return newProblem(http.StatusBadRequest, "The body has something after its JSON object.")
	}
	return nil
}

func decodeProblem(err error) error {
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) && wrong.Field != "" {
		name := strings.TrimPrefix(wrong.Field, "endpointFields.") // Go's name of an embedded struct
		return invalid(fieldProblem{name, "is " + wrong.Value + ", must be " + jsonType(wrong.Type)})
	}
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		return newProblem(http.StatusBadRequest, "The body is no JSON object.")
	}
	// encoding/json has no type for this error.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if plain, err := strconv.Unquote(name); err == nil {
			name = plain
		}
		return invalid(fieldProblem{name, "is no field of this request"})
	}
	return newProblem(http.StatusBadRequest, "The body is no JSON: "+strings.TrimPrefix(err.Error(), "json: ")+".")
}

// jsonType says what the API calls a Go type.
func jsonType(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[duration]():
		return `a string such as "15s" or "1h30m"`
	case t == reflect.TypeFor[time.Time]():
		return timeBound
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Slice:
		return "an array of strings"
	case t.Kind() == reflect.Map:
		return "an object of strings"
	}
	return "a string"
}

// field is a field of a JSON object that may be absent, or null: back to its
// default.
type field[T any] struct {
	set   bool
	value T
}

// UnmarshalJSON implements json.Unmarshaler. It is not called for a field that
// is absent.
func (f *field[T]) UnmarshalJSON(text []byte) error {
	f.set = true
	return json.Unmarshal(text, &f.value)
}

// to assigns the value, unless the field is absent.
func (f field[T]) to(target *T) {
	if f.set {
		*target = f.value
	}
}

// duration is a time.Duration as Go writes it: "15s", "1h30m".
type duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *duration) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return &json.UnmarshalTypeError{Value: "no string", Type: reflect.TypeFor[duration]()}
	}
	if value == "" { // null, or the default
		*d = 0
		return nil
	}
	parsed, err := time.ParseDuration(value)
	if err != nil {
		return &json.UnmarshalTypeError{Value: strconv.Quote(value), Type: reflect.TypeFor[duration]()}
	}
	*d = duration(parsed)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// instant is a time in a body.
type instant struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (i *instant) UnmarshalJSON(text []byte) error {
	if err := i.Time.UnmarshalJSON(text); err != nil {
		return &json.UnmarshalTypeError{Value: "no time", Type: reflect.TypeFor[time.Time]()}
	}
	return nil
}

const timeBound = "a time such as 2026-01-08T10:30:00Z (RFC 3339)"

// query reads the parameters of a URL and collects what is wrong with them.
type query struct {
	values   url.Values
	problems []fieldProblem
}

// parseQuery accepts the parameters that are named, each once; like decode, no
// others.
func parseQuery(r *http.Request, names ...string) *query {
	q := &query{}
	var err error
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.add("?", "is no query that can be parsed")
	}
	for name, values := range q.values {
		switch {
		case !slices.Contains(names, name):
			q.add(name, "is no parameter of this request; there are "+strings.Join(names, ", "))
		case len(values) > 1:
			q.add(name, "is there more than once")
		case strings.ContainsFunc(values[0], unprintable):
			q.add(name, "has characters that nothing has")
		}
	}
	return q
}

func (q *query) add(name, problem string) {
	q.problems = append(q.problems, fieldProblem{name, problem})
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) time(name string) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.add(name, "must be "+timeBound)
	}
	return t
}

func (q *query) duration(name string) time.Duration {
	text := q.values.Get(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		q.add(name, "must be a duration such as 15m or 1h")
	}
	return d
}

func (q *query) limit() int {
	text := q.values.Get("limit")
	if text == "" {
		return store.DefaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > store.MaxLimit {
		q.add("limit", fmt.Sprintf("must be 1 to %d", store.MaxLimit))
	}
	return n
}

// states reads states separated by commas.
func (q *query) states(name string) []store.DeliveryState {
	text := q.values.Get(name)
	if text == "" {
		return nil
	}
	var states []store.DeliveryState
	for word := range strings.SplitSeq(text, ",") {
		state := store.DeliveryState(word)
		if !slices.Contains(allStates, state) {
			q.add(name, fmt.Sprintf("has %q, must be of pending, succeeded, failed and canceled", word))
		}
		states = append(states, state)
	}
	return states
}

var allStates = []store.DeliveryState{store.Pending, store.Succeeded, store.Failed, store.Canceled}

// err reports all that was wrong, in the order of the names.
func (q *query) err() error {
	if len(q.problems) == 0 {
		return nil
	}
	slices.SortFunc(q.problems, func(a, b fieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return invalid(q.problems...)
}
