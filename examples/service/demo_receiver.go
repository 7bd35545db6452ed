package main

import (
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/outhook/outhook/sender"
)

// demoReceiver stands for the servers of the demo's customers: requests to their
// hosts, which do not exist, go to a listener of this process.
type demoReceiver struct {
	next      http.RoundTripper
	closeIdle func()
	endpoints map[string]demoEndpoint // by host
	server    *http.Server
	address   string
	served    chan struct{} // closed when the server has ended
}

// startDemoReceiver starts one. Close ends it.
func startDemoReceiver(ctx context.Context, cfg sender.Config) (*demoReceiver, error) {
	next, err := sender.NewTransport(cfg, sender.TransportOptions{})
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &demoReceiver{
		next: next, closeIdle: next.CloseIdleConnections, endpoints: map[string]demoEndpoint{},
		address: listener.Addr().String(), served: make(chan struct{}),
		server: &http.Server{Handler: http.HandlerFunc(answerDemo), ReadHeaderTimeout: 5 * time.Second},
	}
	for _, tenant := range demoTenants {
		for _, e := range tenant.endpoints {
			r.endpoints[e.host] = e
		}
	}
	go func() {
		defer close(r.served)
		_ = r.server.Serve(listener) // it ends with close
	}()
	return r, nil
}

func (r *demoReceiver) close() error {
	err := r.server.Close()
	<-r.served
	r.closeIdle()
	return err
}

// RoundTrip implements http.RoundTripper. What a server cannot do, such as not to
// be there, is done here.
func (r *demoReceiver) RoundTrip(req *http.Request) (*http.Response, error) {
	e, ok := r.endpoints[req.URL.Host]
	if !ok {
		return r.next.RoundTrip(req)
	}
	name := e.behave(0, rand.Float64())
	if is := answers[name]; is.fault != nil {
		_ = req.Body.Close()
		if err := waitFor(req.Context(), is.takes); err != nil {
			return nil, err
		}
		return nil, is.fault(e.host)
	}
	inside := req.Clone(req.Context())
	inside.URL = &url.URL{Scheme: "http", Host: r.address, Path: "/" + name}
	return r.next.RoundTrip(inside)
}

// answerDemo gives the answer that the path names.
func answerDemo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then net/http sees that the client is gone
	name := path.Base(r.URL.Path)
	is, ok := answers[name]
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case name == hanging:
		<-r.Context().Done()
		return
	}
	if waitFor(r.Context(), time.Duration(float64(is.takes)*(0.6+0.8*rand.Float64()))) != nil {
		return
	}
	if name == reset {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), is.header)
	w.WriteHeader(is.status)
	_, _ = w.Write([]byte(is.body)) // whoever asked may be gone
}

// waitFor waits, unless ctx ends first.
func waitFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
