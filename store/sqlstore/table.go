package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/outhook/outhook/store"
)

// table is where the records of one type are: its statements, built once.
type table[T any] struct {
	name    string
	what    string // a record of it, in errors
	dialect dialect
	fields  func(*T) []field

	insert    string // one record
	insertAll string // an array of records, as JSON
	update    string // what is not fixed, if the version is that
	version   string
	selectAll string
	get       string
	remove    string
}

func newTable[T any](s *Store, name, what string, fields func(*T) []field) table[T] {
	d := s.dialect
	t := table[T]{name: s.tableName(name), what: what, dialect: d, fields: fields}
	var zero T
	all := fields(&zero)
	into := "INSERT INTO " + t.name + " (" + list(all, columnName) + ")"
	t.selectAll = "SELECT " + list(all, columnName) + " FROM " + t.name
	t.insert = d.numberParameters(into + " VALUES (" + list(all, placeholder) + ")" + d.skip)
	// The condition keeps SQLite from reading ON CONFLICT as part of a join.
	t.insertAll = d.numberParameters(into + " SELECT " + list(all, columnName) + " FROM " + d.records(all) +
		" WHERE true" + d.skip)
	t.update = d.numberParameters(updateVersion(t.name, all))
	t.version = d.numberParameters("SELECT version FROM " + t.name + byID)
	t.get = d.numberParameters(t.selectAll + byID)
	t.remove = d.numberParameters("DELETE FROM " + t.name + byID)
	return t
}

const byID = " WHERE tenant = ? AND id = ?"

// updateVersion writes the fields of a record that are not fixed, if it has the
// version. Its parameters are those of table.mutable, and the condition's.
func updateVersion(table string, fields []field) string {
	var assignments []string
	for _, f := range fields {
		if !f.fixed {
			assignments = append(assignments, f.name+" = ?")
		}
	}
	return "UPDATE " + table + " SET " + strings.Join(assignments, ", ") + byID + " AND version = ?"
}

func columnName(f field) string { return f.name }

func placeholder(field) string { return "?" }

// typedPlaceholder is for places from which PostgreSQL cannot tell the type.
func typedPlaceholder(f field) string { return "CAST(? AS " + string(f.value.kind()) + ")" }

// list writes something about each field, separated by commas.
func list(fields []field, write func(field) string) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = write(f)
	}
	return strings.Join(parts, ", ")
}

// all returns the parameters of every field.
func (t *table[T]) all(record *T) ([]any, error) { return t.parameters(record, false) }

// mutable returns the parameters of the fields that an update writes.
func (t *table[T]) mutable(record *T) ([]any, error) { return t.parameters(record, true) }

func (t *table[T]) parameters(record *T, mutable bool) ([]any, error) {
	fields := t.fields(record)
	args := make([]any, 0, len(fields)+3) // and three for the condition of an update
	for _, f := range fields {
		if mutable && f.fixed {
			continue
		}
		arg, err := f.value.parameter(t.dialect)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		args = append(args, arg)
	}
	return args, nil
}

// array returns records as the parameter of insertAll.
func (t *table[T]) array(records []T) (string, error) {
	objects := make([]map[string]any, len(records))
	for i := range records {
		fields := t.fields(&records[i])
		objects[i] = make(map[string]any, len(fields))
		for _, f := range fields {
			arg, err := f.value.parameter(t.dialect)
			if err != nil {
				return "", fmt.Errorf("%s: %w", f.name, err)
			}
			objects[i][f.name] = arg
		}
	}
	text, err := json.Marshal(objects)
	return string(text), err
}

// places returns where a row of the table is scanned to.
func (t *table[T]) places(record *T) []any {
	fields := t.fields(record)
	places := make([]any, len(fields))
	for i, f := range fields {
		places[i] = f.value
	}
	return places
}

// getRecord reads one record, or returns an error that names it.
func getRecord[T any](ctx context.Context, s *Store, t *table[T], tenant, id string) (T, error) {
	var record T
	err := s.read(ctx, func(q Querier) error {
		return queryOne(ctx, q, t.get, []any{tenant, id}, t.places(&record)...)
	})
	if err != nil {
		var zero T
		return zero, recordError(ctx, t.what, id, err)
	}
	return record, nil
}

// put creates the record if its version is 0, and otherwise replaces the one of that
// version. The version is a field of the record, and counts on.
func (t *table[T]) put(ctx context.Context, q Querier, record *T, tenant, id string, version *int64) error {
	given := *version
	*version++
	if given != 0 {
		args, err := t.mutable(record)
		if err != nil {
			return err
		}
		return t.change(ctx, q, t.update, append(args, tenant, id, given), tenant, id, given)
	}
	args, err := t.all(record)
	if err != nil {
		return err
	}
	n, err := affected(ctx, q, t.insert, args...)
	if err == nil && n == 0 {
		err = store.ErrExists
	}
	return err
}

// change runs a statement that updates the record if it has the given version,
// and says why if it met no row.
func (t *table[T]) change(ctx context.Context, q Querier, statement string, args []any, tenant, id string, given int64) error {
	n, err := q.Exec(ctx, statement, args...)
	if err != nil || n > 0 {
		return err
	}
	var stored int64
	if err := queryOne(ctx, q, t.version, []any{tenant, id}, &stored); err != nil {
		return err
	}
	return versionConflict(stored, given)
}

func versionConflict(stored, given int64) error {
	return fmt.Errorf("version is %d, not %d: %w", stored, given, store.ErrConflict)
}

// recordError names the record that an error is about. The absence of a row is
// its absence.
func recordError(ctx context.Context, what, id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return failed(ctx, fmt.Sprintf("%s %q", what, id), err)
}
