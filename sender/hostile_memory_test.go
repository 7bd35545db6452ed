package sender_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

const (
	// childVariable makes the test binary a worker process.
	childVariable = "OUTHOOK_TEST_WORKER"
	// strangers is how many hostile connections are open at once.
	strangers = 200
	// mostMemory bounds what the worker process has from the system meanwhile.
	mostMemory = 64 << 20
)

// TestMemoryUnderHostileReceiversExact: a worker process at work with 200 receivers,
// each holding a connection with as much as it can have the worker keep.
func TestMemoryUnderHostileReceiversExact(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc")
	}
	// The race detector takes many times the memory: the worker has none.
	worker := filepath.Join(t.TempDir(), "worker")
	if out, err := exec.Command("go", "test", "-c", "-vet=off", "-o", worker, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	a := newAuthority(t)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	// A header of as many lines as net/http takes, and then no end of it.
	header := ok + lines(mostLines)
	kinds := []hostile{
		{serve: begins(header, func(v *visit) { v.drip("a") })},
		{serve: begins(header+"\r\n", func(v *visit) { v.drip("a") })},
		{serve: begins(ok+"\r\n", func(v *visit) { v.say(strings.Repeat("x", 16<<10-1)); v.deaf() })},
		{serve: func(v *visit) {
			v.say("\x16\x03\x03\x40\x00\x02\x00\xff\xff" + strings.Repeat("x", 1<<14-4))
			v.deaf()
		}, https: true},
		{serve: http2("", func(v *visit, s uint32) {
			v.say(frame(frameHeaders, endHeaders, s, "\x88") + frame(frameData, 0, s, "x"))
			v.flood(frame(frameData, 0, s, strings.Repeat("x", 1<<14)))
		}), tls: a.http2()},
		{serve: http2("", func(v *visit, s uint32) {
			v.say(frame(frameHeaders, 0, s, "\x88"+strings.Repeat(field("a", ""), 400)))
			v.drip(frame(frameContinuation, 0, s, ""))
		}), tls: a.http2()},
		{serve: begins("", func(v *visit) { v.deaf() }), tls: a.server(plainTLS)},
	}
	measureMemory(t, worker, roots, kinds)
}

func measureMemory(t *testing.T, worker, roots string, kinds []hostile) {
	t.Helper()
	var open, top atomic.Int32
	args := []string{testenv.Redis(t).Addr()}
	for i := range strangers {
		kind := kinds[i%len(kinds)]
		s := newStranger(t, kind.tls, func(v *visit) {
			top.Store(max(top.Load(), open.Add(1)))
			defer open.Add(-1)
			kind.serve(v)
		})
		scheme := "http://"
		if kind.https || kind.tls != nil {
			scheme = "https://"
		}
		args = append(args, scheme+s.addr())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience/4)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(t.Context(), worker, args...)
	// Without the limit Go takes up to twice what is in use before it looks for
	// what is not.
	cmd.Env = append(os.Environ(), childVariable+"=1", "SSL_CERT_FILE="+roots, "GOMEMLIMIT=44MiB")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	memory, full := 0, 0
	for full < 20 && ctx.Err() == nil { // a second with nearly all of them
		<-tick.C
		if open.Load() >= strangers*9/10 {
			full++
		}
		memory = max(memory, peakMemory(t, cmd.Process.Pid))
	}
	stdin.Close() // ends it
	if err := cmd.Wait(); err != nil {
		t.Errorf("the worker: %v", err)
	}
	t.Logf("%d connections at once, %d KiB", top.Load(), memory>>10)
	if top.Load() < strangers {
		t.Errorf("%d connections were open at once, want %d", top.Load(), strangers)
	}
	if memory > mostMemory {
		t.Errorf("the worker had %d KiB of memory, want at most %d", memory>>10, mostMemory>>10)
	}
}

// peakMemory is the most memory the process has had so far.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(after, &kib); err != nil {
		t.Fatalf("%v in %s", err, status)
	}
	return kib << 10
}

// runChild delivers to the strangers until nobody holds its input open: Redis'
// address, and their URLs.
func runChild(args []string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: args[0], ContextTimeoutEnabled: true})
	defer client.Close()
	cfg := sender.Config{
		Store: forgetful{memstore.New()}, Redis: client, Concurrency: strangers + 50, UnsafeAllowLocal: true,
		Profile: sender.Profile{Timeout: 5 * time.Second, Retry: make(retry.Schedule, 10_000)},
	}
	done := make(chan error, 1)
	go func() { done <- serveStrangers(ctx, cfg, args[1:]) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	return <-done
}

func serveStrangers(ctx context.Context, cfg sender.Config, urls []string) error {
	for _, url := range urls {
		e := store.Endpoint{Tenant: tenant, URL: url}
		if _, err := sender.PutEndpoint(ctx, cfg, e); err != nil {
			return err
		}
	}
	s, err := sender.New(cfg)
	if err != nil {
		return err
	}
	if _, err := s.Send(ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte(`{"n":1}`)}); err != nil {
		return err
	}
	cfg.ShutdownTimeout = time.Second
	return sender.RunWorkers(ctx, cfg)
}

// forgetful is a store whose attempts take no memory in this process, as that
// of a host in production.
type forgetful struct{ store.Store }

func (s forgetful) UpdateDelivery(ctx context.Context, d store.Delivery, _ *store.Attempt) error {
	return s.Store.UpdateDelivery(ctx, d, nil)
}
