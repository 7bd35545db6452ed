package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outhook/outhook/store"
)

// TestTraceTimesPhases: with a clock that moves only while all wait.
func TestTraceTimesPhases(t *testing.T) {
	t.Parallel()
	const dns, first, second, handshake, answer = 1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second
	pass := func(d time.Duration) { <-time.After(d) }
	local, remote := net.Pipe()
	t.Cleanup(func() { local.Close(); remote.Close() })
	failed := errors.New("failed")
	dial := func(c *httptrace.ClientTrace) {
		c.DNSStart(httptrace.DNSStartInfo{})
		pass(dns)
		c.DNSDone(httptrace.DNSDoneInfo{})
		c.ConnectStart("tcp", "[::1]:1") // two addresses race: the second wins
		pass(first)
		c.ConnectStart("tcp", "127.0.0.1:1")
		pass(second)
		c.ConnectDone("tcp", "127.0.0.1:1", nil)
		c.TLSHandshakeStart()
		pass(handshake)
		c.ConnectDone("tcp", "[::1]:1", failed)
		c.TLSHandshakeDone(tls.ConnectionState{}, nil)
	}
	all := store.Timing{DNS: dns, Connect: first + second, TLS: handshake}
	tests := map[string]struct {
		happens func(c *httptrace.ClientTrace)
		want    store.Timing
		reused  bool
	}{
		"new connection": {func(c *httptrace.ClientTrace) {
			dial(c)
			c.GotConn(httptrace.GotConnInfo{Conn: local})
			pass(answer)
			c.GotFirstResponseByte()
		}, store.Timing{DNS: dns, Connect: first + second, TLS: handshake, FirstByte: 31 * time.Second}, false},
		"used connection": {func(c *httptrace.ClientTrace) {
			c.GotConn(httptrace.GotConnInfo{Conn: local, Reused: true})
			pass(answer)
			c.GotFirstResponseByte()
		}, store.Timing{FirstByte: answer}, true},
		"used connection that was free before the new one was there": {func(c *httptrace.ClientTrace) {
			c.DNSStart(httptrace.DNSStartInfo{})
			pass(dns)
			c.DNSDone(httptrace.DNSDoneInfo{})
			c.GotConn(httptrace.GotConnInfo{Conn: local, Reused: true})
			c.ConnectStart("tcp", "127.0.0.1:1")
			pass(first)
			c.ConnectDone("tcp", "127.0.0.1:1", nil)
			c.GotFirstResponseByte()
		}, store.Timing{FirstByte: dns + first}, true},
		"used connection that was dead": {func(c *httptrace.ClientTrace) {
			c.GotConn(httptrace.GotConnInfo{Conn: local, Reused: true})
			dial(c)
			c.GotConn(httptrace.GotConnInfo{Conn: local})
		}, all, false},
		"no connection": {func(c *httptrace.ClientTrace) {
			c.ConnectStart("tcp", "127.0.0.1:1")
			pass(first)
			c.ConnectDone("tcp", "127.0.0.1:1", failed)
			c.ConnectStart("tcp", "127.0.0.1:2")
			pass(second)
			c.ConnectDone("tcp", "127.0.0.1:2", failed)
		}, store.Timing{Connect: first + second}, false},
		"given up in the lookup": {func(c *httptrace.ClientTrace) {
			c.DNSStart(httptrace.DNSStartInfo{})
			pass(dns)
		}, store.Timing{DNS: dns}, false},
		"given up while it connected": {func(c *httptrace.ClientTrace) {
			c.DNSStart(httptrace.DNSStartInfo{})
			pass(dns)
			c.DNSDone(httptrace.DNSDoneInfo{})
			c.ConnectStart("tcp", "127.0.0.1:1")
			pass(first)
			c.ConnectDone("tcp", "127.0.0.1:1", failed)
			c.ConnectStart("tcp", "127.0.0.1:2")
			pass(second)
		}, store.Timing{DNS: dns, Connect: first + second}, false},
		"given up in the handshake": {func(c *httptrace.ClientTrace) {
			c.ConnectStart("tcp", "127.0.0.1:1")
			pass(first)
			c.ConnectDone("tcp", "127.0.0.1:1", nil)
			c.TLSHandshakeStart()
			pass(handshake)
		}, store.Timing{Connect: first, TLS: handshake}, false},
		"given up between connection and handshake": {func(c *httptrace.ClientTrace) {
			c.ConnectStart("tcp", "127.0.0.1:1")
			pass(first)
			c.ConnectDone("tcp", "127.0.0.1:1", nil)
			pass(second)
		}, store.Timing{Connect: first}, false},
	}
	for name, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			var tr trace
			test.happens(httptrace.ContextClientTrace(tr.attach(context.Background())))
			var a store.Attempt
			tr.record(&a)
			none := name == "no connection" || strings.HasPrefix(name, "given up")
			if a.Timing != test.want || a.ConnReused != test.reused || (a.RemoteAddr == "") != none {
				t.Errorf("%s: %+v, reused %v, remote %q; want %+v, %v", name, a.Timing, a.ConnReused, a.RemoteAddr, test.want, test.reused)
			}
		})
	}
}

func TestTraceFault(t *testing.T) {
	t.Parallel()
	own := &classError{store.ErrorBlocked, errors.New("blocked")}
	tests := map[string]struct {
		trace *trace
		err   error
		want  store.ErrorClass
	}{
		"in the handshake":                {&trace{handshake: io.EOF}, io.EOF, store.ErrorTLS},
		"on the connection":               {&trace{got: true}, io.EOF, store.ErrorReset},
		"on the connection, without type": {&trace{got: true}, errors.New("odd"), store.ErrorProtocol},
		"nowhere":                         {&trace{}, errors.New("odd"), store.ErrorOther},
		"its own":                         {&trace{handshake: io.EOF, got: true}, own, store.ErrorBlocked},
	}
	for name, test := range tests {
		got, ok := errors.AsType[*classError](test.trace.fault(test.err))
		if !ok || got.class != test.want || !errors.Is(got, test.err) {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}

// TestHeaderIsTrimmed: what of an answer's header is kept for judges and policies
// while its body is read.
func TestHeaderIsTrimmed(t *testing.T) {
	t.Parallel()
	few := http.Header{"A": {"1", "2"}, "Retry-After": {"7"}}
	if got := fewer(few); len(got) != 2 || len(got["A"]) != 2 {
		t.Errorf("of a small header %v is left", got)
	}
	many := http.Header{"Retry-After": {"7"}, "A": make([]string, 60), "B": make([]string, 60), "C": {"c"}}
	got := fewer(many)
	if got.Get("Retry-After") != "7" || len(got["A"])+len(got["B"]) != maxRecordedHeaders-2 || got["C"] != nil {
		t.Errorf("of a large header %d lines of A, %d of B and %q are left", len(got["A"]), len(got["B"]), got["Retry-After"])
	}
	safe := redactHeader(many)
	if len(safe["A"])+len(safe["B"]) != maxRecordedHeaders {
		t.Errorf("%d lines are recorded", len(safe["A"])+len(safe["B"]))
	}
}
