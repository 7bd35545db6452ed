package sqlstore

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/outhook/outhook/store"
)

// value is the place of a field's value in a record. NULL scans as zero: that
// is what the missing side of a LEFT JOIN consists of.
type value interface {
	sql.Scanner
	// parameter returns the value as drivers take it, and as encoding/json
	// makes something of it that the database can read.
	parameter(d dialect) (any, error)
	kind() kind
}

// kind is the type of a column, as PostgreSQL calls it.
type kind string

const (
	kindText    kind = "text"
	kindInteger kind = "bigint"
	kindFloat   kind = "double precision"
	kindBool    kind = "boolean"
	kindTime    kind = "timestamptz"
	kindJSON    kind = "jsonb"
	kindBytes   kind = "bytea"
)

// plain is the place of a value that databases know.
func plain[T ~string | ~int | ~int64 | ~float64 | ~bool](p *T) value { return plainValue[T]{p} }

type plainValue[T any] struct{ p *T }

func (v plainValue[T]) parameter(dialect) (any, error) {
	return driver.DefaultParameterConverter.ConvertValue(*v.p)
}

func (v plainValue[T]) Scan(src any) error {
	var n sql.Null[T]
	err := n.Scan(src)
	*v.p = n.V
	return err
}

func (v plainValue[T]) kind() kind {
	switch reflect.TypeFor[T]().Kind() {
	case reflect.String:
		return kindText
	case reflect.Bool:
		return kindBool
	case reflect.Float64:
		return kindFloat
	default:
		return kindInteger
	}
}

// instant is the place of a time whose zero is NULL.
func instant(p *time.Time) value { return timeValue{p, true} }

// sortKey is the place of a time that lists are ordered by. It is never NULL,
// which has no place in an order: the zero time is the first of January of the
// year 1.
func sortKey(p *time.Time) value { return timeValue{p, false} }

type timeValue struct {
	p        *time.Time
	nullable bool
}

func (v timeValue) parameter(d dialect) (any, error) {
	if v.nullable && v.p.IsZero() {
		return nil, nil //nolint:nilnil // it is NULL
	}
	return d.time(*v.p), nil
}

func (v timeValue) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*v.p = time.Time{}
	case int64:
		*v.p = time.UnixMicro(src).UTC()
	case time.Time:
		*v.p = src.UTC()
	default:
		return fmt.Errorf("a time comes as %T", src)
	}
	return nil
}

func (timeValue) kind() kind { return kindTime }

// blob is the place of any bytes.
func blob(p *[]byte) value { return blobValue{p} }

type blobValue struct{ p *[]byte }

func (v blobValue) parameter(dialect) (any, error) {
	if *v.p == nil {
		return []byte{}, nil // the column is NOT NULL
	}
	return *v.p, nil
}

func (v blobValue) Scan(src any) error {
	b, err := rawBytes(src)
	*v.p = bytes.Clone(b) // the driver's memory
	return err
}

func (blobValue) kind() kind { return kindBytes }

// document is the place of what is kept as JSON.
func document[T any](p *T) value { return documentValue[T]{p} }

type documentValue[T any] struct{ p *T }

func (v documentValue[T]) parameter(dialect) (any, error) {
	text, err := json.Marshal(v.p)
	return string(text), err
}

func (v documentValue[T]) Scan(src any) error {
	var decoded T
	text, err := rawBytes(src)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &decoded)
	}
	*v.p = decoded
	return err
}

func (documentValue[T]) kind() kind { return kindJSON }

// secrets is the place of secrets, which are kept with their values.
func secrets(p *[]store.Secret) value { return secretsValue{p} }

type secretsValue struct{ p *[]store.Secret }

// secretRecord is a secret as it is kept: store.Secret marshals as
// "[redacted]".
type secretRecord struct {
	Value     string    `json:"value"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func (v secretsValue) parameter(d dialect) (any, error) {
	records := make([]secretRecord, len(*v.p))
	for i, s := range *v.p {
		records[i] = secretRecord{s.Value, s.ExpiresAt.UTC().Truncate(time.Microsecond)}
	}
	return document(&records).parameter(d)
}

func (v secretsValue) Scan(src any) error {
	var records []secretRecord
	err := document(&records).Scan(src)
	*v.p = nil
	for _, r := range records {
		*v.p = append(*v.p, store.Secret(r))
	}
	return err
}

func (secretsValue) kind() kind { return kindJSON }

func rawBytes(src any) ([]byte, error) {
	switch src := src.(type) {
	case nil:
		return nil, nil
	case []byte:
		return src, nil
	case string:
		return []byte(src), nil
	default:
		return nil, fmt.Errorf("bytes come as %T", src)
	}
}
