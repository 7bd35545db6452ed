package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// fault is what the error of a statement says about the database, rather than
// about the statement.
type fault int

const (
	// noFault: the database refuses this statement, or the error is unknown.
	noFault fault = iota
	// aborted: it took back the whole transaction, because of what others did
	// at the same time. The transaction may be run again.
	aborted
	// unable: it cannot do it now, and has not done it.
	unable
	// timedOut: it has waited for too long, and has not done it. That may be
	// the fault of one row that somebody has locked.
	timedOut
	// lost: there is no answer. A statement that was sent may have been done.
	lost
)

// faultOf classifies an error of any driver: by the code that the database
// gave, or as one of the network.
func faultOf(err error) fault {
	if err == nil {
		return noFault
	}
	var state interface{ SQLState() string }
	if errors.As(err, &state) && len(state.SQLState()) == 5 {
		return stateFault(state.SQLState())
	}
	if number := mysqlError(err); number != 0 {
		return numberFault(number)
	}
	var code interface{ Code() int }
	if errors.As(err, &code) {
		return sqliteFault(code.Code())
	}
	return networkFault(err)
}

// stateFault classifies the codes of PostgreSQL.
func stateFault(state string) fault {
	switch state {
	case "40001", "40P01", "25P02": // serialization, deadlock, and what comes after an error
		return aborted
	case "57014", "55P03": // statement_timeout, lock_timeout
		return timedOut
	case "57P01", "57P02", "57P05": // the connection was ended by an administrator, a crash, a timeout
		return lost
	case "57P03", "08001", "08004", // starting up or shutting down; not connected
		"25006": // read only: not, or no longer, the primary server
		return unable
	}
	switch state[:2] {
	case "08": // the connection
		return lost
	case "53", "58": // no memory, disk or connections left; failures of the system
		return unable
	}
	return noFault
}

// numberFault classifies the errors of MySQL and MariaDB.
func numberFault(number uint64) fault {
	switch number {
	case 1213, 1020: // deadlock; a row has changed since the snapshot
		return aborted
	case 1205, 3024, 1969: // lock wait timeout, timeouts of statements
		return timedOut
	case 1927, 2006, 2013, 1317: // killed, gone away, lost, interrupted
		return lost
	case 1290, 1836, 1792, // read only
		1040, 1203, 1053, // too many connections, shutting down
		1021, 1114, 2002, 2003: // full; not connected
		return unable
	}
	return noFault
}

// sqliteFault classifies the codes of SQLite, which have details above the
// lowest eight bits.
func sqliteFault(code int) fault {
	switch code & 0xff {
	case 5, 6: // busy, locked
		return aborted
	case 7, 8, 10, 13, 14, 15: // memory, read only, input or output, full, cannot open, locking protocol
		return unable
	}
	return noFault
}

// networkFault classifies what has no code.
func networkFault(err error) fault {
	var dial *net.OpError
	var network net.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &dial) && dial.Op == "dial", unsent(err):
		return unable
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, sql.ErrConnDone), errors.As(err, &network), errors.As(err, &errno),
		strings.HasSuffix(err.Error(), "invalid connection"): // of the usual driver for MySQL
		return lost
	}
	return noFault
}

// unsent reports whether a statement did not leave the driver, because its
// connection is gone.
func unsent(err error) bool {
	var safe interface{ SafeToRetry() bool }
	return errors.Is(err, driver.ErrBadConn) || errors.As(err, &safe) && safe.SafeToRetry()
}
