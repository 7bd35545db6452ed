package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/outhook/outhook/store"
)

// answer is what a customer's server may do with a webhook, in the demo's past
// and in its present.
type answer struct {
	status int // 0 if no answer comes
	header http.Header
	body   string
	takes  time.Duration // typically

	// class and text are recorded if no answer comes. In text, HOST and TIMEOUT
	// stand for the endpoint's.
	class store.ErrorClass
	text  string
	// fault is what the transport reports then. It is nil for what the demo's
	// receiver can do for real.
	fault func(host string) error
}

// The names of answers.
const (
	accepted   = "accepted"
	queued     = "queued"
	slow       = "slow"
	crashed    = "crashed"
	badGateway = "bad-gateway"
	overloaded = "overloaded"
	limited    = "limited"
	gone       = "gone"
	hanging    = "hanging"
	reset      = "reset"
	refused    = "refused"
	expired    = "wrong-certificate"
	unknown    = "unknown-host"
)

var answers = map[string]answer{
	accepted: {status: 200, header: typed("application/json"), body: `{"received":true}`, takes: 90 * time.Millisecond},
	queued:   {status: 202, header: typed("text/plain; charset=utf-8"), body: "queued\n", takes: 45 * time.Millisecond},
	slow:     {status: 200, header: typed("application/json"), body: `{"ok":true,"synchronous":true}`, takes: 2800 * time.Millisecond},
	crashed: {status: 500, header: typed("text/html; charset=utf-8"), takes: 240 * time.Millisecond, body: `<!DOCTYPE html>
<html lang="en"><head><title>Error</title></head>
<body><pre>TypeError: Cannot read properties of undefined (reading &#39;id&#39;)<br> &nbsp; &nbsp;at /app/webhooks.js:41:27</pre></body></html>
`},
	badGateway: {status: 502, header: typed("text/html"), takes: 35 * time.Millisecond, body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n" +
		"<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"},
	overloaded: {status: 503, header: typed("application/json", "Retry-After", "120"), body: `{"error":"down for maintenance"}`, takes: 30 * time.Millisecond},
	limited:    {status: 429, header: typed("application/json", "Retry-After", "30"), body: `{"ok":false,"error":"ratelimited"}`, takes: 40 * time.Millisecond},
	gone:       {status: 410, header: typed("text/plain; charset=utf-8"), body: "This integration was removed.\n", takes: 60 * time.Millisecond},
	hanging:    {class: store.ErrorTimeout, text: "no answer within TIMEOUT"},
	reset:      {class: store.ErrorReset, text: "EOF", takes: 150 * time.Millisecond},
	refused: {
		class: store.ErrorConnect, text: "dial tcp 203.0.113.7:443: connect: connection refused", takes: 20 * time.Millisecond,
		fault: func(string) error {
			return &net.OpError{
				Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 443},
				Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
			}
		},
	},
	expired: {
		class: store.ErrorTLS, takes: 60 * time.Millisecond,
		text: "tls: failed to verify certificate: x509: certificate is valid for *.hosting.example, not HOST",
		fault: func(host string) error {
			return &tls.CertificateVerificationError{Err: x509.HostnameError{
				Certificate: &x509.Certificate{DNSNames: []string{"*.hosting.example"}}, Host: host,
			}}
		},
	},
	unknown: {
		class: store.ErrorDNS, text: "lookup HOST: no such host", takes: 10 * time.Millisecond,
		fault: func(host string) error { return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true} },
	},
}

func typed(contentType string, more ...string) http.Header {
	h := http.Header{"Content-Type": {contentType}, "Server": {"nginx"}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// explain is how the attempt is recorded as a failure.
func (a answer) explain(host string, timeout time.Duration) (store.ErrorClass, string) {
	if a.status != 0 {
		return store.ErrorStatus, "answered " + strconv.Itoa(a.status) + " " + http.StatusText(a.status)
	}
	return a.class, strings.NewReplacer("HOST", host, "TIMEOUT", timeout.String()).Replace(a.text)
}

// behaviour says what an endpoint did that long ago; p is a random number from 0
// to 1. What it does now was 0 ago.
type behaviour func(ago time.Duration, p float64) (name string)

// mostly gives the first answer, and the others at the rate.
func mostly(name string, rate float64, others ...string) behaviour {
	return func(_ time.Duration, p float64) string {
		if p >= rate {
			return name
		}
		return others[int(p/rate*float64(len(others)))]
	}
}

func always(name string) behaviour { return mostly(name, 0) }

// from is b until that long ago, and other for the length; zero is until now.
func (b behaviour) from(began, length time.Duration, other behaviour) behaviour {
	ended := began - cmp.Or(length, began)
	return func(ago time.Duration, p float64) string {
		if ago <= began && ago >= ended {
			return other(ago, p)
		}
		return b(ago, p)
	}
}
