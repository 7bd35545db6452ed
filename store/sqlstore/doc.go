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
// 0001_tables.sql is its 0001_tables.up.sql, and the rest 0001_tables.down.sql,
// and so on for each file; with MySQL it needs multiStatements=true.
//
// The tables may be read by anybody, and joined with the host's own. They are
// written by this package only. The secrets of endpoints are in them as they
// are: whoever may read the table can sign in the host's name.
//
// # The host's own transactions
//
// [Store.Tx] is the same Store inside a transaction of the host: an event that
// is written through it is accepted if, and only if, the host's own rows are
// committed. It is what the function SendIn of package sender takes:
//
//	receipt, err := sender.SendIn(ctx, s, myStore.Tx(tx), event)
//	…
//	err = tx.Commit()
//	…
//	sender.Wake(ctx, s, receipt)
//
// A host whose transactions are those of pgx itself has the function Tx of the
// module store/sqlstore/pgxstore; for any other library there is [Store.In].
//
// # Statistics
//
// [Store.RollStats], which the workers of package sender call every minute, adds
// each attempt to what its endpoint's attempts of that hour add up to: how many
// succeeded and failed, and a histogram of their durations. [Store.Stats] of whole
// hours of UTC reads those rows, and only the attempts of the last minutes themselves.
// Counts are exact; percentiles are within 4 % once there are rows. Rows are kept for
// 100 days, and Purge leaves them alone: they outlive the attempts.
//
// # Calls at the same time
//
// What an attempt needs of the database, [Store.LoadJob] before it and
// [Store.UpdateDelivery] with the attempt after it, and [Store.CreateEvent], is
// cheaper for many at once: calls that come while one of their kind is under way
// wait for it, and are made together, up to 256 of them. Each returns when its
// own row is kept, with its own result. Nobody waits for company: a call that
// comes alone is made at once. Inside a transaction of the host's nothing is
// gathered.
//
// A row that somebody else has locked also holds up the calls beside it, until
// the lock_timeout or statement_timeout of PostgreSQL, or the
// innodb_lock_wait_timeout of MySQL: then it fails alone. Whoever has written
// through [Store.Tx] makes no call outside of that transaction before it ends:
// the call may wait for one that waits for the transaction, which the database
// does not see.
//
// # Errors
//
// What others did at the same time is no error of the host's: a deadlock, a
// serialization failure, a SQLite database that is busy is tried again for a
// while, and so is a read whose connection was lost. What remains is typed. After
// [ErrUnavailable] nothing was written, and it may be tried again; after
// [ErrUncertain] a write may have been made, and is not repeated by the Store.
// Some drivers (lib/pq) have database/sql repeat a statement whose connection was
// ended: a write that was made then fails as a conflict or as one that exists.
// A write whose context ends in the middle may have been made, too. In a
// transaction of the host's nothing is tried again: [ErrAborted] means that the
// host runs it again, from its beginning. The driver's error is always wrapped.
//
// # PostgreSQL
//
// Each write is one statement and one round trip. Attempts have five indexes
// and deliveries eight, because nothing that a Store lists may scan a table. The
// isolation level is read committed, as PostgreSQL's default is. Under another
// default_transaction_isolation whoever loses a race is tried again, and then
// gets [store.ErrConflict]; in such a transaction of the host it is
// [ErrAborted]. It is tested with pgx and lib/pq; pgx keeps statements
// prepared, and took a third of the time for a write when it was measured.
//
// # SQLite
//
// Writers wait for each other inside the Store, so use one Store for a
// database. So that it also gets along with writers elsewhere, open the
// database with a busy_timeout, and with journal_mode=WAL so that readers wait
// for nobody. Transactions of the host's should begin immediate: one that reads
// first, as sender.SendIn does, and finds another writer when it comes to write,
// is ended at once, and busy_timeout does not help. With modernc.org/sqlite:
//
//	file:outhook.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate
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
// was when the transaction began; with innodb_snapshot_isolation, which MariaDB
// has by default since 11.6, it is [ErrAborted]. Then, as in a deadlock, the
// database has ended the whole transaction, which the host makes again: what it
// still writes in this one is kept at once.
package sqlstore
