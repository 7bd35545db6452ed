package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// mysqlDuplicate is the number of the error that a row of that key exists.
const mysqlDuplicate = 1062

// mysqlDone are the errors of a statement of a migration whose effect is there:
// a table, column or index that exists, or that is to be dropped and is gone.
var mysqlDone = []uint64{1050, 1060, 1061, 1051, 1091}

// mysqlError returns the number of an error of MySQL's, or 0. The driver's
// errors have it in a field, and no method for it.
func mysqlError(err error) uint64 {
	for ; err != nil; err = errors.Unwrap(err) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range many.Unwrap() {
				if n := mysqlError(one); n != 0 {
					return n
				}
			}
			return 0
		}
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		if n := v.FieldByName("Number"); n.IsValid() && n.Kind() == reflect.Uint16 {
			return n.Uint()
		}
	}
	return 0
}

// migrateByStep applies migrations where CREATE TABLE commits by itself. It
// notes each statement before it runs it: one that was noted and not followed
// by another may be done or not.
func (s *Store) migrateByStep(ctx context.Context) (applied []string, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	q := standard{conn}
	if err := checkStrict(ctx, q); err != nil {
		return nil, err
	}
	unlock, err := s.lockMigrations(ctx, conn)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.applyAll(ctx, q, s.applySteps)
}

// checkStrict refuses a connection on which a value that is too long would be
// cut off, and written.
func checkStrict(ctx context.Context, q Querier) error {
	var mode string
	if err := queryOne(ctx, q, "SELECT @@SESSION.sql_mode", nil, &mode); err != nil {
		return err
	}
	modes := strings.Split(mode, ",")
	if slices.Contains(modes, "STRICT_TRANS_TABLES") || slices.Contains(modes, "STRICT_ALL_TABLES") {
		return nil
	}
	return fmt.Errorf("sql_mode is %q, must contain STRICT_TRANS_TABLES: set it in the server, or in the data source name", mode)
}

// lockMigrations waits for others that migrate the same tables. The lock ends
// with the connection, at the latest.
func (s *Store) lockMigrations(ctx context.Context, conn *sql.Conn) (unlock func(), err error) {
	const patience = 3600 // seconds
	name := fmt.Sprintf("outhook %016x ", uint64(s.lockKey()))
	var got sql.NullInt64
	// Locks are the server's: the database is part of the name.
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT(?, LEFT(SHA2(DATABASE(), 256), 32)), ?)", name, patience).Scan(&got)
	switch {
	case err != nil:
		return nil, err
	case !got.Valid:
		return nil, errors.New("there is no lock: the data source name must name a database")
	case got.Int64 != 1:
		return nil, errors.New("somebody else has been migrating these tables for an hour")
	}
	return func() {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT(?, LEFT(SHA2(DATABASE(), 256), 32)))", name)
		if err != nil {
			discard(standard{conn})
		}
	}, nil
}

func (s *Store) applySteps(ctx context.Context, q Querier, file migration, there []string) error {
	step := func(i int) string { return fmt.Sprintf("%s.%d", file.name, i) }
	statements := split(file.up)
	for i, statement := range statements {
		if slices.Contains(there, step(i+1)) {
			continue // it is done: the next one was begun
		}
		begun := slices.Contains(there, step(i))
		if !begun {
			if err := s.note(ctx, q, step(i)); err != nil {
				return err
			}
		}
		_, err := q.Exec(ctx, statement)
		if begun && slices.Contains(mysqlDone, mysqlError(err)) {
			continue
		}
		if err != nil {
			// An answer means that it is not done. Without one nobody knows, and
			// the note cannot be taken back either.
			return errors.Join(err, s.forget(ctx, q, step(i)))
		}
	}
	return bracket(ctx, q, "START TRANSACTION", "COMMIT", "ROLLBACK", func(q Querier) error {
		if err := s.note(ctx, q, file.name); err != nil {
			return err
		}
		return s.forget(ctx, q, file.name+".%")
	})
}

// forget takes back the notes that are like name.
func (s *Store) forget(ctx context.Context, q Querier, name string) error {
	_, err := q.Exec(ctx, "DELETE FROM "+s.tableName("migrations")+" WHERE name LIKE ?", name)
	return err
}

// split returns the statements of a file of ours: in none of them is a
// semicolon but at its end.
func split(file string) []string {
	var statements []string
	var b strings.Builder
	for line := range strings.Lines(file) {
		if text := strings.TrimSpace(line); text == "" || strings.HasPrefix(text, "--") {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(line), ";") {
			statements = append(statements, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	return statements
}
