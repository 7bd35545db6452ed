package sender

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/outhook/outhook/store"
)

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
