package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

// reader is where single statements run.
func (s *Store) reader() Querier {
	if s.tx != nil {
		return s.tx
	}
	return standard{s.db}
}

// read runs f, which only reads, and may be run again.
func (s *Store) read(ctx context.Context, f func(q Querier) error) error {
	if s.tx != nil {
		return f(s.tx)
	}
	return again(ctx, func() (bool, error) {
		err := f(s.reader())
		kind := faultOf(err)
		return kind == aborted || kind == lost, err
	})
}

// write runs f, which makes one write and maybe reads after it. It is run again
// if the database took it back.
func (s *Store) write(ctx context.Context, f func(q Querier) error) error {
	done, err := s.waitForWriter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if s.tx != nil {
		return f(s.tx)
	}
	return certain(again(ctx, func() (bool, error) {
		err := f(s.reader())
		return faultOf(err) == aborted, err
	}))
}

// transact runs f so that all its writes are kept, or none if it returns an
// error: in a transaction, or between savepoints of the host's. A transaction of
// its own is run again if the database took it back.
func (s *Store) transact(ctx context.Context, f func(q Querier) error) error {
	done, err := s.waitForWriter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if s.tx != nil {
		return bracket(ctx, s.tx, "SAVEPOINT outhook", "RELEASE SAVEPOINT outhook",
			"ROLLBACK TO SAVEPOINT outhook", f)
	}
	return certain(again(ctx, func() (bool, error) { return s.transactOnce(ctx, f) }))
}

// transactOnce reports, with an error, whether f may be run again: nothing of
// it was written. That is unknown only if the answer to COMMIT was lost.
func (s *Store) transactOnce(ctx context.Context, f func(q Querier) error) (another bool, err error) {
	// database/sql's own transactions cannot begin as the dialect wants it.
	conn, err := s.connect(ctx)
	if err != nil {
		return faultOf(err) == lost || unsent(err), available(err)
	}
	defer conn.Close()
	committing := false
	err = s.isolate(ctx, conn)
	if err == nil {
		err = bracket(ctx, standard{conn}, s.dialect.begin, "COMMIT", "ROLLBACK", func(q Querier) error {
			err := f(q)
			committing = err == nil
			return err
		})
	}
	switch kind := faultOf(err); {
	case kind == aborted:
		return true, err
	case kind == lost && !committing, unsent(err):
		return true, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return false, err
}

// isolate is for the next transaction of conn.
func (s *Store) isolate(ctx context.Context, conn *sql.Conn) error {
	if s.dialect.isolate == "" {
		return nil
	}
	_, err := conn.ExecContext(ctx, s.dialect.isolate)
	return err
}

// inOne makes calls in one transaction. An error of a call that has written
// nothing is its own result, and the others go on; any other takes all of them
// back.
func inOne[T any](ctx context.Context, s *Store, calls []*T,
	one func(ctx context.Context, q Querier, c *T) error, wroteNothing func(error) bool,
) ([]error, error) {
	errs := make([]error, len(calls))
	err := s.transact(ctx, func(q Querier) error {
		clear(errs)
		for i, c := range calls {
			err := one(ctx, q, c)
			if err != nil && !wroteNothing(err) {
				return err
			}
			errs[i] = err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

// connect returns a connection. While the first processes to open a SQLite
// database switch it to WAL, some get "database is locked" at once, whatever
// their busy_timeout is: they try again, for about half a second.
func (s *Store) connect(ctx context.Context) (*sql.Conn, error) {
	const tries, pause = 50, 10 * time.Millisecond
	for try := 1; ; try++ {
		conn, err := s.db.Conn(ctx)
		if err == nil {
			return conn, nil
		}
		if !s.dialect.singleWriter || try == tries || !strings.Contains(err.Error(), "database is locked") {
			return nil, fmt.Errorf("connect: %w", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// waitForWriter returns what ends the turn of a writer.
func (s *Store) waitForWriter(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.writer == nil {
		return func() {}, nil
	}
	select {
	case s.writer <- struct{}{}:
		return func() { <-s.writer }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bracket runs f between two statements. If f or the closing one fails, or f
// panics, a third one takes everything back.
func bracket(ctx context.Context, q Querier, begin, end, undo string, f func(q Querier) error) (err error) {
	if _, err := q.Exec(ctx, begin); err != nil {
		discard(q) // the next one to use it must not get what was meant for this transaction
		return err
	}
	ended := false
	defer func() {
		if ended {
			return
		}
		// What the context says is over by now. An error means that the
		// connection is broken, or that nothing is left to be taken back.
		if _, undoErr := q.Exec(context.WithoutCancel(ctx), undo); undoErr != nil {
			discard(q)
		}
	}()
	if err := f(q); err != nil {
		return err
	}
	if _, err := q.Exec(ctx, end); err != nil {
		return err
	}
	ended = true
	return nil
}

// discard keeps a connection in an unknown state from being used again.
func discard(q Querier) {
	s, _ := q.(standard)
	if conn, ok := s.sqlRunner.(*sql.Conn); ok {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // that is its effect
	}
}

// failed puts the subject before an error. That the caller's context has ended
// says nothing about the database, and some drivers do not say so when it was
// what ended a statement.
func failed(ctx context.Context, subject string, err error) error {
	cause := ctx.Err()
	switch {
	case cause == nil:
		err = available(err)
	case !errors.Is(err, cause):
		return fmt.Errorf("%s: %w: %w", subject, cause, err)
	}
	return fmt.Errorf("%s: %w", subject, err)
}

// isDuplicate reports whether err is PostgreSQL's unique_violation. All its
// drivers have errors with this method.
func isDuplicate(err error) bool {
	var coded interface{ SQLState() string }
	return errors.As(err, &coded) && coded.SQLState() == "23505"
}

// affected returns the number of rows that a statement wrote. An INSERT of one
// that exists writes none: MySQL has no such INSERT that does not hide other
// errors as well.
func affected(ctx context.Context, q Querier, statement string, args ...any) (int64, error) {
	n, err := q.Exec(ctx, statement, args...)
	if mysqlError(err) == mysqlDuplicate {
		return 0, nil
	}
	return n, err
}
