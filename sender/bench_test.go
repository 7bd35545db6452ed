package sender_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

var benchPayload = bytes.Repeat([]byte("x"), 1024)

// arrivals is a receiver that counts.
func arrivals(b *testing.B) (url string, wait func(n int)) {
	b.Helper()
	var count atomic.Int64
	changed := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		count.Add(1)
		select {
		case changed <- struct{}{}:
		default:
		}
	}))
	b.Cleanup(server.Close)
	return server.URL, func(n int) {
		for count.Load() < int64(n) {
			<-changed
		}
	}
}

func benchConfig(b *testing.B) sender.Config {
	b.Helper()
	return sender.Config{Store: memstore.New(), Redis: testenv.Redis(b).Client(), UnsafeAllowLocal: true}
}

// BenchmarkPost is the yardstick: the same requests by net/http alone.
func BenchmarkPost(b *testing.B) {
	url, wait := arrivals(b)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := client.Post(url, "application/json", bytes.NewReader(benchPayload))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	wait(b.N)
}

// BenchmarkSend accepts events: the Store's write and the enqueue.
func BenchmarkSend(b *testing.B) {
	cfg := benchConfig(b)
	if _, err := sender.PutEndpoint(b.Context(), cfg, store.Endpoint{Tenant: "t", URL: "http://127.0.0.1:1"}); err != nil {
		b.Fatal(err)
	}
	s, err := sender.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Send(b.Context(), sender.Event{Tenant: "t", Type: "a.b", Payload: benchPayload}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkDeliver takes events from Send to a receiver that has answered.
func BenchmarkDeliver(b *testing.B) {
	cfg := benchConfig(b)
	url, wait := arrivals(b)
	if _, err := sender.PutEndpoint(b.Context(), cfg, store.Endpoint{Tenant: "t", URL: url}); err != nil {
		b.Fatal(err)
	}
	s, err := sender.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var workers sync.WaitGroup
	workers.Go(func() {
		if err := sender.RunWorkers(ctx, cfg); err != nil {
			b.Error(err)
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	var senders sync.WaitGroup
	for g := range 8 {
		senders.Go(func() {
			for i := g; i < b.N; i += 8 {
				if _, err := s.Send(ctx, sender.Event{Tenant: "t", Type: "a.b", Payload: benchPayload}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	wait(b.N)
	b.StopTimer()
	cancel()
	workers.Wait()
}
