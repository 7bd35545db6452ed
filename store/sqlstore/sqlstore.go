package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/outhook/outhook/store"
)

var (
	_ store.Store           = (*Store)(nil)
	_ store.JobLoader       = (*Store)(nil)
	_ store.StatsSource     = (*Store)(nil)
	_ store.StatsRoller     = (*Store)(nil)
	_ store.Purger          = (*Store)(nil)
	_ store.DeliveryCounter = (*Store)(nil)
	_ store.ReplayStore     = (*Store)(nil)
)

// DefaultTablePrefix begins the names of the tables and indexes.
const DefaultTablePrefix = "outhook_"

// Options say where the tables are.
type Options struct {
	// TablePrefix begins the name of each table and index: lower-case letters,
	// digits and underscores, at most 30. Defaults to DefaultTablePrefix.
	TablePrefix string
	// Schema is the PostgreSQL schema of the tables, which the host creates:
	// lower-case letters, digits and underscores, at most 63. Defaults to the
	// first of the connection's search_path. In the other databases it is empty.
	Schema string
}

// Store keeps everything in a SQL database. Create it with [New].
type Store struct {
	db      *sql.DB
	tx      Querier // nil except in what In returns
	dialect dialect
	options Options

	endpoints  table[store.Endpoint]
	events     table[store.Event]
	deliveries table[store.Delivery]
	attempts   table[store.Attempt]
	replays    table[store.Replay]
	queries    queries
	batches    batches // unused inside a transaction

	// writer is held by whoever writes, where the database has one writer at a
	// time. To wait here is fair, and ends with the context.
	writer chan struct{}
}

// New returns a Store in db, which stays the host's: to be configured, shared
// and closed. It does not talk to the database; see [Store.Migrate] for the
// tables.
func New(db *sql.DB, d Dialect, o Options) (*Store, error) {
	if o.TablePrefix == "" {
		o.TablePrefix = DefaultTablePrefix
	}
	if err := errors.Join(checkDB(db), d.check(), o.check(d)); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	s := &Store{db: db, dialect: dialects[d], options: o}
	s.endpoints = newTable(s, "endpoints", "endpoint", endpointFields)
	s.events = newTable(s, "events", "event", eventFields)
	s.deliveries = newTable(s, "deliveries", "delivery", deliveryFields)
	s.attempts = newTable(s, "attempts", "attempt", attemptFields)
	s.replays = newTable(s, "replays", "replay", replayFields)
	s.queries = newQueries(s)
	s.batches = newBatches(s)
	if s.dialect.singleWriter {
		s.writer = make(chan struct{}, 1)
	}
	return s, nil
}

// Tx returns the Store inside tx: what is written through it is there when the
// host commits, and never was if the host rolls back. It is used as tx is, by
// one goroutine at a time, until tx ends. A method that returns one of the
// errors of package store has written nothing and leaves tx usable; one that
// returns [ErrAborted] means that tx is lost.
func (s *Store) Tx(tx *sql.Tx) store.Store { return s.In(standard{tx}) }

// In is [Store.Tx] for the transactions of another library than database/sql: q
// runs its statements in one. The database is that of the Store's tables.
func (s *Store) In(q Querier) store.Store {
	inside := *s
	inside.tx = hosted{q}
	inside.writer = nil // whoever holds tx has the database's own lock
	return &inside
}

// tableName returns the full name of a table.
func (s *Store) tableName(name string) string {
	name = s.options.TablePrefix + name
	if s.options.Schema != "" {
		name = s.options.Schema + "." + name
	}
	return name
}

func checkDB(db *sql.DB) error {
	if db == nil {
		return errors.New("db is nil")
	}
	return nil
}

// Names are written into statements: nothing in them may need quotes.
var (
	prefixPattern = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,29}$`)
	schemaPattern = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
)

func (o Options) check(d Dialect) error {
	var errs []error
	if !prefixPattern.MatchString(o.TablePrefix) {
		errs = append(errs, fmt.Errorf("Options.TablePrefix is %q, must match %s", o.TablePrefix, prefixPattern))
	}
	if o.Schema != "" && !schemaPattern.MatchString(o.Schema) {
		errs = append(errs, fmt.Errorf("Options.Schema is %q, must match %s", o.Schema, schemaPattern))
	}
	if o.Schema != "" && d != PostgreSQL {
		errs = append(errs, fmt.Errorf("Options.Schema is %q, must be empty: only PostgreSQL has schemas", o.Schema))
	}
	return errors.Join(errs...)
}
