package sender

import (
	"net"
	"net/http"
)

// NewHTTPTransport is the transport that serves when a Config has none.
func NewHTTPTransport() *http.Transport { return newHTTPTransport(1, nil) }

// NewTransportOfFew is one that keeps few idle connections.
func NewTransportOfFew(idle int) *http.Transport {
	t := newHTTPTransport(1, nil)
	t.MaxIdleConns = idle
	t.DialContext = dialing(t, (&net.Dialer{}).DialContext)
	return t
}
