// Minimal is the smallest use of Outhook: one endpoint, one event, in one
// process, with nothing installed.
//
//	go run ./examples/minimal
//
// readme:begin minimal
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store"
)

func main() {
	env, err := senderdev.Start() // Redis and a Store inside the process
	check(err)
	cfg := env.Config

	received := make(chan string)
	customer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		check(err)
		received <- fmt.Sprintf("%s %s", r.Header.Get("webhook-id"), body)
	}))
	ctx, stop := context.WithCancel(context.Background())
	_, err = sender.PutEndpoint(ctx, cfg, store.Endpoint{Tenant: "acme", URL: customer.URL}) // makes its secret
	check(err)

	workers := make(chan error)
	go func() { workers <- sender.RunWorkers(ctx, cfg) }()

	s, err := sender.New(cfg)
	check(err)
	event := sender.Event{ID: "order-17-paid", Tenant: "acme", Type: "order.paid", Payload: []byte(`{"order":17}`)}
	_, err = s.Send(ctx, event)
	check(err)
	fmt.Println("received:", <-received)
	stop()
	check(<-workers)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// readme:end minimal
