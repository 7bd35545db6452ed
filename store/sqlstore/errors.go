package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// What errors say about the database, beside those of package store. The
// driver's own error is wrapped, too.
var (
	// ErrUnavailable: the database could not be reached, or could not do it
	// now: it is down, starting, full, read-only after a failover, or a
	// timeout of its own ended the wait. Nothing was written, unless the error
	// is an ErrUncertain. Try again later.
	ErrUnavailable = errors.New("database unavailable")
	// ErrUncertain: a write was sent and its answer was lost. It may have been
	// made or not; it was not tried again. It wraps ErrUnavailable. Read what
	// is there before you repeat it.
	ErrUncertain = fmt.Errorf("%w: a write may have been made", ErrUnavailable)
	// ErrAborted: the database has ended the host's transaction, because of
	// what others did at the same time (a deadlock, a serialization failure)
	// or because the connection was lost. Nothing of it was written. Roll back
	// and run the whole transaction again.
	ErrAborted = errors.New("transaction aborted")
)

const (
	// maxTries and retryFor bound how often, and how long, something is tried
	// again that lost against others; but it has minTries, as it may take a
	// second until a deadlock is found. Each wait is about twice the one before.
	minTries  = 3
	maxTries  = 12
	retryFor  = 2 * time.Second
	firstWait = 2 * time.Millisecond
	maxWait   = 100 * time.Millisecond
)

// again runs f until it succeeds or does not ask for another try.
func again(ctx context.Context, f func() (another bool, err error)) error {
	begin, wait := time.Now(), firstWait
	for try := 1; ; try++ {
		another, err := f()
		if !another || try == maxTries || try >= minTries && time.Since(begin) > retryFor {
			return err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		wait = min(2*wait, maxWait)
	}
}

// available says that an error is one of the database, unless that was said.
func available(err error) error {
	if faultOf(err) == noFault || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrAborted) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// certain is available for the error of a write.
func certain(err error) error {
	if faultOf(err) == lost && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return available(err)
}

// hosted is a transaction of the host's, whose end by the database is the
// host's affair.
type hosted struct{ Querier }

func (h hosted) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	n, err := h.Querier.Exec(ctx, query, args...)
	return n, hostError(err)
}

func (h hosted) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	rows, err := h.Querier.Query(ctx, query, args...)
	if err != nil {
		return nil, hostError(err)
	}
	return hostedRows{rows}, nil
}

type hostedRows struct{ Rows }

func (r hostedRows) Err() error { return hostError(r.Rows.Err()) }

func hostError(err error) error {
	switch kind := faultOf(err); {
	case kind == aborted:
		return fmt.Errorf("%w: %w", ErrAborted, err)
	case kind == lost, kind == unable && unsent(err):
		return fmt.Errorf("%w: %w: %w", ErrAborted, ErrUnavailable, err)
	default:
		return err
	}
}
