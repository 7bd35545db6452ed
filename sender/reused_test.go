package sender_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// twice pings an endpoint with a key that says that its requests may be
// repeated, over the same connection if it lasts.
func twice(t *testing.T, url string, transport *http.Transport, between func()) (first, second store.Attempt) {
	t.Helper()
	f := newFixture(t)
	t.Cleanup(transport.CloseIdleConnections)
	f.cfg.Transport = transport
	e := f.endpoint(store.Endpoint{URL: url, Headers: http.Header{"Idempotency-Key": {"1"}, "X-Idempotency-Key": {"1"}}})
	first, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	between()
	second, err = sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	if !first.Succeeded || first.ConnReused || first.Timing.Connect <= 0 {
		t.Fatalf("the first attempt: %s %q, reused %v, %+v", first.ErrorClass, first.Error, first.ConnReused, first.Timing)
	}
	return first, second
}

const emptyOK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// TestNothingIsSentTwice: net/http would send these requests once more, on
// another connection, which the attempt's record would not show.
func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	// after answers the first request over HTTP/2, and the second with the frame.
	after := func(then func(stream uint32) string) func(v *visit) {
		return http2("", func(v *visit, stream uint32) {
			if v.s.requests.Load() == 1 {
				v.say(frame(frameHeaders, endHeaders|endStream, stream, "\x88"))
				stream = <-v.streams
			}
			v.say(then(stream))
		})
	}
	tests := map[string]struct {
		serve func(v *visit)
		tls   *tls.Config
	}{
		"closed":  {func(v *visit) { v.request(); v.say(emptyOK); v.request() }, nil},
		"reset":   {func(v *visit) { v.request(); v.say(emptyOK); v.request(); v.reset() }, nil},
		"GOAWAY":  {after(func(uint32) string { return frame(frameGoAway, 0, 0, words(1, 0)) }), a.http2()},
		"refused": {after(func(s uint32) string { return frame(frameReset, 0, s, words(7)) }), a.http2()},
		"error":   {after(func(s uint32) string { return frame(frameReset, 0, s, words(1)) }), a.http2()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t, test.tls, test.serve)
			transport, url := sender.NewHTTPTransport(), "http://"+s.addr()
			if test.tls != nil {
				transport.TLSClientConfig = &tls.Config{RootCAs: a.pool}
				url = "https://" + s.addr()
			}
			_, second := twice(t, url, transport, func() {})
			if second.ErrorClass != store.ErrorReset || !second.ConnReused || second.RemoteAddr != s.addr() {
				t.Errorf("the second attempt: %s %q, reused %v", second.ErrorClass, second.Error, second.ConnReused)
			}
			if second.Timing.DNS != 0 || second.Timing.Connect != 0 || second.Timing.TLS != 0 {
				t.Errorf("a used connection took %+v", second.Timing)
			}
			if n := s.requests.Load(); n != 2 {
				t.Errorf("%d requests for two attempts", n)
			}
		})
	}
}

// brokenConn is a connection that takes nothing more once it has been broken.
type brokenConn struct {
	net.Conn
	broken *atomic.Bool
}

func (c brokenConn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// TestDeadConnectionCostsNoAttempt: a server may close a connection that is not
// used. If nothing was written to it, another one is made within the attempt.
func TestDeadConnectionCostsNoAttempt(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	serve := func(v *visit) {
		for v.request() {
			v.say(emptyOK)
		}
	}
	t.Run("found at the first write", func(t *testing.T) {
		t.Parallel()
		s := newStranger(t, nil, serve)
		transport, broken := sender.NewHTTPTransport(), &atomic.Bool{}
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if broken.Swap(false) || err != nil {
				return conn, err
			}
			return brokenConn{conn, broken}, nil
		}
		_, second := twice(t, "http://"+s.addr(), transport, func() { broken.Store(true) })
		checkSecond(t, s, second)
	})
	t.Run("GOAWAY while idle", func(t *testing.T) {
		t.Parallel()
		gone := make(chan struct{})
		s := newStranger(t, a.http2(), http2("", func(v *visit, stream uint32) {
			v.say(frame(frameHeaders, endHeaders|endStream, stream, "\x88") + frame(frameGoAway, 0, 0, words(stream, 0)))
			if v.s.requests.Load() == 1 {
				<-v.gone // the client hangs up once it has seen it
				close(gone)
			}
		}))
		transport := sender.NewHTTPTransport()
		transport.TLSClientConfig = &tls.Config{RootCAs: a.pool}
		_, second := twice(t, "https://"+s.addr(), transport, func() { <-gone })
		checkSecond(t, s, second)
	})
}

func checkSecond(t *testing.T, s *stranger, second store.Attempt) {
	t.Helper()
	if !second.Succeeded || second.ConnReused || second.Timing.Connect <= 0 {
		t.Errorf("the second attempt: %s %q, reused %v, %+v", second.ErrorClass, second.Error, second.ConnReused, second.Timing)
	}
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d requests for two attempts", n)
	}
}
