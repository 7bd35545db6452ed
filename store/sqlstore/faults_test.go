package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The errors of drivers that this package does not import, by their shape.
type (
	sqliteError   int
	numberedError struct {
		Number  uint16
		Message string
	}
	unsentError struct{}
)

func (e sqliteError) Error() string    { return fmt.Sprintf("sqlite: %d", int(e)) }
func (e sqliteError) Code() int        { return int(e) }
func (e *numberedError) Error() string { return e.Message }
func (unsentError) Error() string      { return "conn closed" }
func (unsentError) SafeToRetry() bool  { return true }
func refused(op string) error {
	return &net.OpError{Op: op, Err: os.NewSyscallError(op, syscall.ECONNREFUSED)}
}
func joined(err error) error              { return fmt.Errorf("%w: %w", errors.New("one"), err) }
func stateError(s string) error           { return &codedError{s} }
func numberError(n uint16) error          { return &numberedError{Number: n, Message: "mysql"} }
func sqliteWithDetails(base, n int) error { return sqliteError(base | n<<8) }

func TestFaultOf(t *testing.T) {
	t.Parallel()
	for kind, errs := range map[fault][]error{
		noFault: {
			nil, errors.New("anything"), stateError("23505"), stateError("22P05"), numberError(1062), sqliteError(19),
			stateError("odd"), stateError("42P01"), joined(errors.New("two")),
		},
		aborted:  {stateError("40001"), stateError("40P01"), stateError("25P02"), numberError(1213), numberError(1020), sqliteError(5), sqliteWithDetails(5, 2), sqliteError(6)},
		timedOut: {stateError("57014"), stateError("55P03"), numberError(1205), numberError(3024)},
		unable: {
			stateError("57P03"), stateError("25006"), stateError("53100"), stateError("53300"), stateError("08001"), stateError("58030"),
			numberError(1290), numberError(1040), sqliteError(13), sqliteError(8), sqliteWithDetails(10, 3),
			refused("dial"), driver.ErrBadConn,
			unsentError{},
			joined(numberError(1836)),
		},
		lost: {
			stateError("57P01"), stateError("57P02"), stateError("08006"), numberError(2013), numberError(2006),
			io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, refused("read"), syscall.ECONNRESET, errors.New("invalid connection"),
		},
	} {
		for _, err := range errs {
			if got := faultOf(err); got != kind {
				t.Errorf("faultOf(%v) = %d, want %d", err, got, kind)
			}
			if err == nil {
				continue
			}
			if got := faultOf(fmt.Errorf("wrapped: %w", err)); got != kind && err.Error() != "invalid connection" {
				t.Errorf("wrapped, faultOf(%v) = %d, want %d", err, got, kind)
			}
		}
	}
}

// What a caller learns from the error of a read, of a write, and of a
// transaction of its own; the driver's error is always there.
func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err                          error
		read, write, inside          []error
		notRead, notWrite, notInside []error
	}{
		{
			err: errors.New("a refusal"), notRead: []error{ErrUnavailable}, notWrite: []error{ErrUnavailable, ErrUncertain},
			notInside: []error{ErrAborted, ErrUnavailable},
		},
		{
			err: stateError("40001"), read: []error{ErrUnavailable}, write: []error{ErrUnavailable}, inside: []error{ErrAborted},
			notWrite: []error{ErrUncertain}, notInside: []error{ErrUncertain, ErrUnavailable},
		},
		{
			err: refused("dial"), read: []error{ErrUnavailable}, write: []error{ErrUnavailable}, inside: []error{ErrUnavailable},
			notRead: []error{ErrUncertain}, notWrite: []error{ErrUncertain}, notInside: []error{ErrAborted},
		},
		{
			err: driver.ErrBadConn, read: []error{ErrUnavailable}, write: []error{ErrUnavailable},
			inside: []error{ErrAborted, ErrUnavailable}, notWrite: []error{ErrUncertain}, notInside: []error{ErrUncertain},
		},
		{
			err: io.ErrUnexpectedEOF, read: []error{ErrUnavailable}, write: []error{ErrUncertain, ErrUnavailable},
			inside: []error{ErrAborted, ErrUnavailable}, notRead: []error{ErrUncertain}, notInside: []error{ErrUncertain},
		},
	} {
		for what, got := range map[string]struct {
			err       error
			want, not []error
		}{
			"read":   {failed(t.Context(), "x", c.err), c.read, c.notRead},
			"write":  {failed(t.Context(), "x", certain(c.err)), c.write, c.notWrite},
			"inside": {failed(t.Context(), "x", hostError(c.err)), c.inside, c.notInside},
		} {
			for _, want := range append(got.want, c.err) {
				if !errors.Is(got.err, want) {
					t.Errorf("%s: %v is no %q", what, got.err, want)
				}
			}
			for _, not := range got.not {
				if errors.Is(got.err, not) {
					t.Errorf("%s: %v is a %q", what, got.err, not)
				}
			}
		}
	}
}

// A deadline of the caller's is none of the database's, and what it cut off may
// have been written. Its error is one of package net's, as those of a lost
// connection are.
func TestDeadlineIsNotTheDatabase(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := failed(ctx, "x", ctx.Err()); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
		t.Errorf("after the deadline: %v, want it alone", err)
	}
	if err := failed(ctx, "x", certain(ctx.Err())); !errors.Is(err, ErrUncertain) {
		t.Errorf("a write that the deadline cut off: %v, want ErrUncertain", err)
	}
	if err := failed(t.Context(), "x", context.DeadlineExceeded); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a timeout of the driver's: %v, want ErrUnavailable", err)
	}
}

func TestAgainIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		another := func(another bool, takes time.Duration) func() (bool, error) {
			tries = 0
			return func() (bool, error) {
				tries++
				<-time.After(takes)
				return another, io.EOF
			}
		}
		for _, c := range []struct {
			another bool
			takes   time.Duration
			want    int
		}{{false, 0, 1}, {true, 0, maxTries}, {true, retryFor, minTries}} {
			if err := again(t.Context(), another(c.another, c.takes)); !errors.Is(err, io.EOF) || tries != c.want {
				t.Errorf("%+v: %d tries, %v; want %d", c, tries, err, c.want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), firstWait)
		defer cancel()
		if err := again(ctx, another(true, firstWait)); !errors.Is(err, io.EOF) || tries != 1 {
			t.Errorf("with a context that ends: %d tries, %v; want one", tries, err)
		}
	})
}
