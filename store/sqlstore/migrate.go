package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strings"
)

// Migrate brings the tables to what this version of the package needs, and
// returns the names of the migrations that it applied, in order: none if they
// were all there. Calls from several processes at once wait for each other.
//
// In PostgreSQL and SQLite it is one transaction: after an error nothing has
// changed. In MySQL each statement is kept by itself: after an error, or the
// end of the process, the next call goes on where it stopped.
//
// Tables that another tool has made, from the files of [Dialect.Migrations], are
// that tool's: for them Migrate returns an error.
func (s *Store) Migrate(ctx context.Context) ([]string, error) {
	if s.tx != nil {
		return nil, errors.New("migrate: not inside a transaction of the host")
	}
	migrate := s.migrateAtOnce
	if s.dialect.stepwise {
		migrate = s.migrateByStep
	}
	applied, err := migrate(ctx)
	if err != nil {
		if strings.Contains(err.Error(), "already exists") {
			err = fmt.Errorf("%w (if another tool has made the tables, do not call Migrate)", err)
		}
		return nil, failed(ctx, "migrate", err)
	}
	return applied, nil
}

func (s *Store) migrateAtOnce(ctx context.Context) (applied []string, err error) {
	err = s.transact(ctx, func(q Querier) error {
		if err := s.prepareMigration(ctx, q); err != nil {
			return err
		}
		applied, err = s.applyAll(ctx, q, s.apply)
		return err
	})
	return applied, err
}

// applyAll applies the migrations that are not in the table yet. To write them
// there is a part of apply.
func (s *Store) applyAll(ctx context.Context, q Querier,
	apply func(ctx context.Context, q Querier, file migration, there []string) error,
) ([]string, error) {
	_, err := q.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+s.tableName("migrations")+
		" (name varchar(100) PRIMARY KEY, applied_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)")
	if err != nil {
		return nil, err
	}
	there, err := readRows(ctx, q, func(name *string) []any { return []any{name} }, "SELECT name FROM "+s.tableName("migrations"))
	if err != nil {
		return nil, err
	}
	files, err := s.migrations()
	if err != nil {
		return nil, err
	}
	var applied []string
	for _, file := range files {
		if slices.Contains(there, file.name) {
			continue
		}
		if err := apply(ctx, q, file, there); err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
		applied = append(applied, file.name)
	}
	return applied, nil
}

// note writes a name into the table of what was applied.
func (s *Store) note(ctx context.Context, q Querier, name string) error {
	insert := s.dialect.numberParameters("INSERT INTO " + s.tableName("migrations") + " (name) VALUES (?)")
	_, err := q.Exec(ctx, insert, name)
	return err
}

// prepareMigration takes the lock. SQLite's transaction has the lock from its beginning.
func (s *Store) prepareMigration(ctx context.Context, q Querier) error {
	if s.options.Schema != "" {
		// The files name no schema.
		if _, err := q.Exec(ctx, "SET LOCAL search_path TO "+s.options.Schema); err != nil {
			return err
		}
	}
	if s.dialect.lock != "" {
		_, err := q.Exec(ctx, s.dialect.numberParameters(s.dialect.lock), s.lockKey())
		return err
	}
	return nil
}

// lockKey is the same for whoever migrates the same tables.
func (s *Store) lockKey() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("outhook " + s.tableName("migrations"))) // it cannot fail
	return int64(h.Sum64())
}

// migration is one file: its name, and what to run.
type migration struct{ name, up string }

func (s *Store) migrations() ([]migration, error) {
	var files []migration
	dir := "migrations/" + s.dialect.dir
	entries, err := fs.ReadDir(migrations, dir) // sorted by name, and so by number
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(migrations, dir+"/"+entry.Name())
		if err != nil {
			return nil, err
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		up = strings.ReplaceAll(up, DefaultTablePrefix, s.options.TablePrefix)
		files = append(files, migration{strings.TrimSuffix(entry.Name(), ".sql"), up})
	}
	return files, nil
}

func (s *Store) apply(ctx context.Context, q Querier, file migration, _ []string) error {
	if _, err := q.Exec(ctx, file.up); err != nil {
		return err
	}
	return s.note(ctx, q, file.name)
}
