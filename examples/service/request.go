package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
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
	if mediaType != "application/json" {
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
		return invalid(fieldProblem{wrong.Field, "is " + wrong.Value + ", must be a string"})
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
