package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/exampletest"
	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
)

func TestMain(m *testing.M) { os.Exit(exampletest.Main(m)) }

const (
	oldSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	newSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func receiver(t *testing.T, secrets ...string) *sendertest.Receiver {
	t.Helper()
	return sendertest.NewReceiver(t, jam.Profile().Signing, secrets...)
}

func TestSendsTheExample(t *testing.T) {
	t.Parallel()
	r := receiver(t, oldSecret)
	got := exampletest.Run(t, "", "-allow-local", "-to", r.URL(), "-secret", oldSecret)
	exampletest.WantCode(t, got, 0)
	lines := got.Lines()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1: %s", len(lines), got.Stdout)
	}
	a := exampletest.ParseAttempt(t, lines[0])
	if *a.Endpoint != "ep_1" || *a.Attempt != 1 || *a.Status != 200 || *a.ErrorClass != "" || *a.Error != "" || a.NextAttemptAt != nil {
		t.Errorf("line %s", lines[0])
	}
	if a.StartedAt.Before(*a.ScheduledAt) || a.EndedAt.Before(*a.StartedAt) {
		t.Errorf("line %s, want the times in their order", lines[0])
	}
	request := requests(t, r, 1)[0]
	if request.VerifyErr != nil {
		t.Errorf("signature: %v", request.VerifyErr)
	}
	if id := request.Header.Get("svix-id"); id != *a.Event {
		t.Errorf("svix-id %q, want the event %q", id, *a.Event)
	}
	examples, err := jam.Examples()
	if err != nil {
		t.Fatal(err)
	}
	if string(request.Body) != string(examples[0].Payload) {
		t.Errorf("body %s, want the example %s", request.Body, examples[0].Payload)
	}
	if got.Stderr != "" {
		t.Errorf("stderr %q, want nothing", got.Stderr)
	}
}

func TestEachURLIsAnEndpoint(t *testing.T) {
	t.Parallel()
	good, gone := receiver(t, oldSecret), receiver(t, oldSecret)
	gone.Script(sendertest.Status(410))
	got := exampletest.Run(t, "", "-allow-local", "-to", good.URL(), "-to", gone.URL(), "-secret", oldSecret)
	exampletest.WantCode(t, got, 1)
	status := map[string]int{}
	events := map[string]bool{}
	for _, line := range got.Lines() {
		a := exampletest.ParseAttempt(t, line)
		status[*a.Endpoint] = *a.Status
		events[*a.Event] = true
	}
	if len(events) != 1 || len(status) != 2 || status["ep_1"] != 200 || status["ep_2"] != 410 {
		t.Errorf("lines:\n%swant one event, 200 from ep_1 and 410 from ep_2", got.Stdout)
	}
	if want := "jam: 1 of 2 deliveries did not succeed\n"; got.Stderr != want {
		t.Errorf("stderr %q, want %q", got.Stderr, want)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	behind, ahead := receiver(t, oldSecret), receiver(t, newSecret)
	got := exampletest.Run(t, "", "-allow-local", "-to", behind.URL(), "-to", ahead.URL(), "-secret", newSecret, "-secret", oldSecret)
	exampletest.WantCode(t, got, 0)
	first, second, _ := strings.Cut(requests(t, ahead, 1)[0].Header.Get("svix-signature"), " ")
	if !strings.HasPrefix(first, "v1,") || !strings.HasPrefix(second, "v1,") {
		t.Errorf("svix-signature %q %q, want two signatures", first, second)
	}
}

func TestSendsTheSecretItGenerated(t *testing.T) {
	t.Parallel()
	r := sendertest.NewReceiver(t, nil)
	got := exampletest.Run(t, "", "-allow-local", "-to", r.URL())
	exampletest.WantCode(t, got, 0)
	secret, ok := strings.CutPrefix(strings.TrimSpace(got.Stderr), "jam: no -secret given, signing with ")
	if !ok {
		t.Fatalf("stderr %q, want the secret", got.Stderr)
	}
	request := requests(t, r, 1)[0]
	err := signing.Verify(jam.Profile().Signing, request.Header, request.Body, []string{secret}, signing.VerifyOptions{})
	if err != nil {
		t.Error(err)
	}
}

func TestSendsDataByteForByte(t *testing.T) {
	t.Parallel()
	const data = "{ \"b\" : 1.0,\r\n\t\"a\" : \"\\u00e9é<&>\" }\n\n"
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, "-"} {
		r := receiver(t, oldSecret)
		got := exampletest.Run(t, data, "-allow-local", "-to", r.URL(), "-secret", oldSecret,
			"-data", name, "-event", jam.TypeRecorderOptedOut)
		exampletest.WantCode(t, got, 0)
		if body := requests(t, r, 1)[0].Body; string(body) != data {
			t.Errorf("-data %s: body %q, want %q", name, body, data)
		}
	}
}

// A Redis that is shared, also with a run that was cut short: each delivers
// what is its own.
func TestSharedRedis(t *testing.T) {
	t.Parallel()
	env, err := senderdev.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	failing := receiver(t, oldSecret)
	failing.Script(sendertest.Status(500))
	args := []string{"-allow-local", "-secret", oldSecret, "-redis", "redis://" + env.RedisAddr()}
	cut := exampletest.Start(t, "", append(args, "-to", failing.URL())...)
	cut.ReadLine(t)
	r := receiver(t, oldSecret)
	exampletest.WantCode(t, exampletest.Run(t, "", append(args, "-to", r.URL())...), 0)
	cut.Signal(t, os.Kill)
	cut.Wait(t)
	exampletest.WantCode(t, exampletest.Run(t, "", append(args, "-to", r.URL())...), 0)
	requests(t, r, 2)
	requests(t, failing, 1)
}

func TestStopsOnASignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		r := receiver(t, oldSecret)
		r.Script(sendertest.Status(500))
		p := exampletest.Start(t, "", "-allow-local", "-to", r.URL(), "-secret", oldSecret)
		a := exampletest.ParseAttempt(t, p.ReadLine(t))
		if *a.Status != 500 || *a.ErrorClass != "status" || a.NextAttemptAt == nil {
			t.Errorf("line %+v, want a failed attempt with a next one", a)
		} else if wait := a.NextAttemptAt.Sub(*a.EndedAt); wait != 5*time.Second {
			t.Errorf("next attempt after %s, want 5s", wait)
		}
		p.Signal(t, sig)
		got := p.Wait(t)
		exampletest.WantCode(t, got, 1)
		if want := "jam: interrupted: 1 of 1 deliveries were still to be made\n"; got.Stderr != want {
			t.Errorf("stderr %q, want %q", got.Stderr, want)
		}
	}
}

func TestRefusesWhatItCannotSend(t *testing.T) {
	t.Parallel()
	r := receiver(t, oldSecret)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	to := []string{"-allow-local", "-to", r.URL()}
	for _, tc := range []struct {
		name string
		args []string
		want []string // in stderr
	}{
		{"no URL", nil, []string{"-to is missing"}},
		{"local URL", []string{"-to", r.URL()}, []string{"-to[0]", "https", "-allow-local"}},
		{"second URL", append(to, "-to", "ftp://example.com"), []string{"-to[1]", "ftp"}},
		{
			"unknown event", append(to, "-event", "jam.deleted"),
			[]string{`-event is "jam.deleted"`, "jam.created, intercom.recorder.recorded, intercom.recorder.opted_out"},
		},
		{"short timeout", append(to, "-timeout", "99ms"), []string{"-timeout is 99ms", "100ms to 1m0s"}},
		{"long timeout", append(to, "-timeout", "61s"), []string{"-timeout is 1m1s", "100ms to 1m0s"}},
		{"no timeout", append(to, "-timeout", "soon"), []string{"-timeout", `"soon"`}},
		{"bad secret", append(to, "-secret", newSecret, "-secret", "whsec_hunter2!"), []string{"-secret[1] is not usable"}},
		{"no file", append(to, "-data", empty+"/none"), []string{"-data cannot be read"}},
		{"empty file", append(to, "-data", empty), []string{"-data is 0 bytes", "1 to 1048576 bytes"}},
		{"bad Redis URL", append(to, "-redis", "localhost:6379"), []string{"-redis", "redis://host:port/db"}},
		{"no Redis", append(to, "-redis", "redis://127.0.0.1:1"), []string{"-redis does not answer"}},
		{"unknown flag", append(to, "-verbose"), []string{"-verbose"}},
		{"argument", append(to, "now"), []string{`"now" is not a flag`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := exampletest.Run(t, "", tc.args...)
			exampletest.WantCode(t, got, 2)
			for _, want := range append(tc.want, "nothing was sent") {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("stderr %q, want %q in it", got.Stderr, want)
				}
			}
			if strings.Contains(got.Stderr, "hunter2") || got.Stdout != "" {
				t.Errorf("stderr %q, stdout %q; want no secret and nothing", got.Stderr, got.Stdout)
			}
		})
	}
	t.Cleanup(func() { requests(t, r, 0) })
}

func TestHelp(t *testing.T) {
	t.Parallel()
	got := exampletest.Run(t, "", "-h")
	exampletest.WantCode(t, got, 0)
	for _, want := range []string{"-to", "-secret", "-event", "-data", "-redis", "-allow-local", "-timeout"} {
		if !slices.ContainsFunc(got.Lines(), func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), want) }) {
			t.Errorf("help does not explain %s:\n%s", want, got.Stdout)
		}
	}
}

// requests returns what came, which must be n requests.
func requests(t *testing.T, r *sendertest.Receiver, n int) []sendertest.Request {
	t.Helper()
	got := r.Requests()
	if len(got) != n {
		t.Fatalf("%d requests came, want %d", len(got), n)
	}
	return got
}
