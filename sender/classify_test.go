package sender

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
		{errors.New("remote error: tls: handshake failure"), store.ErrorTLS},
		{http.ErrSchemeMismatch, store.ErrorTLS},
		{errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"`), store.ErrorProtocol},
		{errors.New("something else"), store.ErrorOther},
	}
	for _, test := range tests {
		if got := classify(test.err); got != test.want {
			t.Errorf("classify(%v) = %s, want %s", test.err, got, test.want)
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

// FuzzValidateURL: no URL is accepted that goes elsewhere than it seems.
func FuzzValidateURL(f *testing.F) {
	for _, url := range []string{"https://example.com", "https://127.0.0.1", "https://[::1]/", "https://a@b", "https://0x7f.1", "https:x", "https://a.b:0"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var found faults
		Config{}.validateURL(&found, raw)
		if err := found.err(); err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("validateURL(%q) = %v, which is no FieldError", raw, err)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || !strings.Contains(u.Hostname(), ".") && !strings.Contains(u.Hostname(), ":") || u.User != nil {
			t.Errorf("validateURL(%q) accepted %s, %v", raw, u, err)
		}
	})
}
