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
func explain(err error, ctx context.Context, timeout time.Duration, status int) (store.ErrorClass, string) {
	var own *classError
	switch {
	case err == nil:
		return store.ErrorStatus, strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))
	case errors.As(err, &own):
		return own.class, err.Error()
	case ctx.Err() != nil:
		return store.ErrorTimeout, fmt.Sprintf("no answer within %s", timeout)
	}
	return classify(err), err.Error()
}

// classify finds the class of a transport's error.
func classify(err error) store.ErrorClass {
	var (
		dns     *net.DNSError
		op      *net.OpError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns):
		return store.ErrorDNS
	case isTLS(err):
		return store.ErrorTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return store.ErrorTimeout
	case errors.As(err, &op) && op.Op == "dial":
		return store.ErrorConnect
	case isProtocol(err):
		return store.ErrorProtocol
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return store.ErrorReset
	}
	return store.ErrorOther
}

func isTLS(err error) bool {
	var (
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
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
