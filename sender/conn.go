package sender

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/outhook/outhook/store"
)

const (
	// handshakeAllowance is how many bytes a connection takes in before it has a
	// request: certificates, most of all.
	handshakeAllowance = 64 << 10
	// answerAllowance is how many more it takes in for each request, beside
	// Config.MaxResponseBody: the header, what is drained, and what may come
	// before it is read.
	answerAllowance = 16<<10 + drainLimit + maxUnread + 16<<10
	// savedAllowances is how many of them a connection can have left: HTTP/2 has
	// several requests on one.
	savedAllowances = 100
	// lateDial is how long a dial, with its handshake, goes on after the deadline
	// of the request that began it.
	lateDial = time.Second
)

// stranger is a connection to a receiver, who can send only so much for each
// request. net/http reads at all times, also when nothing was asked: each frame
// of HTTP/2 that means nothing costs time, and it prints a line, to the standard
// logger, for each that it does not know.
type stranger struct {
	net.Conn
	left   atomic.Int64
	open   *atomic.Int64 // the transport's connections
	closed atomic.Bool
}

var errTooMuch = &classError{store.ErrorProtocol, errors.New("the other side sent more than an answer")}

func (s *stranger) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.left.Add(-int64(n)) < 0 {
		_ = s.Close()
		return 0, errTooMuch
	}
	return n, err
}

func (s *stranger) Close() error {
	if !s.closed.Swap(true) {
		s.open.Add(-1)
	}
	return s.Conn.Close()
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

type dialEnd struct{}

// dialing has t dial with connections that are bounded: they end soon after the
// request that began them, if until then they serve none. net/http would go on
// with them, and a receiver that lets each attempt time out would hold many. Nor
// does it count idle connections of HTTP/2 in MaxIdleConns, and keeps one for each
// host: of twice as many connections, all that are idle are closed.
func dialing(t *http.Transport, dial dialFunc) dialFunc {
	var open atomic.Int64
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		end, bounded := ctx.Value(dialEnd{}).(time.Time)
		if bounded {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end)
			defer cancel()
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if bounded {
			_ = conn.SetDeadline(end)
		}
		s := &stranger{Conn: conn, open: &open}
		s.left.Store(handshakeAllowance)
		if open.Add(1) > 2*int64(t.MaxIdleConns) {
			t.CloseIdleConnections()
		}
		return s, nil
	}
}

// bounded returns req as connections of dialing need it.
func bounded(req *http.Request, maxBody int) *http.Request {
	ctx := req.Context()
	if deadline, ok := ctx.Deadline(); ok {
		ctx = context.WithValue(ctx, dialEnd{}, deadline.Add(lateDial))
	}
	allowance := answerAllowance + int64(max(0, maxBody))
	return req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if s := strangerOf(info.Conn); s != nil {
			_ = s.SetDeadline(time.Time{})
			// What earlier answers left is not saved up for ever.
			if most := savedAllowances * allowance; s.left.Add(allowance) > most {
				s.left.Store(most)
			}
		}
	}}))
}

// strangerOf looks below TLS, which may be in TLS to a proxy.
func strangerOf(conn net.Conn) *stranger {
	for {
		switch c := conn.(type) {
		case *stranger:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
