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
	"net/textproto"
	"slices"
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
		return own.class, discreet(err)
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
	stream, isStream := errors.AsType[streamError](err)
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
	case is[textproto.ProtocolError](err), isStream && !stream.fromPeer(), says(err, protocolFaults):
		return store.ErrorProtocol
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), isStream, says(err, resets):
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
	alert, isOp := errors.AsType[*net.OpError](err)
	return is[tls.RecordHeaderError](err) || is[tls.AlertError](err) || is[*tls.CertificateVerificationError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err) ||
		errors.Is(err, http.ErrSchemeMismatch) || isOp && (alert.Op == "remote error" || alert.Op == "local error") ||
		says(err, []string{"tls: "})
}

// How errors of net/http begin that have no type, or none that is exported.
var (
	protocolFaults = []string{
		"malformed HTTP", "net/http: server response headers exceeded", "http2: response header list larger",
		"connection error: ", // a frame that HTTP/2 does not allow
	}
	resets = []string{
		"http: server closed idle connection", "http2: client conn", // "connection lost", "could not be established"
		"http2: server sent GOAWAY", "http2: Transport received ", // "GOAWAY from server", "Server's graceful shutdown GOAWAY"
	}
)

// says reports whether the innermost error begins with one of the texts. What
// follows may be a stranger's own words.
func says(err error, beginnings []string) bool {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	text := err.Error()
	return slices.ContainsFunc(beginnings, func(beginning string) bool { return strings.HasPrefix(text, beginning) })
}

// streamError has the fields of the error that net/http returns for a stream of
// HTTP/2, which errors.As fills in for any struct that has them.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return fmt.Sprintf("stream error %d", e.Code) }

// fromPeer reports whether the other side reset the stream. If not, this side
// did, since the other had broken the protocol.
func (e streamError) fromPeer() bool {
	return e.Cause != nil && e.Cause.Error() == "received from peer"
}
