package sender_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// guarded returns a fixture with the address guard on.
func guarded(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.cfg.UnsafeAllowLocal = false
	return f
}

// transport gives the fixture a Transport with options.
func (f *fixture) transport(o sender.TransportOptions) *sender.Transport {
	f.t.Helper()
	transport, err := sender.NewTransport(f.cfg, o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(transport.CloseIdleConnections)
	f.cfg.Transport = transport
	return transport
}

// unchecked stores an endpoint as a host may that writes to its Store itself.
func (f *fixture) unchecked(url string) store.Endpoint {
	f.t.Helper()
	e := f.endpoint(store.Endpoint{URL: "https://example.com"})
	e.URL = url
	if err := f.store.PutEndpoint(f.ctx, e); err != nil {
		f.t.Fatal(err)
	}
	return e
}

func (f *fixture) ping(e store.Endpoint) store.Attempt {
	f.t.Helper()
	a, err := sender.Ping(f.ctx, f.cfg, e.ID, sender.Event{Tenant: tenant})
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// server is a TLS server on loopback whose connections are counted, and its roots.
type server struct {
	*httptest.Server
	connections atomic.Int32
	roots       *x509.CertPool
	port        uint16
}

func newServer(t *testing.T, configure func(*tls.Config)) *server {
	t.Helper()
	s := &server{roots: x509.NewCertPool()}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if configure != nil {
		configure(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	s.roots.AddCert(s.Certificate())
	s.port = netip.MustParseAddrPort(s.Listener.Addr().String()).Port()
	return s
}

// at returns an https URL of the server under another host.
func (s *server) at(host string) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(int(s.port))) + "/in"
}

func TestGuardIsOnEverywhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	inside := testenv.DNS(t, func(name string, before int) []string {
		return map[string][]string{
			"example.com": {"127.0.0.1"}, "mixed.example.com": {"8.8.8.8", "127.0.0.1"}, "v6.example.com": {"::1"}, "alias.example.com": {"localhost"},
			"localhost": {"127.0.0.1"},
		}[name]
	})
	f := guarded(t)
	f.cfg.UnsafeAllowPorts = []uint16{s.port}
	f.transport(sender.TransportOptions{TLS: &tls.Config{RootCAs: s.roots}, Resolver: inside})
	f.work()
	for _, host := range []string{"example.com", "mixed.example.com", "v6.example.com", "alias.example.com"} {
		e := f.endpoint(store.Endpoint{URL: s.at(host)}) // nothing is looked up here
		a := f.ping(e)
		if a.Succeeded || a.ErrorClass != store.ErrorBlocked || a.Error != "the host's name has an address that is not public" {
			t.Errorf("Ping of %s: %s %q, want blocked", host, a.ErrorClass, a.Error)
		}
		d := f.ended(f.send())
		if d.State != store.Failed || d.Attempts != 3 || d.LastErrorClass != store.ErrorBlocked {
			t.Errorf("delivery to %s is %s after %d attempts: %s %q", host, d.State, d.Attempts, d.LastErrorClass, d.LastError)
		}
		if err := f.store.DeleteEndpoint(f.ctx, tenant, e.ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::1", "::ffff:7f00:1", "2130706433", "0.0.0.0"} {
		if _, err := sender.PutEndpoint(f.ctx, f.cfg, store.Endpoint{Tenant: tenant, URL: s.at(host)}); !errors.Is(err, sender.ErrInvalid) {
			t.Errorf("PutEndpoint(%s) = %v, want ErrInvalid", host, err)
		}
		e := f.unchecked(s.at(host))
		for _, transport := range []http.RoundTripper{f.cfg.Transport, nil} {
			own := *f
			own.cfg.Transport = transport
			if a := own.ping(e); a.Succeeded || a.ErrorClass != store.ErrorBlocked {
				t.Errorf("Ping of %s: %s %q, want blocked", host, a.ErrorClass, a.Error)
			}
		}
	}
	if n := s.connections.Load(); n > 0 {
		t.Errorf("the server inside got %d connections", n)
	}
	// The same name, permitted: the server would have answered.
	f.cfg.UnsafeAllowCIDRs = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	f.transport(sender.TransportOptions{TLS: &tls.Config{RootCAs: s.roots}, Resolver: inside})
	a := f.ping(f.endpoint(store.Endpoint{URL: s.at("example.com")}))
	if !a.Succeeded || s.connections.Load() != 1 || a.RemoteAddr != s.Listener.Addr().String() {
		t.Errorf("permitted: %+v", a)
	}
	if a.Timing.DNS <= 0 || a.Timing.Connect <= 0 || a.Timing.TLS <= 0 {
		t.Errorf("timing %+v", a.Timing)
	}
}

func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	good, old := newServer(t, nil), newServer(t, func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	})
	for name, test := range map[string]struct {
		own  *tls.Config
		at   string
		want store.ErrorClass
	}{
		"unknown root": {nil, good.URL, store.ErrorTLS},
		"old":          {&tls.Config{RootCAs: old.roots}, old.URL, store.ErrorTLS},
		"another name": {&tls.Config{RootCAs: good.roots, ServerName: "other.example.org"}, good.URL, store.ErrorTLS},
		"known root":   {&tls.Config{RootCAs: good.roots}, good.URL, ""},
	} {
		f.transport(sender.TransportOptions{TLS: test.own})
		if a := f.ping(f.endpoint(store.Endpoint{URL: test.at})); a.ErrorClass != test.want {
			t.Errorf("%s: %s %q, want %q", name, a.ErrorClass, a.Error, test.want)
		}
	}
	_, err := sender.NewTransport(f.cfg, sender.TransportOptions{TLS: &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	}})
	for _, want := range []string{"InsecureSkipVerify", "MinVersion", "MaxVersion"} {
		if err == nil || !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), "TransportOptions.TLS."+want) {
			t.Errorf("%s is not in the error: %v", want, err)
		}
	}
}

// proxy is an egress proxy, of HTTP CONNECT or SOCKS5, that connects to one
// address whatever it is asked for.
type proxy struct {
	net.Listener
	url    *url.URL
	to     string
	refuse atomic.Int32 // a status of HTTP or a reply of SOCKS5
	mu     sync.Mutex
	asked  []string
}

func newProxy(t *testing.T, scheme, to string) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, url: &url.URL{Scheme: scheme, Host: l.Addr().String()}, to: to}
	serve := p.connect
	if scheme == "socks5" {
		serve = p.socks
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				serve(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return p
}

func (p *proxy) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

func (p *proxy) ask(target string) (refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, target)
	return int(p.refuse.Load())
}

func (p *proxy) connect(conn net.Conn, r *bufio.Reader) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	if status := p.ask(req.Host); status != 0 {
		fmt.Fprintf(conn, "HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n", status)
		return
	}
	fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n\r\n")
	p.relay(conn, r)
}

// socks speaks as much of RFC 1928 as net/http asks for.
func (p *proxy) socks(conn net.Conn, r *bufio.Reader) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return
	}
	_, _ = r.Discard(int(head[1]))
	_, _ = conn.Write([]byte{5, 0})
	request := make([]byte, 5)
	if _, err := io.ReadFull(r, request); err != nil || request[3] != 3 { // a name
		return
	}
	rest := make([]byte, int(request[4])+2)
	if _, err := io.ReadFull(r, rest); err != nil {
		return
	}
	name := rest[:len(rest)-2]
	reply := p.ask(fmt.Sprintf("%s:%d", name, binary.BigEndian.Uint16(rest[len(name):])))
	_, _ = conn.Write([]byte{5, byte(reply), 0, 1, 0, 0, 0, 0, 0, 0})
	if reply == 0 {
		p.relay(conn, r)
	}
}

func (p *proxy) relay(conn net.Conn, r io.Reader) {
	out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.to)
	if err != nil {
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(out, r)
		_ = out.Close()
	})
	_, _ = io.Copy(conn, out)
	_ = conn.Close()
	up.Wait()
}

func TestEgressProxy(t *testing.T) {
	t.Parallel()
	for scheme, refusals := range map[string]map[int]store.ErrorClass{
		"http":   {403: store.ErrorBlocked, 407: store.ErrorBlocked, 502: store.ErrorConnect},
		"socks5": {2: store.ErrorBlocked, 4: store.ErrorConnect},
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil)
			p := newProxy(t, scheme, s.Listener.Addr().String())
			f := guarded(t)
			transport := f.transport(sender.TransportOptions{
				TLS: &tls.Config{RootCAs: s.roots}, Proxy: http.ProxyURL(p.url),
				Resolver: testenv.DNS(t, func(name string, _ int) []string {
					t.Errorf("%s was looked up, which is the proxy's to do", name)
					return nil
				}),
			})
			e := f.endpoint(store.Endpoint{URL: "https://example.com/in"})
			if a := f.ping(e); !a.Succeeded {
				t.Errorf("through the proxy: %s %q", a.ErrorClass, a.Error)
			}
			if asked := p.take(); !slices.Equal(asked, []string{"example.com:443"}) {
				t.Errorf("the proxy was asked for %q", asked)
			}
			for _, raw := range []string{
				"https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/", "https://2130706433/", "https://0x7f.1/",
				"https://localhost/", "https://db.internal/", "https://metadata/", "https://example.com:22/", "http://example.com/", "https://127.0.0.１/",
			} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, raw, strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				if res, err := transport.RoundTrip(req); err == nil {
					_ = res.Body.Close()
					t.Errorf("%s was requested", raw)
				}
				if a := f.ping(f.unchecked(raw)); a.Succeeded {
					t.Errorf("Ping of %s succeeded", raw)
				}
			}
			if asked := p.take(); len(asked) > 0 {
				t.Errorf("the proxy heard of %q", asked)
			}
			transport.CloseIdleConnections()
			for refusal, want := range refusals {
				p.refuse.Store(int32(refusal))
				a := f.ping(e)
				if a.ErrorClass != want || !strings.Contains(a.Error, "the egress proxy") || strings.Contains(a.Error, "127.0.0.1") {
					t.Errorf("refused with %d: %s %q, want %s", refusal, a.ErrorClass, a.Error, want)
				}
			}
			_ = p.Close()
			a := f.ping(e)
			if a.ErrorClass != store.ErrorConnect || a.Error != "no connection through the egress proxy" {
				t.Errorf("without the proxy: %s %q", a.ErrorClass, a.Error)
			}
		})
	}
}

// A proxy that is chosen by the request, or by chance, opens no way around the
// guard.
func TestProxyThatIsNotAlwaysChosen(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := newProxy(t, "http", s.Listener.Addr().String())
	f := guarded(t)
	f.cfg.UnsafeAllowPorts = []uint16{s.port}
	var calls atomic.Int32
	f.transport(sender.TransportOptions{
		TLS:      &tls.Config{RootCAs: s.roots},
		Resolver: testenv.DNS(t, func(string, int) []string { return []string{"127.0.0.1"} }),
		Proxy: func(*http.Request) (*url.URL, error) {
			switch calls.Add(1) % 3 {
			case 0:
				return nil, errors.New("invalid proxy address http://user:hunter2@10.0.0.3")
			case 1:
				return p.url, nil
			}
			return nil, nil //nolint:nilnil // as http.Transport.Proxy has it
		},
	})
	e := f.endpoint(store.Endpoint{URL: s.at("example.com")})
	for i, want := range []store.ErrorClass{"", store.ErrorBlocked, store.ErrorConnect, "", store.ErrorBlocked} {
		if a := f.ping(e); a.ErrorClass != want || strings.Contains(a.Error, "10.0.0.3") {
			t.Errorf("request %d: %s %q, want %q", i, a.ErrorClass, a.Error, want)
		}
	}
	if asked := p.take(); len(asked) != 1 { // and one was reused
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// The environment's proxies are read once per process, so that this test runs
// in one of its own.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const child = "OUTHOOK_TEST_NO_PROXY"
	if os.Getenv(child) != "" {
		sendPastTheProxy(t)
		return
	}
	p := newProxy(t, "http", "")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoProxyOfTheEnvironment$", "-test.v")
	cmd.Env = append(os.Environ(), child+"=1", "NO_PROXY=", "no_proxy=")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		cmd.Env = append(cmd.Env, name+"="+p.url.String(), strings.ToLower(name)+"="+p.url.String())
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	if asked := p.take(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// sendPastTheProxy sends to 0.0.0.0, which is this machine, and which
// http.ProxyFromEnvironment, unlike 127.0.0.1, sends through a proxy.
func sendPastTheProxy(t *testing.T) {
	f := guarded(t)
	received := make(chan struct{}, 10)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { received <- struct{}{} }))
	t.Cleanup(s.Close)
	target := strings.Replace(s.URL, "127.0.0.1", "0.0.0.0", 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := http.ProxyFromEnvironment(req); err != nil || p == nil {
		t.Fatalf("the environment has no proxy for %s: %v", target, err)
	}
	f.cfg.UnsafeAllowHTTP, f.cfg.UnsafeAllowHosts, f.cfg.UnsafeAllowPorts = true, []string{"0.0.0.0"}, []uint16{0}
	e := f.endpoint(store.Endpoint{URL: target})
	if a := f.ping(e); !a.Succeeded {
		t.Errorf("Ping: %s %q", a.ErrorClass, a.Error)
	}
	f.work()
	if d := f.ended(f.send()); d.State != store.Succeeded {
		t.Errorf("delivery is %s: %s", d.State, d.LastError)
	}
	if len(received) != 2 {
		t.Errorf("%d requests arrived, want 2", len(received))
	}
}

func TestTransportFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var usual, own atomic.Int32
	count := func(n *atomic.Int32) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			n.Add(1)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		})
	}
	endpoints := map[string]store.Endpoint{}
	for _, name := range []string{"own", "usual", "none", "faulty"} {
		endpoints[name] = f.endpoint(store.Endpoint{URL: "https://example.com/" + name})
	}
	f.cfg.Transport = count(&usual)
	f.cfg.TransportFor = func(ctx context.Context, e store.Endpoint) (http.RoundTripper, error) {
		e.Secrets[0].Value = "" // a copy
		switch {
		case ctx.Err() != nil || strings.HasSuffix(e.URL, "/faulty"):
			return nil, errors.New("vault at 10.0.0.3 is sealed")
		case strings.HasSuffix(e.URL, "/own"):
			return count(&own), nil
		case strings.HasSuffix(e.URL, "/none"):
			return (*sender.Transport)(nil), nil // as from a map without it
		}
		return nil, nil //nolint:nilnil // the usual one
	}
	for name, want := range map[string][2]int32{"own": {0, 1}, "usual": {1, 0}, "none": {1, 0}, "faulty": {0, 0}} {
		usual.Store(0)
		own.Store(0)
		a := f.ping(endpoints[name])
		if got := [2]int32{usual.Load(), own.Load()}; got != want || a.Succeeded != (name != "faulty") {
			t.Errorf("%s: %v requests, want %v: %q", name, got, want, a.Error)
		}
		if !a.Succeeded && (a.ErrorClass != store.ErrorConfig || a.Error != "there is no transport for the endpoint") {
			t.Errorf("%s: %s %q", name, a.ErrorClass, a.Error)
		}
	}
}
