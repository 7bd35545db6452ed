package portal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
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
	var members map[string]json.RawMessage
	if err := decoder.Decode(&members); err != nil {
		return decodeProblem(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return newProblem(http.StatusBadRequest, "The body has something after its JSON object.")
	}
	if members == nil {
		return errNoObject
	}
	if err := checkMembers(members, into); err != nil {
		return err
	}
	decoder = json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return decodeProblem(err)
	}
	return nil
}

var errNoObject = newProblem(http.StatusBadRequest, "The body is no JSON object.")

// checkMembers reports the members that into has no field for. encoding/json
// would take "URL" for "url" as well, and one of the two if both are there.
func checkMembers(members map[string]json.RawMessage, into any) error {
	known := jsonFields(reflect.TypeOf(into).Elem())
	var unknown []fieldProblem
	for name := range members {
		if !slices.Contains(known, name) {
			unknown = append(unknown, fieldProblem{name, "is no field of this request"})
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return invalid(sorted(unknown)...)
}

// jsonFields are the names that the fields of a struct have in JSON.
func jsonFields(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func sorted(problems []fieldProblem) []fieldProblem {
	slices.SortFunc(problems, func(a, b fieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return problems
}

func decodeProblem(err error) error {
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		if wrong.Field == "" {
			return errNoObject
		}
		name := strings.TrimPrefix(wrong.Field, "endpointFields.") // Go's name of an embedded struct
		return invalid(fieldProblem{name, "is " + wrong.Value + ", must be " + jsonType(wrong.Type)})
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
		return durationBound
	case t == reflect.TypeFor[time.Time]():
		return timeBound
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Slice:
		return "an array of strings"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "an object"
	}
	return "a string"
}

const (
	timeBound     = "a time such as 2026-01-08T10:30:00Z (RFC 3339)"
	durationBound = `a duration such as "15s" or "1h30m"`
)

// field is a field of a JSON object that may be absent, or null: back to its
// default.
type field[T any] struct {
	set, null bool
	value     T
}

// UnmarshalJSON implements json.Unmarshaler. It is not called for a field that
// is absent.
func (f *field[T]) UnmarshalJSON(text []byte) error {
	f.set, f.null = true, string(text) == "null"
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // the outer one's does not reach here
	return decoder.Decode(&f.value)
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
	if string(text) == "null" { // the default
		*d = 0
		return nil
	}
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return &json.UnmarshalTypeError{Value: "no string", Type: reflect.TypeFor[duration]()}
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

// ordinary reports whether t is in a year that JSON, and every database, has in UTC.
func ordinary(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

// instant is a time in a body.
type instant struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (i *instant) UnmarshalJSON(text []byte) error {
	if err := i.Time.UnmarshalJSON(text); err != nil || !ordinary(i.Time) {
		return &json.UnmarshalTypeError{Value: "no time", Type: reflect.TypeFor[time.Time]()}
	}
	return nil
}
