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
// were all there. It is one transaction: after an error nothing has changed.
// Calls from several processes at once wait for each other.
func (s *Store) Migrate(ctx context.Context) ([]string, error) {
	if s.tx != nil {
		return nil, errors.New("migrate: not inside a transaction of the host")
	}
	var applied []string
	err := s.transact(ctx, func(q Querier) error {
		applied = nil
		if err := s.prepareMigration(ctx, q); err != nil {
			return err
		}
		there, err := column(ctx, q, "SELECT name FROM "+s.tableName("migrations"))
		if err != nil {
			return err
		}
		files, err := s.migrations()
		if err != nil {
			return err
		}
		for _, file := range files {
			if slices.Contains(there, file.name) {
				continue
			}
			if err := s.apply(ctx, q, file); err != nil {
				return fmt.Errorf("%s: %w", file.name, err)
			}
			applied = append(applied, file.name)
		}
		return nil
	})
	if err != nil {
		return nil, failed(ctx, "migrate", err)
	}
	return applied, nil
}

// prepareMigration takes the lock, and makes the table of what was applied.
// SQLite's transaction has the lock from its beginning.
func (s *Store) prepareMigration(ctx context.Context, q Querier) error {
	if s.options.Schema != "" {
		// The files name no schema.
		if _, err := q.Exec(ctx, "SET LOCAL search_path TO "+s.options.Schema); err != nil {
			return err
		}
	}
	if s.dialect.lock != "" {
		if _, err := q.Exec(ctx, s.dialect.numberParameters(s.dialect.lock), s.lockKey()); err != nil {
			return err
		}
	}
	_, err := q.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+s.tableName("migrations")+
		" (name text PRIMARY KEY, applied_at text NOT NULL DEFAULT CURRENT_TIMESTAMP)")
	return err
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

func (s *Store) apply(ctx context.Context, q Querier, file migration) error {
	if _, err := q.Exec(ctx, file.up); err != nil {
		return err
	}
	insert := s.dialect.numberParameters("INSERT INTO " + s.tableName("migrations") + " (name) VALUES (?)")
	_, err := q.Exec(ctx, insert, file.name)
	return err
}
