package sender

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	tests := []struct {
		err  error
		want store.ErrorClass
	}{
		{dial(&net.DNSError{Err: "no such host", Name: "x"}), store.ErrorDNS},
		{dial(&net.DNSError{Err: "timeout", Name: "x", IsTimeout: true}), store.ErrorDNS},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), store.ErrorConnect},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), store.ErrorConnect},
		{dial(os.ErrDeadlineExceeded), store.ErrorTimeout},
		{read(os.NewSyscallError("read", syscall.ECONNRESET)), store.ErrorReset},
		{read(os.NewSyscallError("write", syscall.EPIPE)), store.ErrorReset},
		{fmt.Errorf("http: %w", io.EOF), store.ErrorReset},
		{io.ErrUnexpectedEOF, store.ErrorReset},
		{net.ErrClosed, store.ErrorReset},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, store.ErrorTLS},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, store.ErrorTLS},
		{tls.RecordHeaderError{Msg: "not TLS"}, store.ErrorTLS},
		{read(tls.AlertError(40)), store.ErrorTLS},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, store.ErrorTLS},
		{errors.New("tls: server selected unsupported protocol version 301"), store.ErrorTLS},
		{http.ErrSchemeMismatch, store.ErrorTLS},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(&net.DNSError{Err: "no such host", Name: "proxy"})}, store.ErrorConnect},
		{&net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("unknown error connection not allowed by ruleset")}, store.ErrorBlocked},
		{fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", errors.New(`malformed HTTP response "tls: x"`)), store.ErrorProtocol},
		{textproto.ProtocolError("malformed MIME header line: x"), store.ErrorProtocol},
		{errors.New("http: server closed idle connection"), store.ErrorReset},
		{errors.New("something else"), store.ErrorOther},
	}
	for _, test := range tests {
		if got := classify(test.err); got != test.want {
			t.Errorf("classify(%v) = %s, want %s", test.err, got, test.want)
		}
	}
}

// Tenants read the text: it does not show where this machine, its resolver and
// its proxy are.
func TestExplainIsDiscreet(t *testing.T) {
	t.Parallel()
	here := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 50000}
	reset := &net.OpError{Op: "read", Net: "tcp", Source: here, Addr: here, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	proxy := &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("dial tcp 10.0.0.3:3128: refused")}
	for want, err := range map[string]error{
		"lookup a.example.com: no such host":      &net.DNSError{Err: "no such host", Name: "a.example.com.", Server: "10.0.0.2:53", IsNotFound: true},
		"lookup a.example.com: timeout":           &net.DNSError{Err: "read udp 10.0.0.5->10.0.0.2:53: i/o timeout", Name: "a.example.com", IsTimeout: true},
		"lookup a.example.com: the lookup failed": &net.DNSError{Err: "server misbehaving", Name: "a.example.com", Server: "10.0.0.2:53"},
		"no connection through the egress proxy":  proxy,
		"read: connection reset by peer":          fmt.Errorf("transport: %w", reset),
		"something else":                          errors.New("something else"),
	} {
		if _, got := explain(t.Context(), err, 0, 0); got != want {
			t.Errorf("explain(%v) = %q, want %q", err, got, want)
		}
	}
}

func TestClassErrorUnwraps(t *testing.T) {
	t.Parallel()
	if err := error(&classError{store.ErrorSigning, io.EOF}); !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("classError = %v", err)
	}
}

func TestRedactHeader(t *testing.T) {
	t.Parallel()
	header := http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Api-Key": {"k"}, "X-Auth": {"x"}, "X-Access-Token": {"x"},
		"X-Password": {"x"}, "Client-Secret": {"x"}, "Set-Cookie": {"a", "b"},
		"Webhook-Signature": {"v1,abc"}, "X-Plain": {"shown"}, "X-Control": {"a\x00b\x1b[31m"},
	}
	safe := redactHeader(header)
	for name, values := range safe {
		for _, value := range values {
			switch name {
			case "Webhook-Signature", "X-Plain":
				if value != header[name][0] {
					t.Errorf("%s = %q, want it as it was", name, value)
				}
			case "X-Control":
				if strings.ContainsAny(value, "\x00\x1b") {
					t.Errorf("%s = %q", name, value)
				}
			default:
				if value != redacted {
					t.Errorf("%s = %q, want it redacted", name, value)
				}
			}
		}
	}
	if len(safe) != len(header) || len(safe["Set-Cookie"]) != 2 {
		t.Errorf("%d headers of %d are left", len(safe), len(header))
	}
}

// FuzzClean: whatever a stranger sends, what is kept is short, one line and
// valid UTF-8.
func FuzzClean(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\xff\xfe\x00ü…", 3)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 0 || most > 1000 {
			return
		}
		got := clean(text, most)
		if !utf8.ValidString(got) || len(got) > most+len("…") || strings.ContainsAny(got, "\n\r\x00\x1b\x7f") {
			t.Errorf("clean(%q, %d) = %q", text, most, got)
		}
	})
}

// What an endpoint was sent may come back in any part, in a form that only some
// of its values have, and next to what begins alike.
func TestSecretsOfAnEndpoint(t *testing.T) {
	t.Parallel()
	secrets := secretsOf(store.Endpoint{
		URL: "https://example.com/in?token=hunter2hunter2&next=a%2Fb%20c%2Fd%2Fe&n=1",
		Headers: http.Header{
			"X-User": {"acme-corp"}, "X-Token": {"acme-corp-hunter2"}, "X-Quoted": {`pass"hunter2\`},
		},
		Secrets: []store.Secret{{Value: "whsec_hunter2"}},
	})
	for text, want := range map[string]string{
		"/in/?token=hunter2hunter2&next=a%2Fb%20c%2Fd%2Fe&n=1": "/in/?[redacted]",
		"?n=1&token=hunter2hunter2":                            "?n=1&token=[redacted]",
		"to a/b c/d/e":                                         "to [redacted]",
		"acme-corp-hunter2 of acme-corp":                       "[redacted] of [redacted]",
		`malformed "pass\"hunter2\\"`:                          `malformed "[redacted]"`,
		"whsec_hunter2":                                        "[redacted]",
		"nothing":                                              "nothing",
	} {
		if got := hide(text, secrets...); got != want {
			t.Errorf("hide(%q) = %q, want %q", text, got, want)
		}
	}
}
