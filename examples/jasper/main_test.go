package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/exampletest"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender/sendertest"
)

func TestMain(m *testing.M) { os.Exit(exampletest.Main(m)) }

const secret = "your-webhook-secret"

func TestSendsEveryEvent(t *testing.T) {
	t.Parallel()
	examples, err := jasper.Examples()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range examples {
		t.Run(e.Type, func(t *testing.T) {
			t.Parallel()
			r := sendertest.NewReceiver(t, nil)
			args := []string{"-allow-local", "-to", r.URL(), "-secret", secret}
			if i > 0 { // the first one is the default
				args = append(args, "-event", e.Type)
			}
			got := exampletest.Run(t, "", args...)
			exampletest.WantCode(t, got, 0)
			request := r.Requests()[0]
			if string(request.Body) != string(e.Payload) {
				t.Errorf("body %s, want %s", request.Body, e.Payload)
			}
			wantSigned(t, request)
			a := exampletest.ParseAttempt(t, got.Lines()[0])
			if id := request.Header.Get("X-Jasper-Event-Id"); id != *a.Event {
				t.Errorf("X-Jasper-Event-Id %q, want the event %q", id, *a.Event)
			}
		})
	}
}

// wantSigned verifies as the page's PHP sample does.
func wantSigned(t *testing.T, r sendertest.Request) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(r.Body)
	want := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if got := r.Header.Get("X-Jasper-Signature"); got != want {
		t.Errorf("X-Jasper-Signature %q, want %q", got, want)
	}
}

func TestRetriesOnThePagesSchedule(t *testing.T) {
	t.Parallel()
	r := sendertest.NewReceiver(t, jasper.Profile().Signing, secret)
	r.Script(sendertest.Status(500), sendertest.Status(302), sendertest.Status(204))
	got := exampletest.Run(t, "", "-allow-local", "-to", r.URL(), "-secret", secret)
	exampletest.WantCode(t, got, 0)
	lines := got.Lines()
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3:\n%s", len(lines), got.Stdout)
	}
	var before exampletest.Attempt
	for i, line := range lines {
		a := exampletest.ParseAttempt(t, line)
		if *a.Attempt != i+1 || *a.Status != []int{500, 302, 204}[i] {
			t.Errorf("line %d: attempt %d, status %d", i+1, *a.Attempt, *a.Status)
		}
		if (a.NextAttemptAt == nil) != (i == 2) {
			t.Errorf("line %d: next attempt at %v", i+1, a.NextAttemptAt)
		}
		if i > 0 {
			wantWait(t, before, a, []time.Duration{0, time.Second, 10 * time.Second}[i])
		}
		before = a
	}
}

// wantWait checks that the second attempt was due after the wait, and was made
// then: not before, and at most a second later.
func wantWait(t *testing.T, first, second exampletest.Attempt, wait time.Duration) {
	t.Helper()
	if !first.NextAttemptAt.Equal(*second.ScheduledAt) {
		t.Errorf("attempt %d is scheduled at %s, which the one before said was %s", *second.Attempt, second.ScheduledAt, first.NextAttemptAt)
	}
	if got := second.ScheduledAt.Sub(*first.EndedAt); got != wait {
		t.Errorf("attempt %d is scheduled after %s, want %s", *second.Attempt, got, wait)
	}
	if late := second.StartedAt.Sub(*second.ScheduledAt); late < 0 || late > time.Second {
		t.Errorf("attempt %d started %s late", *second.Attempt, late)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	r := sendertest.NewReceiver(t, nil)
	r.Script(sendertest.Hang(), sendertest.Status(200))
	got := exampletest.Run(t, "", "-allow-local", "-to", r.URL(), "-secret", secret, "-timeout", "150ms")
	exampletest.WantCode(t, got, 0)
	a := exampletest.ParseAttempt(t, got.Lines()[0])
	if *a.Status != 0 || *a.ErrorClass != "timeout" || *a.Error != "no answer within 150ms" {
		t.Errorf("line %s, want a timeout after 150ms", got.Lines()[0])
	}
	if took := a.EndedAt.Sub(*a.StartedAt); took < 150*time.Millisecond || took > time.Second {
		t.Errorf("the attempt took %s, want 150ms", took)
	}
}
