package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// crowd is many endpoints, one for each tenant, of which some hang: they accept
// and never answer.
type crowd struct {
	cfg     sender.Config
	send    sender.Sender
	hanging int // the first so many
	size    int
	perSec  int

	mu      sync.Mutex
	sent    map[string]time.Time // by event id
	latency []time.Duration      // from Send to the request, of those that do not hang
}

func newCrowd(b *testing.B, size, hanging, perSec int) *crowd {
	b.Helper()
	s, _ := databases[0].fresh(b)
	c := &crowd{hanging: hanging, size: size, perSec: perSec, sent: map[string]time.Time{}}
	receiver := httptest.NewServer(http.HandlerFunc(c.receive))
	// Hanging requests end with their connections.
	b.Cleanup(func() { receiver.CloseClientConnections(); receiver.Close() })
	c.cfg = sender.Config{Store: s, Redis: testenv.RealRedis(b).Client(), UnsafeAllowLocal: true}
	c.cfg.ShutdownTimeout = time.Millisecond // of those that hang
	for i := range size {
		path := "/well"
		if i < hanging {
			path = "/hangs"
		}
		e := store.Endpoint{Tenant: fmt.Sprintf("t_%d", i), URL: receiver.URL + path}
		if _, err := sender.PutEndpoint(b.Context(), c.cfg, e); err != nil {
			b.Fatal(err)
		}
	}
	var err error
	if c.send, err = sender.New(c.cfg); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *crowd) receive(_ http.ResponseWriter, req *http.Request) {
	arrived := time.Now()
	_, _ = io.Copy(io.Discard, req.Body)
	if req.URL.Path == "/hangs" {
		<-req.Context().Done()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.sent[req.Header.Get("webhook-id")]; ok {
		c.latency = append(c.latency, arrived.Sub(at))
	}
}

// run sends events at an even pace to endpoints from the one to the other, and
// returns the latencies in order, and how many were sent to those that do not hang.
func (c *crowd) run(b *testing.B, lasts time.Duration, from, to int) (latency []time.Duration, healthy int) {
	b.Helper()
	c.mu.Lock()
	c.latency = nil
	c.mu.Unlock()
	n := int(lasts.Seconds() * float64(c.perSec))
	began := time.Now()
	next := make(chan int)
	var senders sync.WaitGroup
	for range 16 {
		senders.Go(func() {
			for i := range next {
				// Spread over the endpoints without a pattern, the same in every run.
				c.sendTo(b, from+i*7919%(to-from))
			}
		})
	}
	for i := range n {
		<-time.After(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(c.perSec))))
		next <- i
		if from+i*7919%(to-from) >= c.hanging {
			healthy++
		}
	}
	close(next)
	senders.Wait()
	<-time.After(2 * time.Second) // what is not there by now has not kept up
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.latency)
	return c.latency, healthy
}

func (c *crowd) sendTo(b *testing.B, endpoint int) {
	id := fmt.Sprintf("evt_%d_%d", endpoint, time.Now().UnixNano())
	c.mu.Lock()
	c.sent[id] = time.Now()
	c.mu.Unlock()
	event := sender.Event{ID: id, Tenant: fmt.Sprintf("t_%d", endpoint), Type: "order.paid", Payload: []byte(`{"n":1}`)}
	if _, err := c.send.Send(context.Background(), event); err != nil {
		b.Error(err)
	}
}

// work runs workers until the returned function is called.
func (c *crowd) work(b *testing.B) (stop func()) {
	return (&backlog{cfg: c.cfg}).work(b)
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return time.Hour // nothing arrived: no bound is met
	}
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkIsolation: a thousand endpoints get 500 events a second for a minute;
// first all of them answer, then a hundred accept and never answer. It reports how
// much later events reach the others (p99-%, 100 being no difference), and how
// many of them do (throughput-%).
func BenchmarkIsolation(b *testing.B) {
	size, lasts := 1000, time.Minute
	if testing.Short() {
		size, lasts = 100, 3*time.Second
	}
	for b.Loop() {
		measure := func(hanging int) (p50, p99 time.Duration, share float64) {
			c := newCrowd(b, size, hanging, 500)
			stop := c.work(b)
			defer stop()
			// Connections, plans and caches are new to both.
			c.run(b, lasts/10, hanging, size)
			latency, healthy := c.run(b, lasts, 0, size)
			return percentile(latency, 50), percentile(latency, 99), float64(len(latency)) / float64(healthy)
		}
		p50, p99, share := measure(0)
		p50hang, p99hang, shareHang := measure(size / 10)
		b.ReportMetric(milliseconds(p50), "p50-ms")
		b.ReportMetric(milliseconds(p99), "p99-ms")
		b.ReportMetric(milliseconds(p50hang), "hanging-p50-ms")
		b.ReportMetric(milliseconds(p99hang), "hanging-p99-ms")
		b.ReportMetric(100*p99hang.Seconds()/p99.Seconds(), "p99-%")
		b.ReportMetric(100*shareHang/share, "throughput-%")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkParked: one endpoint hangs, with a backlog of 20,000 deliveries. It
// reports how much later events reach the others (p99-%), and what the backlog costs
// Redis while nothing else happens, in percent of a core beyond what it takes idle.
func BenchmarkParked(b *testing.B) {
	size, lasts := 20_000, 20*time.Second
	if testing.Short() {
		size, lasts = 1000, 3*time.Second
	}
	for b.Loop() {
		c := newCrowd(b, 200, 1, 200)
		stop := c.work(b)
		pids := []int{redisPID(b, c.cfg.Redis)}
		redisCPU := func() float64 {
			before := cpuTime(b, pids)
			<-time.After(lasts)
			return 100 * (cpuTime(b, pids) - before).Seconds() / lasts.Seconds()
		}
		c.run(b, lasts/5, 1, 200)
		idle := redisCPU()
		without, _ := c.run(b, lasts, 1, 200)
		without = slices.Clone(without)
		inParallel(16, size, func(int) { c.sendTo(b, 0) })
		for c.tasks(b) > 0 { // until all of it is parked
			<-time.After(50 * time.Millisecond)
		}
		parked := redisCPU()
		with, _ := c.run(b, lasts, 1, 200)
		stop()
		b.ReportMetric(milliseconds(percentile(without, 99)), "p99-ms")
		b.ReportMetric(milliseconds(percentile(with, 99)), "parked-p99-ms")
		b.ReportMetric(100*percentile(with, 99).Seconds()/percentile(without, 99).Seconds(), "p99-%")
		b.ReportMetric(idle, "redis-idle-%core")
		b.ReportMetric(parked-idle, "redis-parked-%core")
		b.ReportMetric(0, "ns/op")
	}
}

// tasks is how many tasks wait to be taken.
func (c *crowd) tasks(b *testing.B) int {
	b.Helper()
	total := 0
	for shard := range 4 {
		n, err := c.cfg.Redis.LLen(b.Context(), fmt.Sprintf("asynq:{outhook:%d}:pending", shard)).Result()
		if err != nil {
			b.Fatal(err)
		}
		total += int(n)
	}
	return total
}

// lateness is a hook in a function.
type lateness func(sender.AttemptFinished)

func (f lateness) AttemptFinished(_ context.Context, e sender.AttemptFinished) { f(e) }

// BenchmarkLateness: a thousand deliveries, whose first attempt fails, wait for
// the second between 1 and 10 s. It reports how much later than it was due each
// was made.
func BenchmarkLateness(b *testing.B) {
	size, waits := 1000, 10
	if testing.Short() {
		size, waits = 100, 2
	}
	for b.Loop() {
		var late []time.Duration
		c := newCrowd(b, 1, 0, size)
		var mu sync.Mutex
		arrived := map[string][]time.Time{}
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			id := req.Header.Get("webhook-id")
			arrived[id] = append(arrived[id], time.Now())
			if len(arrived[id]) == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		done := make(chan struct{}, size)
		c.cfg.Hooks = []sender.Hook{lateness(func(e sender.AttemptFinished) {
			if e.Attempt.Number == 2 {
				mu.Lock()
				late = append(late, arrived[e.Attempt.EventID][1].Sub(e.Attempt.ScheduledAt))
				mu.Unlock()
				done <- struct{}{}
			}
		})}
		c.cfg.Profiles = map[string]sender.Profile{}
		for i := range waits {
			name := fmt.Sprintf("wait-%d", i)
			c.cfg.Profiles[name] = sender.Profile{Retry: retry.Schedule{0, time.Duration(i+1) * time.Second}}
			if _, err := sender.PutEndpoint(b.Context(), c.cfg, store.Endpoint{Tenant: name, URL: receiver.URL, Profile: name}); err != nil {
				b.Fatal(err)
			}
		}
		s, err := sender.New(c.cfg)
		if err != nil {
			b.Fatal(err)
		}
		stop := c.work(b)
		inParallel(16, size, func(i int) {
			event := sender.Event{Tenant: fmt.Sprintf("wait-%d", i%waits), Type: "order.paid", Payload: []byte(`{"n":1}`)}
			if _, err := s.Send(b.Context(), event); err != nil {
				b.Error(err)
			}
		})
		for range size {
			<-done
		}
		stop()
		receiver.Close()
		slices.Sort(late)
		if late[0] < 0 {
			b.Errorf("an attempt was %s early", -late[0])
		}
		b.ReportMetric(milliseconds(late[0]), "min-ms")
		b.ReportMetric(milliseconds(percentile(late, 50)), "p50-ms")
		b.ReportMetric(milliseconds(percentile(late, 99)), "p99-ms")
		b.ReportMetric(milliseconds(late[len(late)-1]), "max-ms")
		b.ReportMetric(0, "ns/op")
	}
}
