package sender

import "net/http"

// NewTransport is the transport that serves when a Config has none.
func NewTransport() *http.Transport { return newTransport(1) }
