package sendertest_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSenderRecords(t *testing.T) {
	t.Parallel()
	var fake sendertest.Sender
	ctx := t.Context()
	payload := []byte("{}")
	first, err := fake.Send(ctx, sender.Event{Tenant: "t", Type: "a", Payload: payload})
	if err != nil || first.EventID == "" {
		t.Fatalf("Send = %+v, %v", first, err)
	}
	payload[0] = 'x' // the recorded event is a copy
	for i, want := range []bool{false, true} {
		receipt, err := fake.Send(ctx, sender.Event{ID: "e1", Tenant: "t", Type: "a", Payload: []byte("{}")})
		if err != nil || receipt.Duplicate != want {
			t.Errorf("Send %d of e1 = %+v, %v; want duplicate %v", i, receipt, err, want)
		}
	}
	if receipt, err := fake.Send(ctx, sender.Event{ID: "e1", Tenant: "u", Type: "a", Payload: []byte("{}")}); err != nil || receipt.Duplicate {
		t.Errorf("e1 of another tenant = %+v, %v", receipt, err)
	}
	if events := fake.Events(); len(events) != 3 || string(events[0].Payload) != "{}" || events[1].ID != "e1" {
		t.Errorf("Events = %+v", events)
	}
	if d, err := fake.Resend(ctx, "t", "dlv_1"); err != nil || d.ID != "dlv_1" || len(fake.Resends()) != 1 {
		t.Errorf("Resend = %+v, %v", d, err)
	}
	filter := sender.ReplayFilter{Tenant: "t"}
	if _, err := fake.Replay(ctx, filter); err != nil || len(fake.Replays()) != 1 {
		t.Errorf("Replay = %v, Replays = %+v", err, fake.Replays())
	}
}

func TestSenderRefusesWhatTheRealOneRefuses(t *testing.T) {
	t.Parallel()
	var fake sendertest.Sender
	good := sender.Event{ID: "e1", Tenant: "t", Type: "a", Payload: []byte("{}")}
	if _, err := fake.Send(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	reused := good
	reused.Payload = []byte("[]")
	if _, err := fake.Send(t.Context(), reused); !errors.Is(err, sender.ErrEventIDReused) {
		t.Errorf("another payload under the same ID: %v", err)
	}
	fake.Config.MaxPayload = 10
	for _, bad := range []sender.Event{{}, {Tenant: "t", Type: "bad type!", Payload: good.Payload}, {Tenant: "t", Type: "a", Payload: make([]byte, 11)}} {
		if _, err := fake.Send(t.Context(), bad); !errors.Is(err, sender.ErrInvalid) {
			t.Errorf("Send(%+v) = %v, want ErrInvalid", bad, err)
		}
	}
	if _, err := fake.Replay(t.Context(), sender.ReplayFilter{}); !errors.Is(err, sender.ErrInvalid) || len(fake.Replays()) != 0 {
		t.Errorf("Replay without a tenant = %v", err)
	}
	if n := len(fake.Events()); n != 1 {
		t.Errorf("%d events were recorded, want 1", n)
	}
}

func TestSenderFailsAsTold(t *testing.T) {
	t.Parallel()
	errDown := errors.New("down")
	var fake sendertest.Sender
	fake.SetErr(errDown)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want error
	}{
		"down":     {t.Context(), errDown, errDown},
		"canceled": {canceled, nil, context.Canceled},
	} {
		fake.SetErr(test.err)
		_, sendErr := fake.Send(test.ctx, sender.Event{})
		_, resendErr := fake.Resend(test.ctx, "t", "d")
		_, replayErr := fake.Replay(test.ctx, sender.ReplayFilter{})
		for _, err := range []error{sendErr, resendErr, replayErr} {
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if len(fake.Events()) != 0 {
		t.Error("an event was recorded")
	}
}

// post posts to the receiver, and reads up to 1 MiB of the answer.
func post(t *testing.T, url string, header http.Header) (status int, got http.Header, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, res.Header, string(read), err
}

func TestReceiverAnswersAsScripted(t *testing.T) {
	t.Parallel()
	r := sendertest.NewReceiver(t, nil)
	r.Script(
		sendertest.Body(503, "busy"), sendertest.Redirect("/there"), sendertest.Throttle(7*time.Second), sendertest.Reset(),
		sendertest.Hang(), sendertest.Delay(50*time.Millisecond, sendertest.Status(202)), sendertest.HugeBody(200, 100_000),
		sendertest.SlowBody(200, 20*time.Millisecond), sendertest.Status(204),
	)
	if status, _, body, err := post(t, r.URL(), nil); status != 503 || body != "busy" || err != nil {
		t.Errorf("Body: %d %q %v", status, body, err)
	}
	if status, header, _, err := post(t, r.URL(), nil); status != 302 || header.Get("Location") != "/there" || err != nil {
		t.Errorf("Redirect: %d %v %v", status, header, err)
	}
	if status, header, _, err := post(t, r.URL(), nil); status != 429 || header.Get("Retry-After") != "7" || err != nil {
		t.Errorf("Throttle: %d %v %v", status, header, err)
	}
	if _, _, _, err := post(t, r.URL(), nil); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Reset: %v", err)
	}
	if _, _, _, err := post(t, r.URL(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Hang: %v", err)
	}
	if status, _, _, err := post(t, r.URL(), nil); status != 202 || err != nil {
		t.Errorf("Delay: %d %v", status, err)
	}
	if status, _, body, err := post(t, r.URL(), nil); status != 200 || len(body) != 100_000 || err != nil {
		t.Errorf("HugeBody: %d, %d bytes, %v", status, len(body), err)
	}
	if status, _, body, err := post(t, r.URL(), nil); status != 200 || len(body) < 2 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("SlowBody: %d, %d bytes, %v", status, len(body), err)
	}
	for range 2 { // the last answer stays
		if status, _, _, err := post(t, r.URL(), nil); status != 204 || err != nil {
			t.Errorf("Status: %d %v", status, err)
		}
	}
	requests, err := r.Wait(t.Context(), 10)
	if err != nil || len(requests) != 10 || string(requests[0].Body) != "{}" || requests[0].Method != "POST" || requests[0].Path != "/" {
		t.Errorf("Wait: %d requests, %v", len(requests), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Wait(ctx, 11); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "10 of 11 requests came") {
		t.Errorf("Wait for more = %v", err)
	}
}

func TestReceiverVerifies(t *testing.T) {
	t.Parallel()
	scheme := signing.SHA256("X-Sig")
	const secret = "correct horse battery staple"
	r := sendertest.NewReceiver(t, scheme, secret)
	header, err := scheme.Sign(t.Context(), signing.Message{Payload: []byte("{}")}, []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _, err := post(t, r.URL(), header); status != 200 || err != nil {
		t.Errorf("a genuine request: %d %v", status, err)
	}
	r.SetSecrets("another secret altogether")
	if status, _, _, err := post(t, r.URL(), header); status != 401 || err != nil {
		t.Errorf("a forged request: %d %v", status, err)
	}
	requests := r.Requests()
	if requests[0].VerifyErr != nil || !errors.Is(requests[1].VerifyErr, signing.ErrNoMatchingSignature) {
		t.Errorf("VerifyErr = %v, %v", requests[0].VerifyErr, requests[1].VerifyErr)
	}
}

func TestReceiverClosesTwice(t *testing.T) {
	t.Parallel()
	r := sendertest.StartReceiver(nil)
	r.Close()
	r.Close()
}
