package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/outhook/outhook/internal/guard"
	"github.com/outhook/outhook/store"
)

const (
	// dialTimeout bounds the connection, and again the TLS handshake, of attempts
	// whose own timeout is longer.
	dialTimeout = 15 * time.Second
	// maxUnread is how much of an answer over HTTP/2 may come before it is read.
	maxUnread = 64 << 10
)

// TransportOptions are what [NewTransport] can be told beside the Config. The
// zero value is what Outhook uses by itself.
type TransportOptions struct {
	// TLS has client certificates, roots, and whatever else is not the default.
	// It is copied. Versions below TLS 1.2 and InsecureSkipVerify are faults: a
	// server with a certificate of its own making is verified through RootCAs.
	TLS *tls.Config

	// Proxy chooses the egress proxy of a request, as the field of http.Transport
	// does: with a URL of the scheme http, https (both HTTP CONNECT) or socks5.
	// http.ProxyFromEnvironment obeys the environment, which is ignored
	// otherwise. Nil, without an error, is no proxy.
	//
	// The proxy resolves the name in the URL, and it alone sees the addresses:
	// it must refuse those that are not public, as Stripe's smokescreen does.
	// What can be told from the URL is refused before the proxy hears of it:
	// addresses, names of private networks, ports, http. The proxy's own address
	// is the host's choice and not judged; Attempt.RemoteAddr shows it.
	Proxy func(*http.Request) (*url.URL, error)

	// Resolver looks names up.
	// Defaults to the system's.
	Resolver *net.Resolver
}

// Transport makes requests to URLs that strangers chose; it comes from
// [NewTransport]. Its address guard lets them go to public addresses only, on
// ports 80 and 443, over HTTPS, but for what the Config permits. The guard
// judges every address that the host's name resolves to, and connects to what
// it has judged, so that a name that changes in between gains nothing; one
// address that is refused spoils the answer. It refuses what is loopback,
// private, shared, link-local, multicast, reserved or for documentation, the
// IPv6 addresses that carry such a one, the metadata services of clouds, and
// the addresses of this machine's interfaces, public ones too. A connection
// that is reused was judged when it was made.
//
// It follows no redirect, adds no header, and is safe for concurrent use.
type Transport struct {
	cfg     Config
	proxy   func(*http.Request) (*url.URL, error)
	direct  *http.Transport
	proxied *http.Transport // its dials are those to the proxy
}

var _ http.RoundTripper = (*Transport)(nil)

// NewTransport returns a Transport that guards addresses as cfg says, for
// Config.Transport or Config.TransportFor, by itself or wrapped. Of cfg it uses
// Concurrency, MaxResponseBody, DenyCIDRs and the fields UnsafeAllow…; the others
// may be missing yet. The error joins a *FieldError for each fault of these and of o.
func NewTransport(cfg Config, o TransportOptions) (*Transport, error) {
	cfg = cfg.withDefaults()
	var f faults
	cfg.validateGuard(&f)
	if o.TLS != nil {
		f.check(!o.TLS.InsecureSkipVerify, "TransportOptions.TLS.InsecureSkipVerify", true, "false: put the server's root into RootCAs")
		f.check(o.TLS.MinVersion == 0 || o.TLS.MinVersion >= tls.VersionTLS12, "TransportOptions.TLS.MinVersion",
			tls.VersionName(o.TLS.MinVersion), "0, or TLS 1.2 or later")
		f.check(o.TLS.MaxVersion == 0 || o.TLS.MaxVersion >= tls.VersionTLS12, "TransportOptions.TLS.MaxVersion",
			tls.VersionName(o.TLS.MaxVersion), "0, or TLS 1.2 or later")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	plain := (&net.Dialer{KeepAlive: 30 * time.Second, Timeout: dialTimeout, Resolver: o.Resolver}).DialContext
	t := &Transport{cfg: cfg, proxy: o.Proxy, direct: newHTTPTransport(cfg.Concurrency, o.TLS)}
	t.direct.DialContext = dialing(t.direct, plain)
	if cfg.guard != nil {
		t.direct.DialContext = dialing(t.direct, (&guard.Dialer{Guard: cfg.guard, Resolver: o.Resolver}).DialContext)
	}
	if o.Proxy != nil {
		t.proxied = newHTTPTransport(cfg.Concurrency, o.TLS)
		t.proxied.DialContext = dialing(t.proxied, plain)
		t.proxied.Proxy = chosenProxy
		t.proxied.OnProxyConnectResponse = proxyAnswer
	}
	return t, nil
}

// newHTTPTransport returns a transport for up to concurrency attempts at once to
// one host. The attempt's context is its only timeout that matters.
func newHTTPTransport(concurrency int, own *tls.Config) *http.Transport {
	config := &tls.Config{}
	if own != nil {
		config = own.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return &http.Transport{
		TLSClientConfig:     config,
		TLSHandshakeTimeout: dialTimeout,
		ForceAttemptHTTP2:   true,
		HTTP2: &http.HTTP2Config{
			// A connection whose path has died in silence would otherwise be used
			// for every attempt to its host.
			SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second,
			// What a receiver may send before it is read; 4 MiB by default.
			MaxReceiveBufferPerStream: maxUnread, MaxReceiveBufferPerConnection: 256 << 10,
		},
		MaxIdleConns:        max(1024, 4*concurrency),
		MaxIdleConnsPerHost: concurrency,
		IdleConnTimeout:     90 * time.Second,
		// An answer is recorded as it came, and a small compressed one must
		// not become a large one.
		DisableCompression: true,
		// A header of short lines takes twenty times its size in memory.
		MaxResponseHeaderBytes: 16 << 10,
		// One write for head and body of a usual payload.
		WriteBufferSize: 16 << 10,
	}
}

// RoundTrip makes one request. Refusals are made before anything is sent.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	proxy, err := t.route(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	req = bounded(req, t.cfg.MaxResponseBody)
	if proxy == nil {
		return t.direct.RoundTrip(req)
	}
	return t.proxied.RoundTrip(req.WithContext(context.WithValue(req.Context(), proxyKey{}, proxy)))
}

// route judges the request's URL and chooses its proxy, once: a connection to
// a proxy is not guarded, so that nothing else may end up there.
func (t *Transport) route(req *http.Request) (*url.URL, error) {
	if err := t.cfg.checkTarget(req.URL); err != nil || t.proxy == nil {
		return nil, err
	}
	proxy, err := t.proxy(req)
	if err != nil { // it may name the proxy, and its password
		return nil, &net.OpError{Op: "proxyconnect", Err: err}
	}
	return proxy, nil
}

// CloseIdleConnections closes the connections that no request uses now.
func (t *Transport) CloseIdleConnections() {
	t.direct.CloseIdleConnections()
	if t.proxied != nil {
		t.proxied.CloseIdleConnections()
	}
}

type proxyKey struct{}

func chosenProxy(req *http.Request) (*url.URL, error) {
	proxy, ok := req.Context().Value(proxyKey{}).(*url.URL)
	if !ok {
		return nil, errors.New("no egress proxy was chosen")
	}
	return proxy, nil
}

// proxyAnswer tells a proxy that refuses the target from one that did not reach
// it. Smokescreen refuses with 407.
func proxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
	class, what := store.ErrorConnect, "could not connect"
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusForbidden, http.StatusProxyAuthRequired:
		class, what = store.ErrorBlocked, "refused to connect"
	}
	return &classError{class, fmt.Errorf("the egress proxy %s (%d)", what, res.StatusCode)}
}

// transportFor returns the endpoint's transport, which is usually the usual one.
func (c Config) transportFor(ctx context.Context, e store.Endpoint, usual http.RoundTripper) (http.RoundTripper, error) {
	if c.TransportFor == nil {
		return usual, nil
	}
	own, err := c.TransportFor(ctx, e.Clone())
	if err != nil {
		c.Logger.Error("Attempt: Config.TransportFor failed", "endpoint", e.ID, "error", err)
		return nil, &classError{store.ErrorConfig, errors.New("there is no transport for the endpoint")}
	}
	if isNil(own) {
		return usual, nil
	}
	return own, nil
}
