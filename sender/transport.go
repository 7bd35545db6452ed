package sender

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
)

// newTransport returns a transport for up to concurrency attempts at once to
// one host. The attempt's context is its only timeout that matters.
func newTransport(concurrency int) *http.Transport {
	return &http.Transport{
		DialContext:       (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2: true,
		// A connection whose path has died in silence would otherwise be used
		// for every attempt to its host.
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		MaxIdleConns:        max(1024, 4*concurrency),
		MaxIdleConnsPerHost: concurrency,
		IdleConnTimeout:     90 * time.Second,
		// An answer is recorded as it came, and a small compressed one must
		// not become a large one.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		// One write for head and body of a usual payload.
		WriteBufferSize: 16 << 10,
	}
}

// trace times the phases of an attempt. A transport may still call it after
// RoundTrip has returned.
type trace struct {
	mu      sync.Mutex
	started time.Time
	dns     time.Time
	connect time.Time
	tls     time.Time
	remote  string
	timing  store.Timing
}

func (t *trace) attach(ctx context.Context) context.Context {
	t.started = time.Now()
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { t.begin(&t.dns) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.end(&t.timing.DNS, &t.dns) },
		ConnectStart:         func(string, string) { t.begin(&t.connect) },
		ConnectDone:          func(string, string, error) { t.end(&t.timing.Connect, &t.connect) },
		TLSHandshakeStart:    func() { t.begin(&t.tls) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.end(&t.timing.TLS, &t.tls) },
		GotConn:              func(info httptrace.GotConnInfo) { t.gotConn(info.Conn) },
		GotFirstResponseByte: func() { t.end(&t.timing.FirstByte, &t.started) },
	})
}

func (t *trace) begin(at *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*at = time.Now()
}

func (t *trace) end(took *time.Duration, began *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*took = time.Since(*began)
}

func (t *trace) gotConn(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remote = conn.RemoteAddr().String()
}

func (t *trace) result() (remote string, timing store.Timing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remote, t.timing
}
