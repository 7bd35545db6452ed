package sender_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// lineCounter counts the lines that a logger writes.
type lineCounter struct{ n atomic.Int64 }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n.Add(1)
	return len(p), nil
}

// net/http prints a line for each frame of a type that it does not know. The
// standard logger is everybody's, so that the test runs alone.
func TestFloodOfFramesExact(t *testing.T) {
	f, a := newFixture(t), newAuthority(t)
	lines := &lineCounter{}
	before := log.Writer()
	log.SetOutput(lines)
	defer log.SetOutput(before)
	done := make(chan struct{}, 10)
	for name, frames := range map[string]struct {
		before string
		class  store.ErrorClass
	}{
		"before the answer": {"", store.ErrorProtocol},
		"after the answer":  {frame(frameHeaders, endHeaders|endStream, 1, "\x88"), ""},
	} {
		s := newStranger(t, a.http2(), http2("", func(v *visit, _ uint32) {
			v.say(frames.before)
			v.flood(frame(0x42, 0, 1, ""))
			done <- struct{}{}
		}))
		f.transport(sender.TransportOptions{TLS: &tls.Config{RootCAs: a.pool}})
		lines.n.Store(0)
		got := f.ping(f.endpoint(store.Endpoint{URL: "https://" + s.addr(), Timeout: 20 * time.Second}))
		if got.ErrorClass != frames.class || got.Duration() > 10*time.Second {
			t.Errorf("%s: %s %q after %s, want %q", name, got.ErrorClass, got.Error, got.Duration(), frames.class)
		}
		<-done
		if n := lines.n.Load(); n > 40_000 {
			t.Errorf("%s: %d lines were logged", name, n)
		}
	}
}

// What a receiver may send is counted by the request, not by the connection.
func TestLongAnswersOnOneConnection(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		f := newFixture(t)
		f.cfg.MaxResponseBody = 200 << 10
		s := newServer(t, nil)
		if http2 {
			s = newServer(t, func(c *tls.Config) { c.NextProtos = []string{"h2"} })
		}
		body := strings.Repeat("x", f.cfg.MaxResponseBody+32<<10)
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		f.transport(sender.TransportOptions{TLS: &tls.Config{RootCAs: s.roots}})
		e := f.endpoint(store.Endpoint{URL: s.URL})
		for range 20 {
			if a := f.ping(e); !a.Succeeded || len(a.ResponseBody) != f.cfg.MaxResponseBody {
				t.Fatalf("HTTP/2 %v: %s %q, %d bytes", http2, a.ErrorClass, a.Error, len(a.ResponseBody))
			}
		}
		if n := s.connections.Load(); n != 1 {
			t.Errorf("HTTP/2 %v: %d connections", http2, n)
		}
	}
}

// A connection that is not made in time does not stay for much longer.
func TestHandshakesEndWithTheirAttempts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ended := make(chan time.Duration, 1)
	s := newStranger(t, nil, func(v *visit) {
		began := time.Now()
		_, _ = io.Copy(io.Discard, v)
		ended <- time.Since(began)
	})
	f.transport(sender.TransportOptions{})
	e := f.endpoint(store.Endpoint{URL: "https://" + s.addr(), Timeout: 100 * time.Millisecond})
	if a := f.ping(e); a.ErrorClass != store.ErrorTimeout {
		t.Errorf("%s %q", a.ErrorClass, a.Error)
	}
	if took := <-ended; took > 5*time.Second {
		t.Errorf("the connection ended after %s", took)
	}
}

// A connection that was made in time has no such end.
func TestConnectionsOutliveTheirFirstAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := newServer(t, nil)
	f.transport(sender.TransportOptions{TLS: &tls.Config{RootCAs: s.roots}})
	e := f.endpoint(store.Endpoint{URL: s.URL, Timeout: 500 * time.Millisecond})
	f.ping(e)
	<-time.After(2 * time.Second) // past the end of the dial
	if a := f.ping(e); !a.Succeeded || !a.ConnReused {
		t.Errorf("%s %q, reused %v", a.ErrorClass, a.Error, a.ConnReused)
	}
}

// Each host keeps one connection of HTTP/2, and hosts are as many as a tenant
// likes.
func TestIdleConnectionsOfManyHosts(t *testing.T) {
	t.Parallel()
	const idle, hosts = 2, 20
	f, a := newFixture(t), newAuthority(t)
	transport := sender.NewTransportOfFew(idle)
	t.Cleanup(transport.CloseIdleConnections)
	transport.TLSClientConfig = &tls.Config{RootCAs: a.pool}
	f.cfg.Transport = transport
	ended := make(chan struct{}, hosts)
	for range hosts {
		s := newStranger(t, a.http2(), func(v *visit) {
			says(func(stream uint32) string { return frame(frameHeaders, endHeaders|endStream, stream, "\x88") })(v)
			ended <- struct{}{}
		})
		if a := f.ping(f.endpoint(store.Endpoint{URL: "https://" + s.addr()})); !a.Succeeded {
			t.Fatalf("%s %q", a.ErrorClass, a.Error)
		}
	}
	soon := time.After(10 * time.Second) // net/http itself closes them after 15 s, since they answer no PING
	for range hosts - 2*idle {
		select {
		case <-ended:
		case <-soon:
			t.Fatal("more connections are open")
		}
	}
}
