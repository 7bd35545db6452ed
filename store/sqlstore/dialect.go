package sqlstore

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Dialect is the kind of the database.
type Dialect int

// The dialects.
const (
	// PostgreSQL is version 13 or later.
	PostgreSQL Dialect = iota + 1
	// SQLite is version 3.38 or later.
	SQLite
	// MySQL is MariaDB 10.6 or later, or MySQL 8.0 or later.
	MySQL
)

// String returns the name of the database.
func (d Dialect) String() string {
	if known, ok := dialects[d]; ok {
		return known.name
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

//go:embed migrations
var migrations embed.FS

// Migrations returns the numbered files that make the tables, with goose's
// annotations and [DefaultTablePrefix].
func (d Dialect) Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations/"+dialects[d].dir)
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

func (d Dialect) check() error {
	if _, ok := dialects[d]; !ok {
		return fmt.Errorf("the dialect is %s, must be PostgreSQL, SQLite or MySQL", d)
	}
	return nil
}

// dialect is all in which the databases differ. The rest of the package
// is written in what they have in common, with "?" for parameters.
type dialect struct {
	name string
	dir  string // of its migrations
	// numbered parameters are $1, $2 and so on, instead of ?.
	numbered bool
	// isolate is for the next transaction, where begin cannot say it.
	isolate string
	// begin starts a transaction that will write.
	begin string
	// lock waits, in a transaction, for others that hold the same number. It is
	// empty where begin waits for them, and where a migration is no transaction.
	lock string
	// stepwise is set where each statement of a migration is kept by itself.
	stepwise bool
	// lockRows, after a SELECT, locks its rows, and passes over those that others
	// have locked. It is empty where begin waits for them.
	lockRows string
	// singleWriter is set where a second writer gets an error or waits blindly.
	singleWriter bool
	// withWrites is set where a WITH clause may hold an INSERT or UPDATE: two
	// writes in one statement, which is one round trip, and atomic by itself.
	withWrites bool
	// skip, after an INSERT, passes over rows that exist. It is empty where the
	// error says that they do: see affected.
	skip string
	// replace, after an INSERT, gives rows that exist the new values of columns
	// that are not of the key.
	replace func(key string, columns ...string) string
	// rows are compared as a whole: (a, b) < (1, 2) is a range of an index.
	rows bool
	// hints are obeyed: see Store.by.
	hints bool
	// delete begins a DELETE of the rows that are called old.
	delete string
	// joins is set where a DELETE or UPDATE with IN (SELECT …) reads the whole
	// table, and one with a JOIN does not.
	joins bool
	// divide is the operator for integers, and noBytes an empty blob.
	divide, noBytes string
	// batchLoads is set where reading several jobs at once is cheaper: where a
	// statement is a round trip.
	batchLoads bool
	// time makes a parameter of a time other than the zero time.
	time func(t time.Time) any
	// now is an expression: the time of the database's clock, as time makes it.
	now string
	// micros is an expression: the microseconds from one time to another.
	micros func(from, to string) string
	// records is a FROM item: a row for each object of the JSON array that is
	// its only parameter, with the fields as columns.
	records func(fields []field) string
}

var dialects = map[Dialect]dialect{
	PostgreSQL: {
		name: "PostgreSQL", dir: "postgres",
		numbered: true, begin: "BEGIN ISOLATION LEVEL READ COMMITTED", withWrites: true, batchLoads: true,
		lock: "SELECT pg_advisory_xact_lock(?)", lockRows: " FOR UPDATE SKIP LOCKED",
		skip: " ON CONFLICT DO NOTHING", replace: onConflict, rows: true, delete: "DELETE FROM", divide: " / ", noBytes: "''",
		time: func(t time.Time) any { return t.UTC().Truncate(time.Microsecond) }, now: "now()",
		micros: func(from, to string) string {
			return "CAST(EXTRACT(EPOCH FROM (" + to + " - CAST(" + from + " AS timestamptz))) * 1000000 AS bigint)"
		},
		records: func(fields []field) string {
			return "jsonb_to_recordset(CAST(? AS jsonb)) AS record (" +
				list(fields, func(f field) string { return f.name + " " + string(f.value.kind()) }) + ")"
		},
	},
	SQLite: {
		name: "SQLite", dir: "sqlite",
		begin: "BEGIN IMMEDIATE", singleWriter: true,
		skip: " ON CONFLICT DO NOTHING", replace: onConflict, rows: true, delete: "DELETE FROM", divide: " / ", noBytes: "x''",
		time: microsecond, now: "CAST(strftime('%s', 'now') AS INTEGER) * 1000000", micros: difference,
		records: func(fields []field) string {
			return "(SELECT " +
				list(fields, func(f field) string { return "json_extract(value, '$." + f.name + "') AS " + f.name }) +
				" FROM json_each(?)) AS record"
		},
	},
	MySQL: {
		name: "MySQL", dir: "mysql",
		isolate: "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", begin: "START TRANSACTION",
		stepwise: true, lockRows: " FOR UPDATE SKIP LOCKED", replace: onDuplicateKey,
		hints: true, delete: "DELETE old FROM", joins: true, divide: " DIV ", noBytes: "''",
		now: "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)", time: microsecond, micros: difference,
		records: func(fields []field) string {
			return "JSON_TABLE(?, '$[*]' COLUMNS (" +
				list(fields, func(f field) string {
					return f.name + " " + mysqlTypes[f.value.kind()] + " PATH '$." + f.name + "' ERROR ON ERROR"
				}) + ")) AS record"
		},
	},
}

// mysqlTypes are those of the values in JSON.
var mysqlTypes = map[kind]string{
	kindText:    "LONGTEXT CHARACTER SET utf8mb4",
	kindJSON:    "LONGTEXT CHARACTER SET utf8mb4",
	kindInteger: "BIGINT",
	kindFloat:   "DOUBLE",
	kindTime:    "BIGINT",
	kindBool:    "BOOLEAN",
}

func microsecond(t time.Time) any { return t.UnixMicro() }

func onConflict(key string, columns ...string) string {
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + assign(columns, "excluded.", "")
}

// onDuplicateKey needs no key. VALUES is the only name of the new values that both
// MySQL and MariaDB know.
func onDuplicateKey(_ string, columns ...string) string {
	return " ON DUPLICATE KEY UPDATE " + assign(columns, "VALUES(", ")")
}

func assign(columns []string, before, after string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c + " = " + before + c + after
	}
	return strings.Join(parts, ", ")
}

func difference(from, to string) string { return "(" + to + " - " + from + ")" }

// numberParameters replaces each "?" of a statement as the dialect wants it.
func (d dialect) numberParameters(statement string) string {
	if !d.numbered {
		return statement
	}
	parts := strings.Split(statement, "?")
	var b strings.Builder
	b.WriteString(parts[0])
	for i, part := range parts[1:] {
		b.WriteString("$" + strconv.Itoa(i+1) + part)
	}
	return b.String()
}
