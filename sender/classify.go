package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/outhook/outhook/internal/guard"
	"github.com/outhook/outhook/store"
)

// classError is an error whose class is known where it arises.
type classError struct {
	class store.ErrorClass
	err   error
}

func (e *classError) Error() string { return e.err.Error() }
func (e *classError) Unwrap() error { return e.err }

// explain says why an attempt failed, in a word and a sentence.
func explain(ctx context.Context, err error, timeout time.Duration, status int) (store.ErrorClass, string) {
	if err == nil {
		return store.ErrorStatus, strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))
	}
	if own, ok := errors.AsType[*classError](err); ok {
		return own.class, err.Error()
	}
	if refused, ok := errors.AsType[*guard.Error](err); ok {
		return store.ErrorBlocked, refused.Error()
	}
	if ctx.Err() != nil {
		return store.ErrorTimeout, fmt.Sprintf("no answer within %s", timeout)
	}
	return classify(err), discreet(err)
}

// discreet returns the text of a transport's error without the addresses of this
// machine, its resolver and its proxy: tenants read it.
func discreet(err error) string {
	if viaProxy(err) {
		return "no connection through the egress proxy"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		what := "the lookup failed"
		switch {
		case dns.IsNotFound:
			what = "no such host"
		case dns.IsTimeout:
			what = "timeout"
		}
		return "lookup " + strings.TrimSuffix(dns.Name, ".") + ": " + what
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// classify finds the class of a transport's error.
func classify(err error) store.ErrorClass {
	dial, isOp := errors.AsType[*net.OpError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case viaProxy(err):
		if strings.Contains(err.Error(), "not allowed by ruleset") { // RFC 1928, 6
			return store.ErrorBlocked
		}
		return store.ErrorConnect
	case is[*net.DNSError](err):
		return store.ErrorDNS
	case isTLS(err):
		return store.ErrorTLS
	case isNet && timeout.Timeout():
		return store.ErrorTimeout
	case isOp && dial.Op == "dial":
		return store.ErrorConnect
	case isProtocol(err):
		return store.ErrorProtocol
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return store.ErrorReset
	}
	return store.ErrorOther
}

// viaProxy reports whether the way to or through an egress proxy failed.
func viaProxy(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks"))
}

// is reports whether err is, or wraps, an E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTLS(err error) bool {
	return is[tls.RecordHeaderError](err) || is[tls.AlertError](err) || is[*tls.CertificateVerificationError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err) ||
		errors.Is(err, http.ErrSchemeMismatch) || strings.Contains(err.Error(), "tls: ")
}

// isProtocol knows by their texts the errors of net/http that have no type.
func isProtocol(err error) bool {
	text := err.Error()
	for _, part := range []string{"malformed", "response headers exceeded", "bad Content-Length", "unsupported transfer encoding", "too many 1xx"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
