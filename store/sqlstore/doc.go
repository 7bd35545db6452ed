// Package sqlstore is a [store.Store] in a SQL database, through database/sql:
// PostgreSQL 13 or later, or SQLite 3.38 or later. It imports no driver. The
// host opens its database with the driver that it has, and hands it over:
//
//	db, err := sql.Open("pgx", "postgres://…")
//	s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
//	applied, err := s.Migrate(ctx)
//
// # Tables
//
// [Store.Migrate] creates and changes the tables. Any number of processes may
// call it at once, such as each at its start. A host that has a tool for
// migrations takes the files from [Dialect.Migrations] instead; they carry
// goose's annotations.
//
// The tables may be read by anybody, and joined with the host's own. They are
// written by this package only. The secrets of endpoints are in them as they
// are: whoever may read the table can sign in the host's name.
//
// # The host's own transactions
//
// [Store.Tx] is the same Store inside a transaction of the host: an event is
// accepted if, and only if, the host's own rows are committed. A delivery whose
// wake-up comes before the commit is found by the sweeper after it. A host whose
// transactions are those of pgx itself has [Store.Tx] in the module
// store/sqlstore/pgxstore; for any other library there is [Store.In].
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
// and deliveries six, because nothing that a Store lists may scan a table. The
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
// for nobody. With modernc.org/sqlite:
//
//	file:outhook.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)
//
// Statements that a context cuts off depend on the driver: some finish them
// first.
package sqlstore
