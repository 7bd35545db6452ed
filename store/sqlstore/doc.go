// Package sqlstore is a [store.Store] in a SQL database, through database/sql:
// PostgreSQL 13 or later, SQLite 3.38 or later, MariaDB 10.6 or later, or MySQL
// 8.0 or later. It imports no driver. The host opens its database with the
// driver that it has, and hands it over:
//
//	db, err := sql.Open("pgx", "postgres://…")
//	s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
//	applied, err := s.Migrate(ctx)
//
// # Tables
//
// [Store.Migrate] creates and changes the tables. Any number of processes may
// call it at once, such as each at its start. A host that has a tool for
// migrations takes the files from [Dialect.Migrations] instead, and never calls
// Migrate, which refuses tables that it did not make. They carry goose's
// annotations, and goose takes them as they are:
//
//	goose.NewProvider(goose.DialectPostgres, db, sqlstore.PostgreSQL.Migrations())
//
// For golang-migrate, what comes before the line "-- +goose Down" of
// 0001_tables.sql is its 0001_tables.up.sql, and the rest 0001_tables.down.sql;
// with MySQL it needs multiStatements=true.
//
// The tables may be read by anybody, and joined with the host's own. They are
// written by this package only. The secrets of endpoints are in them as they
// are: whoever may read the table can sign in the host's name.
//
// # The host's own transactions
//
// [Store.Tx] is the same Store inside a transaction of the host: an event is
// accepted if, and only if, the host's own rows are committed. A delivery whose
// wake-up comes before the commit is found by the sweeper after it.
//
// # PostgreSQL
//
// Each write is one statement and one round trip. Attempts have five indexes
// and deliveries six, because nothing that a Store lists may scan a table. The
// isolation level is read committed, as PostgreSQL's default is: with another
// default_transaction_isolation, or in such a transaction of the host, whoever
// loses a race gets PostgreSQL's serialization failure in place of
// [store.ErrConflict]. It is tested with pgx and lib/pq; pgx keeps statements
// prepared, and took a third of the time for a write when it was measured.
//
// # SQLite
//
// Writers wait for each other inside the Store, so use one Store for a
// database. So that it also gets along with writers elsewhere, open the
// database with a busy_timeout, and with journal_mode=WAL so that readers wait
// for nobody. With modernc.org/sqlite:
//
//	file:outhook.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)
//
// Statements that a context cuts off depend on the driver: some finish them
// first.
//
// # MySQL and MariaDB
//
// It is tested on MariaDB with github.com/go-sql-driver/mysql. The data source
// name must name a database. interpolateParams=true saves the round trip that
// prepares each statement: where it was measured a job was loaded in half the
// time. Other settings of the driver, such as parseTime, loc and
// clientFoundRows, make no difference, and neither do the server's time zone and
// default character set; the connection's must be utf8mb4, as it is unless the
// host changes it.
//
// sql_mode must contain STRICT_TRANS_TABLES, as it does by default: without it
// an id that is too long would be cut off, not refused. Migrate refuses to work
// without it. Tenants, ids and types have at most 256 bytes.
//
// An event must fit into the server's max_allowed_packet, which in MariaDB is
// 16 MiB by default: with payloads of 15 MiB and more raise it. With
// interpolateParams a payload of bytes that are no text takes up to twice its
// size.
//
// The Store's own transactions are read committed. One of the host's is
// repeatable read unless it is begun with [database/sql.LevelReadCommitted]:
// there, who gets [store.ErrConflict] and reads the record again sees it as it
// was when the transaction began. In a deadlock the database ends a whole
// transaction, which the host makes again.
package sqlstore
