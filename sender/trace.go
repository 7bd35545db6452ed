package sender

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/outhook/outhook/internal/guard"
	"github.com/outhook/outhook/store"
)

// trace watches an attempt: it times the phases, and keeps the request from
// going out twice. A transport may still call it after RoundTrip has returned.
type trace struct {
	mu        sync.Mutex
	started   time.Time
	dns       time.Time
	connect   time.Time
	tls       time.Time
	connected bool
	handshake error // why the TLS handshake failed
	got       bool  // a connection, new or used before
	reused    bool
	http2     bool // the request's head has gone out over HTTP/2
	remote    string
	timing    store.Timing
}

func (t *trace) attach(ctx context.Context) context.Context {
	t.started = time.Now()
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { t.begin(&t.dns) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.end(&t.timing.DNS, &t.dns) },
		ConnectStart:         func(string, string) { t.begin(&t.connect) },
		ConnectDone:          func(_, _ string, err error) { t.connectDone(err) },
		TLSHandshakeStart:    func() { t.begin(&t.tls) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { t.handshakeDone(err) },
		GotConn:              t.gotConn,
		WroteHeaderField:     func(name string, _ []string) { t.wroteField(name) },
		GotFirstResponseByte: func() { t.end(&t.timing.FirstByte, &t.started) },
	})
}

// begin starts a phase. Several addresses may be tried at once or in turn: the
// phase is from the first try to the one that succeeds. What begins after a
// connection was had is another one's: the first was dead before anything was
// written to it.
func (t *trace) begin(phase *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.got {
		t.got, t.connected, t.handshake = false, false, nil
		t.dns, t.connect, t.tls = time.Time{}, time.Time{}, time.Time{}
		t.timing = store.Timing{}
	}
	if phase.IsZero() {
		*phase = time.Now()
	}
}

func (t *trace) end(took *time.Duration, began *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*took = time.Since(*began)
}

func (t *trace) connectDone(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connected { // this one was too late
		return
	}
	t.connected = err == nil
	t.timing.Connect = time.Since(t.connect)
}

func (t *trace) handshakeDone(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handshake = err
	t.timing.TLS = time.Since(t.tls)
}

func (t *trace) gotConn(info httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got, t.reused, t.handshake = true, info.Reused, nil
	t.remote = info.Conn.RemoteAddr().String()
}

// wroteField sees HTTP/2 by its pseudo-header fields.
func (t *trace) wroteField(name string) {
	if !strings.HasPrefix(name, ":") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.http2 = true
}

// record copies what was seen. A connection that had been used before took no
// time, even if another one was begun while it was not yet free.
func (t *trace) record(a *store.Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.RemoteAddr, a.ConnReused, a.Timing = t.remote, t.reused, t.timing
	switch {
	case t.reused:
		a.Timing = store.Timing{FirstByte: t.timing.FirstByte}
	case t.got:
	// Without a connection it ended in the last phase that had begun, which net/http
	// does not wait for.
	case !t.tls.IsZero():
		a.Timing.TLS = time.Since(t.tls)
	case !t.connect.IsZero() && !t.connected:
		a.Timing.Connect = time.Since(t.connect)
	case !t.dns.IsZero() && t.connect.IsZero():
		a.Timing.DNS = time.Since(t.dns)
	}
}

// fault gives the transport's error the class that only the phase tells.
func (t *trace) fault(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	class := classify(err)
	switch {
	case is[*classError](err), is[*guard.Error](err):
		return err
	case t.handshake != nil && class != store.ErrorTimeout:
		class = store.ErrorTLS
	case t.got && class == store.ErrorOther: // net/http gives these no type
		class = store.ErrorProtocol
	}
	return &classError{class, err}
}

var errTakenBack = &classError{store.ErrorReset, errors.New("the other side did not take the request (HTTP/2 GOAWAY or reset of the stream)")}

// once has net/http send req at most once: an attempt is one request, so that
// the record tells the truth. As it is, net/http sends a request again on
// another connection
//   - if the first, one used before, was dead before anything was written to
//     it: that stays, since nothing has arrived anywhere;
//   - if it broke later and an Idempotency-Key permits it: net/http looks only
//     for the name's canonical form, and to HTTP all forms are the same;
//   - if an HTTP/2 server says that it has not processed it, up to six times: it
//     asks for the body once more, which it does not get.
func (t *trace) once(req *http.Request, payload []byte) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := req.Header[name]; ok {
			delete(req.Header, name)
			req.Header[strings.ToLower(name)] = values
		}
	}
	req.GetBody = func() (io.ReadCloser, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.http2 {
			return nil, errTakenBack
		}
		return io.NopCloser(bytes.NewReader(payload)), nil
	}
}
