package sender

import (
	"net"
	"net/http"
	"time"
)

// newTransport returns a transport for up to concurrency attempts at once to
// one host. The attempt's context is its only timeout that matters.
func newTransport(concurrency int) *http.Transport {
	return &http.Transport{
		DialContext:       (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2: true,
		// A connection whose path has died in silence would otherwise be used
		// for every attempt to its host.
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		MaxIdleConns:        max(1024, 4*concurrency),
		MaxIdleConnsPerHost: concurrency,
		IdleConnTimeout:     90 * time.Second,
		// An answer is recorded as it came, and a small compressed one must
		// not become a large one.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		// One write for head and body of a usual payload.
		WriteBufferSize: 16 << 10,
	}
}
