// Package jsonschema describes the payloads of the examples to their receivers.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Of returns the JSON Schema (2020-12) of what encoding/json makes of v, with the
// fields in their order. A field without omitempty is required. Field tags say
// more: doc is the description, and schema is "const" for a field that always is
// as in v, "enum=a|b" for one of few words, or "format=uri". More fields than
// these are allowed, so that receivers are ready for those to come.
func Of(v any) (json.RawMessage, error) {
	s := of(reflect.ValueOf(v))
	s.Dialect = "https://json-schema.org/draft/2020-12/schema"
	return json.Marshal(s)
}

type schema struct {
	Dialect     string     `json:"$schema,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        string     `json:"type,omitempty"`
	Const       string     `json:"const,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Format      string     `json:"format,omitempty"`
	Items       *schema    `json:"items,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Required    []string   `json:"required,omitempty"`
}

type property struct {
	name   string
	schema schema
}

// properties is an object that keeps its order.
type properties []property

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	members := make([][]byte, len(p))
	for i, property := range p {
		member, err := json.Marshal(map[string]schema{property.name: property.schema})
		if err != nil {
			return nil, err
		}
		members[i] = member[1 : len(member)-1]
	}
	return slices.Concat([]byte("{"), bytes.Join(members, []byte(",")), []byte("}")), nil
}

// of describes what it does not know as anything.
func of(v reflect.Value) schema {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return of(reflect.Zero(v.Type().Elem()))
		}
		return of(v.Elem())
	case reflect.Interface:
		return of(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return schema{Type: "string", Format: "date-time"}
		}
		return ofStruct(v)
	case reflect.Slice:
		items := of(reflect.Zero(v.Type().Elem()))
		return schema{Type: "array", Items: &items}
	case reflect.String:
		return schema{Type: "string"}
	case reflect.Bool:
		return schema{Type: "boolean"}
	case reflect.Int:
		return schema{Type: "integer"}
	default:
		return schema{}
	}
}

func ofStruct(v reflect.Value) schema {
	s := schema{Type: "object"}
	for _, field := range reflect.VisibleFields(v.Type()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" { // embedded: its fields follow
			continue
		}
		value := v.FieldByIndex(field.Index)
		described := of(value)
		described.Description = field.Tag.Get("doc")
		switch key, list, _ := strings.Cut(field.Tag.Get("schema"), "="); key {
		case "const":
			described.Const = value.String()
		case "enum":
			described.Enum = strings.Split(list, "|")
		case "format":
			described.Format = list
		}
		s.Properties = append(s.Properties, property{name, described})
		if options != "omitempty" {
			s.Required = append(s.Required, name)
		}
	}
	return s
}
