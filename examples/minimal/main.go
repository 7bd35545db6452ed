// Minimal is the smallest use of Outhook: one endpoint, one event, in one
// process, with nothing installed.
//
//	go run ./examples/minimal
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
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	env, err := senderdev.Start() // Redis and a Store inside the process
	if err != nil {
		return err
	}
	defer env.Close()
	cfg := env.Config

	received := make(chan string)
	customer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- fmt.Sprintf("%s %s", r.Header.Get("webhook-id"), body)
	}))
	defer customer.Close()

	endpoint, err := sender.PutEndpoint(ctx, cfg, store.Endpoint{Tenant: "acme", URL: customer.URL})
	if err != nil {
		return err
	}
	fmt.Println("endpoint:", endpoint.ID) // endpoint.Secrets[0].Value is what the customer verifies with

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := make(chan error)
	go func() { workers <- sender.RunWorkers(ctx, cfg) }()

	s, err := sender.New(cfg)
	if err != nil {
		return err
	}
	event := sender.Event{ID: "order-17-paid", Tenant: "acme", Type: "order.paid", Payload: []byte(`{"order":17}`)}
	if _, err := s.Send(ctx, event); err != nil {
		return err
	}
	fmt.Println("received:", <-received)
	stop()
	return <-workers
}
