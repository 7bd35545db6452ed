package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
	"github.com/outhook/outhook/store/sqlstore"
)

// database is the product's own, which Outhook shares.
type database struct {
	name  string
	store store.Store

	// The rest is for SQL databases; sql is nil in memory.
	sql  *sql.DB
	tx   func(*sql.Tx) store.Store // the Store inside a transaction
	kind kind
}

// openDatabase opens the database and makes its tables. One that is on the
// network and does not answer is waited for, a minute: processes that are
// started together start in any order. After that it is no longer a matter of
// order, and whoever started the process has to know.
func openDatabase(ctx context.Context, address string, log *slog.Logger) (*database, error) {
	if address == memory {
		return &database{name: memory, store: memstore.New()}, nil
	}
	k, db, err := connect(address)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(k.connections)
	db.SetMaxIdleConns(k.connections) // a connection costs more than a query
	st, err := sqlstore.New(db, k.dialect, sqlstore.Options{})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	opened := &database{name: k.dialect.String(), store: st, sql: db, tx: st.Tx, kind: k}
	prepare := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		applied, err := st.Migrate(ctx)
		if err != nil {
			return err
		}
		if len(applied) > 0 {
			log.InfoContext(ctx, "Database: Migrated", "applied", applied)
		}
		return k.migrateOrders(ctx, db)
	}
	if err := k.waitFor(ctx, prepare, log); err != nil {
		return nil, errors.Join(fmt.Errorf("-database: %w", err), db.Close())
	}
	return opened, nil
}

// ping asks the database whether it is there.
func (d *database) ping(ctx context.Context) error {
	if d.sql == nil {
		return nil
	}
	return d.sql.PingContext(ctx)
}

func (d *database) close() error {
	if d.sql == nil {
		return nil
	}
	return d.sql.Close()
}

// kind is a kind of SQL database, and all in which they differ here.
type kind struct {
	dialect     sqlstore.Dialect
	connections int
	remote      bool // it may not be there yet
	options     *sql.TxOptions
	lock        string // makes those who migrate wait for each other
	text        string // the type of a short text
	insertOrder string
}

// readCommitted is what Outhook's own transactions are: whoever has to see what
// somebody else has just committed, such as the event of a duplicate, does.
var readCommitted = &sql.TxOptions{Isolation: sql.LevelReadCommitted}

var (
	postgres = kind{
		dialect: sqlstore.PostgreSQL, connections: 32, remote: true, options: readCommitted, text: "varchar",
		lock:        "SELECT pg_advisory_xact_lock(7420001)",
		insertOrder: "INSERT INTO service_orders (id, tenant, event_id, event_type) VALUES ($1, $2, $3, $4)",
	}
	// The names are bytes, so that no collation takes two of them for one.
	mysql = kind{
		dialect: sqlstore.MySQL, connections: 32, remote: true, options: readCommitted, text: "varbinary",
		insertOrder: "INSERT INTO service_orders (id, tenant, event_id, event_type) VALUES (?, ?, ?, ?)",
	}
	// SQLite has one writer at a time. To wait for a connection is fair; to wait
	// for SQLite's lock is not: of 16 clients at once one waited for 4 s.
	sqlite = kind{
		dialect: sqlstore.SQLite, connections: 1, text: "varchar",
		insertOrder: "INSERT INTO service_orders (id, tenant, event_id, event_type) VALUES (?, ?, ?, ?)",
	}
)

// connect finds the kind of database that an address is of. It does not talk to
// it. Nothing that is wrong with an address is quoted: it may hold a password.
func connect(address string) (kind, *sql.DB, error) {
	scheme, rest, _ := strings.Cut(address, ":")
	switch scheme {
	case "postgres", "postgresql":
		config, err := pgx.ParseConfig(address)
		if err != nil {
			return kind{}, nil, errors.New("-database cannot be parsed, must be postgres://user:password@host:port/name")
		}
		return postgres, stdlib.OpenDB(*config), nil
	case "mysql":
		connector, err := mysqlConnector(address)
		if err != nil {
			return kind{}, nil, errors.New("-database cannot be parsed, must be mysql://user:password@host:port/name")
		}
		return mysql, sql.OpenDB(connector), nil
	case "sqlite":
		if rest == "" {
			return kind{}, nil, errors.New("-database has no path, must be sqlite:PATH")
		}
		// A transaction takes the lock of all writers as it begins, because the
		// lock of a reader cannot be turned into one while another process writes.
		source := "file:" + (&url.URL{Path: rest}).EscapedPath() +
			"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate"
		db, err := sql.Open("sqlite", source)
		return sqlite, db, err
	}
	return kind{}, nil, errors.New("-database is of no known kind, must be postgres://…, mysql://…, sqlite:PATH or memory")
}

// mysqlConnector reads a URL: the driver's own form of an address is another one.
func mysqlConnector(address string) (driver.Connector, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || len(u.Path) < 2 || u.RawQuery != "" {
		return nil, errors.New("no URL of a database")
	}
	config := mysqldriver.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, u.Path[1:]
	if u.Port() == "" {
		config.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.InterpolateParams = true // it saves the round trip that prepares a statement
	return mysqldriver.NewConnector(config)
}

// waitFor tries until it has worked, a remote database for a minute.
func (k kind) waitFor(ctx context.Context, prepare func(context.Context) error, log *slog.Logger) error {
	const patience, pause = time.Minute, time.Second
	deadline := time.Now().Add(patience)
	for {
		err := prepare(ctx)
		if err == nil || ctx.Err() != nil || !k.remote || time.Now().After(deadline) {
			return err
		}
		log.WarnContext(ctx, "Database: Not ready; trying again", "for", time.Until(deadline).Round(time.Second), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// migrateOrders makes the product's own table. A product with more than one has
// a tool for it, which can run Outhook's migrations as well.
func (k kind) migrateOrders(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate orders: %w", err)
	}
	defer tx.Rollback()
	for _, statement := range []string{k.lock, `CREATE TABLE IF NOT EXISTS service_orders (
		id         ` + k.text + `(64)  NOT NULL PRIMARY KEY,
		tenant     ` + k.text + `(256) NOT NULL,
		event_id   ` + k.text + `(128) NOT NULL,
		event_type ` + k.text + `(128) NOT NULL,
		placed_at  timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
	)`} {
		if statement == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("migrate orders: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrate orders: %w", err)
	}
	return nil
}
