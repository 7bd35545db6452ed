package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// process is the service as a user runs it.
type process struct {
	client
	cmd *exec.Cmd
	log *logBuffer
}

// start starts the service on a free port, and waits until it serves.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	p.ready(t)
	return p
}

// launch is start without the waiting. The process is killed if it outlives the
// test.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{log: &logBuffer{}}
	p.cmd = exec.CommandContext(t.Context(), binary, append([]string{"-listen", "127.0.0.1:0", "-allow-local"}, args...)...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Wait() }) // an error if the test has done so
	return p
}

var started = regexp.MustCompile(`"Service: Started" address=(\S+)`)

func (p *process) ready(t *testing.T) {
	t.Helper()
	eventually(t, func() bool { return started.MatchString(p.log.String()) },
		func() string { return "it does not start:\n" + p.log.String() })
	p.client = newClient(t, "http://"+started.FindStringSubmatch(p.log.String())[1])
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// wantExit waits for the end of the process.
func (p *process) wantExit(t *testing.T, code int) {
	t.Helper()
	err := p.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d:\n%s", got, code, p.log)
	}
}

// sendOrders sends events and returns their ids.
func sendOrders(t *testing.T, c client, n int) []string {
	t.Helper()
	var ids []string
	for i := range n {
		body := fmt.Sprintf(`{"id":"order-%d","type":"order.paid","payload":{"order": %d}}`, i, i)
		ids = append(ids, call[eventAnswer](t, c, http.StatusAccepted, "POST", "acme/events", body).ID)
	}
	return ids
}

// wantDelivered waits until the API says that all n deliveries succeeded, and
// wants each event in a genuine request.
func wantDelivered(t *testing.T, c client, ids []string, requests func() []sendertest.Request) {
	t.Helper()
	succeeded := 0
	eventually(t, func() bool {
		page := call[list[deliveryAnswer]](t, c, http.StatusOK, "GET", "acme/deliveries?state=succeeded&limit=200", "")
		succeeded = len(page.Items)
		return succeeded == len(ids)
	}, func() string { return fmt.Sprintf("%d of %d deliveries succeeded", succeeded, len(ids)) })
	seen := map[string]bool{}
	for _, r := range requests() {
		if r.VerifyErr != nil {
			t.Errorf("a request that is not genuine: %v", r.VerifyErr)
		}
		seen[r.Header.Get("webhook-id")] = true
	}
	for _, id := range ids {
		if !seen[id] {
			t.Errorf("%s did not arrive", id)
		}
	}
}

// The process is killed while a hundred events are on their way, and all that
// is left is the file.
func TestKilled(t *testing.T) {
	t.Parallel()
	args := []string{"-redis", "embedded", "-database", "sqlite:" + filepath.Join(t.TempDir(), "outhook.db"), "-concurrency", "16"}
	p := start(t, args...)
	receiver := sendertest.NewReceiver(t, signing.StandardWebhooks())
	receiver.Script(sendertest.Hang()) // nothing is delivered yet
	e := addEndpoint(t, p.client, `{"url":"`+receiver.URL()+`"}`)
	receiver.SetSecrets(e.Secret)
	ids := sendOrders(t, p.client, 100)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := receiver.Wait(ctx, 4); err != nil { // what an endpoint gets at first
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGKILL)
	p.wantExit(t, -1)

	before := len(receiver.Requests())
	receiver.Script(sendertest.Status(http.StatusOK))
	p = start(t, args...)
	wantDelivered(t, p.client, ids, func() []sendertest.Request { return receiver.Requests()[before:] })
	p.signal(t, syscall.SIGTERM)
	p.wantExit(t, 0)
	if log := p.log.String(); strings.Contains(log, e.Secret) {
		t.Errorf("the secret is in the log:\n%s", log)
	}
}

// A web and two worker processes on one Redis and one PostgreSQL, all of which
// migrate the empty database as they start.
func TestWebAndWorkers(t *testing.T) {
	t.Parallel()
	rdb, database := testenv.RealRedis(t), testenv.Postgres(t)
	var all []*process
	for _, r := range []role{web, worker, worker} {
		all = append(all, launch(t, "-redis", "redis://"+rdb.Addr()+"/3", "-database", database, "-role", string(r)))
	}
	for i, p := range all {
		p.ready(t)
		want := healthAnswer{"ok", "ok", "ok", []string{"elsewhere", "ok", "ok"}[i]}
		if got := call[healthAnswer](t, p.client, http.StatusOK, "GET", "/healthz", ""); got != want {
			t.Errorf("process %d: health %+v, want %+v", i, got, want)
		}
	}
	call[problem](t, all[1].client, http.StatusNotFound, "GET", "acme/endpoints", "") // a worker has no API

	receiver := sendertest.NewReceiver(t, signing.StandardWebhooks())
	e := addEndpoint(t, all[0].client, `{"url":"`+receiver.URL()+`"}`)
	receiver.SetSecrets(e.Secret)
	ids := sendOrders(t, all[0].client, 50)
	wantDelivered(t, all[0].client, ids, receiver.Requests)

	// One worker goes, Redis loses everything, and the other one delivers.
	all[1].signal(t, syscall.SIGTERM)
	all[1].wantExit(t, 0)
	rdb.FlushAll()
	sent := call[eventAnswer](t, all[0].client, http.StatusAccepted, "POST", "acme/events", `{"type":"order.paid","payload":1}`)
	waitForState(t, all[0].client, sent.Deliveries[0], store.Succeeded)
	for _, p := range []*process{all[0], all[2]} {
		p.signal(t, syscall.SIGTERM)
		p.wantExit(t, 0)
		if strings.Contains(p.log.String(), e.Secret) {
			t.Errorf("the secret is in the log:\n%s", p.log)
		}
	}
}

// A process that is told to stop answers the request that it has, finishes the
// attempt that it makes, and takes no more.
func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	p := start(t, "-database", "sqlite:"+filepath.Join(t.TempDir(), "outhook.db"))
	release := make(chan struct{})
	receiver := sendertest.NewReceiver(t, nil)
	receiver.Script(func(w http.ResponseWriter, _ *http.Request, gone <-chan struct{}) {
		select {
		case <-release:
		case <-gone:
		}
		w.WriteHeader(http.StatusNoContent)
	})
	e := addEndpoint(t, p.client, `{"url":"`+receiver.URL()+`"}`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sendOrders(t, p.client, 1)
	tested := make(chan answered, 1)
	go func() {
		got, err := p.try(ctx, "POST", "acme/endpoints/"+e.ID+"/test", "application/json", "")
		if err != nil {
			t.Error(err)
		}
		tested <- got
	}()
	if _, err := receiver.Wait(ctx, 2); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGTERM)
	eventually(t, func() bool {
		_, err := newClient(t, p.base).try(ctx, "GET", "/healthz", "", "")
		return err != nil
	}, func() string { return "it still accepts requests" })
	close(release)
	if got := <-tested; got.status != http.StatusOK || !strings.Contains(got.body, `"succeeded":true`) {
		t.Errorf("the request under way: %d %s", got.status, got.body)
	}
	p.wantExit(t, 0)
	if log := p.log.String(); strings.Contains(log, "cut off") || !strings.Contains(log, "Service: Stopped") {
		t.Errorf("log:\n%s", log)
	}
}

// A database that is not there is waited for, with a word about it; a signal
// ends that.
func TestStartsBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	p := launch(t, "-database", "postgres://shop:hidden@127.0.0.1:1/shop")
	eventually(t, func() bool { return strings.Count(p.log.String(), "Database: Not ready; trying again") > 1 },
		func() string { return "it does not say that it waits:\n" + p.log.String() })
	p.signal(t, syscall.SIGTERM)
	p.wantExit(t, 0)
	if strings.Contains(p.log.String(), "hidden") {
		t.Errorf("the password is in the log:\n%s", p.log)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"-h", 0, ""},
		{"-nonsense", 2, "nonsense"},
		{"-role boss", 2, "-role"},
		{"-role web", 2, "-role web needs"},
		{"-role worker -redis redis://127.0.0.1:1", 2, "-role worker needs"},
		{"-demo -role web -redis redis://127.0.0.1:1 -database postgres://127.0.0.1:1/d", 2, "-demo"},
		{"-concurrency 0", 2, "-concurrency"},
		{"-concurrency many", 2, "-concurrency"},
		{"-log-level loud", 2, "-log-level"},
		{"serve", 2, "serve"},
		{"-concurrency 1000000", 1, "Config.Concurrency"},
		{"-keep -1h", 1, "Config.Retention is -1h0m0s, must be 0, or at least 1h"},
		{"-listen nowhere", 1, "-listen"},
		{"-database oracle://u:hidden@h/d", 1, "-database"},
		{"-database sqlite:/nowhere/at/all.db", 1, "-database"},
		{"-redis redis://u:hidden@h:port", 1, "-redis"},
	} {
		p := launch(t, strings.Fields(tc.args)...)
		p.wantExit(t, tc.code)
		if log := p.log.String(); !strings.Contains(log, tc.says) || strings.Contains(log, "hidden") {
			t.Errorf("%s: it says %q, want a word about %q", tc.args, log, tc.says)
		}
	}
}
