package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/outhook/outhook/signing"
)

// arrival is one request that the receiver got. It is a fact, whatever the
// sender knows of it.
type arrival struct {
	Event    string
	Endpoint string
	From     string // the process that made it
	At       time.Time
	// Status is the answer that it got, or would have got if the sender had
	// waited for it: 504 where none would have come.
	Status int
	Forged bool
}

// behaviour is what the receiver is told to be like.
type behaviour struct {
	// MinDelay and MaxDelay bound how long an answer takes.
	MinDelay, MaxDelay time.Duration
	// FailEvery has the first request for about one in so many deliveries
	// answered with 503. Zero means none.
	FailEvery int
	// Refuse closes the port.
	Refuse bool
	// Hang is the endpoint that accepts requests and never answers.
	Hang string
}

// counts say where the receiver stands.
type counts struct {
	Requests int
	InFlight int
}

// receiver is the customer of every tenant.
type receiver struct {
	addr   string
	scheme signing.Scheme
	secret string

	mu        sync.Mutex
	behaviour behaviour
	arrivals  []arrival
	seen      map[string]int // requests for each delivery
	inFlight  int
	server    *http.Server // nil while it refuses
}

// receive is the role: hooks at one address, and control at another.
func receive(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("receiver", flag.ContinueOnError)
	hooks := flags.String("hooks", "", "address of the hooks")
	control := flags.String("control", "", "address of the control")
	secret := flags.String("secret", "", "of every endpoint")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := &receiver{addr: *hooks, scheme: signing.StandardWebhooks(), secret: *secret, seen: map[string]int{}}
	if err := r.listen(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", r.counts)
	mux.HandleFunc("GET /arrivals", r.report)
	mux.HandleFunc("PUT /behaviour", r.behave)
	server := &http.Server{Addr: *control, Handler: mux, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listen opens the port of the hooks.
func (r *receiver) listen(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", r.addr)
	if err != nil {
		return err
	}
	r.server = &http.Server{Handler: http.HandlerFunc(r.hook), ReadHeaderTimeout: time.Minute}
	go func(server *http.Server) { _ = server.Serve(listener) }(r.server) // until it is closed, or the process ends
	return nil
}

func (r *receiver) hook(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender died before it had sent everything
	}
	status, delay := r.begin(req, body)
	if status == http.StatusGatewayTimeout {
		<-req.Context().Done() // the sender waits no longer
	}
	pause(req.Context(), delay)
	r.mu.Lock()
	r.inFlight--
	r.mu.Unlock()
	w.WriteHeader(status)
}

// begin keeps the request and decides on its answer.
func (r *receiver) begin(req *http.Request, body []byte) (status int, delay time.Duration) {
	a := arrival{
		Event: req.Header.Get("webhook-id"), Endpoint: strings.TrimPrefix(req.URL.Path, "/"),
		From: req.UserAgent(), At: time.Now(), Status: http.StatusOK,
	}
	a.Forged = signing.Verify(r.scheme, req.Header, body, []string{r.secret}, signing.VerifyOptions{}) != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	key := a.Event + " " + a.Endpoint
	r.seen[key]++
	if every := r.behaviour.FailEvery; every > 0 && r.seen[key] == 1 && len(r.seen)%every == 0 {
		a.Status = http.StatusServiceUnavailable
	}
	if a.Forged {
		a.Status = http.StatusUnauthorized
	}
	if a.Endpoint == r.behaviour.Hang {
		a.Status = http.StatusGatewayTimeout
	}
	r.arrivals = append(r.arrivals, a)
	r.inFlight++
	delay = r.behaviour.MinDelay
	if spread := r.behaviour.MaxDelay - delay; spread > 0 {
		delay += rand.N(spread)
	}
	return a.Status, delay
}

func (r *receiver) counts(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer(w, counts{Requests: len(r.arrivals), InFlight: r.inFlight})
}

func (r *receiver) report(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer(w, r.arrivals)
}

func (r *receiver) behave(w http.ResponseWriter, req *http.Request) {
	var b behaviour
	if err := json.NewDecoder(req.Body).Decode(&b); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behaviour = b
	var err error
	switch {
	case b.Refuse && r.server != nil:
		err = r.server.Close()
		r.server = nil
	case !b.Refuse && r.server == nil:
		err = r.listen(context.WithoutCancel(req.Context()))
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("change to %+v: %v", b, err), http.StatusInternalServerError)
	}
}

func answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // the conductor sees half an answer
	}
}
