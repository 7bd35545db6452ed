package sender

import "net/http"

// NewHTTPTransport is the transport that serves when a Config has none.
func NewHTTPTransport() *http.Transport { return newHTTPTransport(1, nil) }
