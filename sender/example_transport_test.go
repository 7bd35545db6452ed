package sender_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// Some endpoints want a client certificate, or have a certificate of a private
// authority: each gets a Transport of its own, with the address guard on.
func ExampleNewTransport() {
	d := startDemo()
	defer d.stop()
	bank := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("client certificates:", len(r.TLS.PeerCertificates))
	}))
	bank.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	bank.StartTLS()
	defer bank.Close()
	certificate, roots := bank.TLS.Certificates[0], x509.NewCertPool() // in life, yours and the bank's
	roots.AddCert(bank.Certificate())

	cfg := d.cfg
	cfg.UnsafeAllowLocal = false                                                 // the bank of this example is here,
	cfg.UnsafeAllowCIDRs = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} // for which this is enough
	cfg.UnsafeAllowPorts = []uint16{0}

	ctx := context.Background()
	endpoint, err := sender.PutEndpoint(ctx, cfg, store.Endpoint{Tenant: "ws_1", URL: bank.URL + "/hooks"})
	if err != nil {
		panic(err)
	}
	transport, err := sender.NewTransport(cfg, sender.TransportOptions{
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: roots, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		panic(err)
	}
	defer transport.CloseIdleConnections()
	transports := map[string]*sender.Transport{endpoint.ID: transport}
	cfg.TransportFor = func(_ context.Context, e store.Endpoint) (http.RoundTripper, error) {
		return transports[e.ID], nil // nil: the usual one
	}

	attempt, err := sender.Ping(ctx, cfg, endpoint.ID, sender.Event{Tenant: "ws_1"})
	if err != nil {
		panic(err)
	}
	fmt.Println(attempt.Status, attempt.Error)
	// Output:
	// client certificates: 1
	// 200
}
