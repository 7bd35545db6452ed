package sqlstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// rowColumn is a column of rows that are sent as JSON. Its name is short: it is
// in each of them.
type rowColumn struct {
	name string
	kind kind
}

func (c rowColumn) field() field { return field{name: c.name, value: typed(c.kind)} }

// typed is a value of which only the kind is known.
type typed kind

func (typed) Scan(any) error                 { return nil }
func (typed) parameter(dialect) (any, error) { return nil, nil } //nolint:nilnil // it is NULL
func (t typed) kind() kind                   { return kind(t) }

// shortNames returns columns for fields: the prefix and a number.
func shortNames(prefix string, fields []field) []rowColumn {
	columns := make([]rowColumn, len(fields))
	for i, f := range fields {
		columns[i] = rowColumn{prefix + strconv.Itoa(i), f.value.kind()}
	}
	return columns
}

// absent is a column that no row has. A planner that knows nothing about the
// rows takes few to have NULL there, and so does not read a whole table to join
// it with them: not even when it made the plan while the table was empty.
const absent = "absent"

// recordSet is the FROM item of rows that are the statement's only JSON
// parameter, with their place in the batch. It is to be restricted by onlyRows.
func (d dialect) recordSet(columns []rowColumn) string {
	fields := []field{{name: "place", value: typed(kindInteger)}, {name: absent, value: typed(kindBool)}}
	for _, c := range columns {
		fields = append(fields, c.field())
	}
	return d.records(fields)
}

const onlyRows = "record." + absent + " IS NULL"

// written is an expression for a column of the rows, in the columns of a table.
// JSON's null is read as NULL.
func (c rowColumn) written() string {
	if c.kind == kindJSON {
		return "COALESCE(" + c.name + ", CAST('null' AS jsonb))"
	}
	return c.name
}

// appendRow appends the parameters of a row as the members of a JSON object. It
// reports false if they do not come through JSON as they are.
func appendRow(b []byte, columns []rowColumn, args []any) ([]byte, bool) {
	for i, c := range columns {
		b = append(append(append(b, ',', '"'), c.name...), '"', ':')
		switch arg := args[i].(type) {
		case nil:
			b = append(b, "null"...)
		case int64:
			b = strconv.AppendInt(b, arg, 10)
		case bool:
			b = strconv.AppendBool(b, arg)
		case []byte:
			b = append(hex.AppendEncode(append(b, `"\\x`...), arg), '"')
		case time.Time:
			if y := arg.Year(); y < 1 || y > 9999 {
				return nil, false
			}
			b = append(arg.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
		case string:
			if !utf8.ValidString(arg) {
				return nil, false
			}
			if c.kind == kindJSON {
				b = append(b, arg...)
				continue
			}
			b = appendString(b, arg)
		default:
			return nil, false
		}
	}
	return b, true
}

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) //nolint:errchkjson // it is valid UTF-8
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// joinRows makes the parameter of a recordSet.
func joinRows(rows [][]byte) string {
	size := 2
	for _, row := range rows {
		size += len(row) + len(`{"place":000},`)
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	b.WriteByte('[')
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"place":`)
		b.WriteString(strconv.Itoa(i))
		b.Write(row)
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return b.String()
}
