package sender_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

// TestAnswers: what each answer means (the README's table).
func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer   sendertest.Answer
		state    store.DeliveryState
		attempts int
		class    store.ErrorClass
		text     string
	}{
		"200":                 {sendertest.Status(200), store.Succeeded, 1, "", ""},
		"204":                 {sendertest.Status(204), store.Succeeded, 1, "", ""},
		"299":                 {sendertest.Status(299), store.Succeeded, 1, "", ""},
		"302 is not followed": {sendertest.Redirect("/elsewhere"), store.Failed, 3, store.ErrorStatus, "answered 302 Found"},
		"400":                 {sendertest.Status(400), store.Failed, 3, store.ErrorStatus, "answered 400 Bad Request"},
		"404":                 {sendertest.Status(404), store.Failed, 3, store.ErrorStatus, "answered 404 Not Found"},
		"410":                 {sendertest.Status(410), store.Failed, 1, store.ErrorStatus, "answered 410 Gone"},
		"500":                 {sendertest.Status(500), store.Failed, 3, store.ErrorStatus, "answered 500 Internal Server Error"},
		"799":                 {sendertest.Status(799), store.Failed, 3, store.ErrorStatus, "answered 799"},
		"reset":               {sendertest.Reset(), store.Failed, 3, store.ErrorReset, "connection reset by peer"},
		"hang":                {sendertest.Hang(), store.Failed, 3, store.ErrorTimeout, "no answer within 300ms"},
		"slow body of 200":    {sendertest.SlowBody(200, 20*time.Millisecond), store.Succeeded, 1, "", ""},
		"slow body of 500":    {sendertest.SlowBody(500, 20*time.Millisecond), store.Failed, 3, store.ErrorStatus, "answered 500"},
		"huge body of 200":    {sendertest.HugeBody(200, 64<<20), store.Succeeded, 1, "", ""},
		"101 in silence":      {upgrade, store.Failed, 3, store.ErrorStatus, "answered 101 Switching Protocols"},
		"garbage":             {raw("lorem ipsum\r\n\r\n"), store.Failed, 3, store.ErrorProtocol, "malformed HTTP"},
		"half an answer":      {raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), store.Failed, 3, store.ErrorReset, "EOF"},
		"body cut short":      {raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), store.Succeeded, 1, "", ""},
		"endless header": {
			raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"),
			store.Failed, 3, store.ErrorProtocol, "exceeded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.cfg.Profile.Timeout = 300 * time.Millisecond
			r, e := f.receiver(test.answer)
			f.work()
			d := f.ended(f.send())
			attempts := f.attempts(d)
			if d.State != test.state || d.Attempts != test.attempts || len(attempts) != test.attempts {
				t.Errorf("delivery is %s after %d attempts, %d recorded; want %s after %d",
					d.State, d.Attempts, len(attempts), test.state, test.attempts)
			}
			if n := len(r.Requests()); n != test.attempts {
				t.Errorf("%d requests, want %d", n, test.attempts)
			}
			for i, a := range attempts {
				checkAttempt(t, i, a, d)
				if a.ErrorClass != test.class || !strings.Contains(a.Error, test.text) || (a.Error == "") != (test.text == "") {
					t.Errorf("attempt %d: %s error %q, want %s %q", i+1, a.ErrorClass, a.Error, test.class, test.text)
				}
				if took := a.Duration(); took > time.Second {
					t.Errorf("attempt %d took %s, the timeout is 300ms", i+1, took)
				}
				if len(a.ResponseBody) > 16<<10 {
					t.Errorf("attempt %d: %d bytes of the body are recorded", i+1, len(a.ResponseBody))
				}
			}
			e, err := f.store.GetEndpoint(f.ctx, e.Tenant, e.ID)
			if err != nil || e.Disabled != (name == "410") {
				t.Errorf("endpoint disabled: %v (%q), %v", e.Disabled, e.DisabledReason, err)
			}
		})
	}
}

// checkAttempt checks what holds for every attempt.
func checkAttempt(t *testing.T, i int, a store.Attempt, d store.Delivery) {
	t.Helper()
	last := i == d.Attempts-1
	if a.Number != i+1 || a.Round != d.Round || a.DeliveryID != d.ID || a.EventID != d.EventID || a.EndpointID != d.EndpointID {
		t.Errorf("attempt %d is of another place: %+v", i+1, a)
	}
	if a.Succeeded != (last && d.State == store.Succeeded) {
		t.Errorf("attempt %d succeeded: %v", i+1, a.Succeeded)
	}
	if a.StartedAt.Before(a.ScheduledAt) || a.EndedAt.Before(a.StartedAt) {
		t.Errorf("attempt %d: scheduled %s, started %s, ended %s", i+1, a.ScheduledAt, a.StartedAt, a.EndedAt)
	}
	retried := !last
	if a.NextAttemptAt.IsZero() == retried || retried && a.NextAttemptAt.Before(a.EndedAt) {
		t.Errorf("attempt %d of %d: the next is at %s", i+1, d.Attempts, a.NextAttemptAt)
	}
}

// raw answers with bytes that need not be HTTP.
func raw(answer string) sendertest.Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, answer)
	}
}

// upgrade takes the connection over, and is silent.
func upgrade(w http.ResponseWriter, _ *http.Request, gone <-chan struct{}) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	<-gone
}

// TestBodyThatIgnoresTheContext: a transport of the host's may return one.
func TestBodyThatIgnoresTheContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Timeout = 200 * time.Millisecond
	f.cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		body, _ := io.Pipe() // nobody writes
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	})
	f.endpoint(store.Endpoint{URL: "http://127.0.0.1:1"})
	f.work()
	if d := f.ended(f.send()); d.State != store.Succeeded {
		t.Errorf("delivery is %s", d.State)
	}
}

// TestHTTP2: what answers over HTTP/2 is served the same.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	f.cfg.Transport = transport
	f.endpoint(store.Endpoint{URL: server.URL})
	f.work()
	if d := f.ended(f.send()); d.State != store.Succeeded {
		t.Errorf("delivery is %s: %s", d.State, d.LastError)
	}
}

// TestNoAnswer: endpoints that cannot be reached.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	selfSigned := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(selfSigned.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	tests := map[string]struct {
		url   string
		class store.ErrorClass
	}{
		"refused":       {"http://127.0.0.1:1", store.ErrorConnect},
		"no such host":  {"http://nothing.invalid", store.ErrorDNS},
		"self-signed":   {selfSigned.URL, store.ErrorTLS},
		"https to http": {strings.Replace(plain.URL, "http:", "https:", 1), store.ErrorTLS},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.cfg.Profile.Retry = retry.Schedule{0}
			f.endpoint(store.Endpoint{URL: test.url})
			f.work()
			d := f.ended(f.send())
			a := f.attempts(d)[0]
			if d.State != store.Failed || a.ErrorClass != test.class || a.Error == "" || a.Status != 0 {
				t.Errorf("delivery is %s, error %s %q; want failed, %s", d.State, a.ErrorClass, a.Error, test.class)
			}
		})
	}
}

func TestTLSEndpoint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.UnsafeAllowLocal = false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	// The host's own transport: a name that is no local one, its own roots.
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.ServerName = "example.com"
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	f.cfg.Transport = transport
	f.endpoint(store.Endpoint{URL: "https://hooks.example.com/in"})
	f.work()
	d := f.ended(f.send())
	if d.State != store.Succeeded {
		t.Fatalf("delivery is %s: %s", d.State, d.LastError)
	}
	a := f.attempts(d)[0]
	if a.Timing.TLS <= 0 || a.Timing.FirstByte < a.Timing.TLS || a.RemoteAddr != server.Listener.Addr().String() {
		t.Errorf("timing %+v, remote %q", a.Timing, a.RemoteAddr)
	}
}

func TestRetryAfterIsHonoredWithinItsBound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		bound    time.Duration
		low, top time.Duration
	}{
		"honored": {0, 2 * time.Second, 3 * time.Second},
		"bounded": {time.Second, time.Second, 2 * time.Second},
		"ignored": {-1, 0, 900 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.cfg.MaxRetryAfter = test.bound
			r, _ := f.receiver(sendertest.Throttle(2*time.Second), sendertest.Status(200))
			f.work()
			d := f.ended(f.send())
			if d.State != store.Succeeded || d.Attempts != 2 {
				t.Fatalf("delivery is %s after %d attempts", d.State, d.Attempts)
			}
			requests := r.Requests()
			wait := requests[1].ReceivedAt.Sub(requests[0].ReceivedAt)
			if wait < test.low || wait > test.top {
				t.Errorf("the second attempt came after %s, want %s to %s", wait, test.low, test.top)
			}
		})
	}
}

// TestStrangeDecisionsOfTheHost: whatever a judge or policy makes up, the
// delivery goes on.
func TestStrangeDecisionsOfTheHost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Judge = func(retry.Result) retry.Verdict { return 77 }
	f.receiver()
	f.work()
	if d := f.ended(f.send()); d.State != store.Failed || d.Attempts != 3 {
		t.Errorf("with a made-up verdict the delivery is %s after %d attempts", d.State, d.Attempts)
	}

	g := newFixture(t)
	g.cfg.Profile.Retry = policyFunc(func(attempts int, _ retry.Result) (time.Duration, bool) {
		return time.Duration(attempts) * math.MaxInt64, true
	})
	g.receiver(sendertest.Status(500))
	g.work()
	d := g.until(g.send(), func(d store.Delivery) bool { return d.Attempts == 1 })
	if years := time.Until(d.NextAttemptAt).Hours() / 24 / 365; years < 99 || years > 101 {
		t.Errorf("the next attempt is at %s, want it 100 years off", d.NextAttemptAt)
	}
}

// TestStrangeFirstWait: it is bounded like every other, and kept as stores keep
// times.
func TestStrangeFirstWait(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ wait, want time.Duration }{
		"endless":    {math.MaxInt64, 100 * 365 * 24 * time.Hour},
		"negative":   {-time.Hour, 0},
		"nanosecond": {time.Second + 1, time.Second + time.Microsecond},
	} {
		f := newFixture(t)
		f.cfg.Profile.Retry = policyFunc(func(int, retry.Result) (time.Duration, bool) { return test.wait, true })
		f.endpoint(store.Endpoint{URL: "http://127.0.0.1:1"})
		if d := f.send(); !d.NextAttemptAt.Equal(d.CreatedAt.Add(test.want)) {
			t.Errorf("%s: the first attempt is %s after the event, want %s", name, d.NextAttemptAt.Sub(d.CreatedAt), test.want)
		}
	}
}

type policyFunc func(int, retry.Result) (time.Duration, bool)

func (f policyFunc) Next(attempts int, r retry.Result) (time.Duration, bool) { return f(attempts, r) }

func TestJudgeCanBeOverridden(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Judge = func(r retry.Result) retry.Verdict {
		switch r.Status {
		case http.StatusGone:
			return retry.Retry
		case http.StatusUnprocessableEntity:
			return retry.Failed
		case http.StatusConflict:
			return retry.Succeeded
		}
		return retry.DefaultJudge(r)
	}
	_, e := f.receiver(
		sendertest.Status(410), sendertest.Status(409),
		sendertest.Status(422),
	)
	f.work()
	if d := f.ended(f.send()); d.State != store.Succeeded || d.Attempts != 2 || d.LastErrorClass != "" {
		t.Errorf("after 410 and 409 the delivery is %s after %d attempts", d.State, d.Attempts)
	}
	if d := f.ended(f.send()); d.State != store.Failed || d.Attempts != 1 {
		t.Errorf("after 422 the delivery is %s after %d attempts", d.State, d.Attempts)
	}
	if e, err := f.store.GetEndpoint(f.ctx, e.Tenant, e.ID); err != nil || e.Disabled {
		t.Errorf("endpoint disabled: %v, %v", e.Disabled, err)
	}
}

func TestGoneDisablesTheEndpoint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0, time.Hour}
	_, e := f.receiver(sendertest.Status(500), sendertest.Status(410))
	f.work()
	waiting := f.until(f.send(), func(d store.Delivery) bool { return d.Attempts == 1 })
	gone := f.ended(f.send())
	f.eventually(func() bool { return len(told(f.told, &f.told.disabled)) == 1 })
	got := told(f.told, &f.told.disabled)[0].Endpoint
	stored, err := f.store.GetEndpoint(f.ctx, tenant, e.ID)
	if err != nil || !stored.Disabled || stored.DisabledAt.IsZero() || stored.Version != got.Version ||
		!strings.Contains(stored.DisabledReason, "410") || !strings.Contains(stored.DisabledReason, gone.ID) {
		t.Errorf("endpoint = %+v, %v", stored, err)
	}
	// Nothing new is sent to it, what waits ends as canceled when it is due,
	// and resending says why not.
	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte("{}")})
	if err != nil || len(receipt.Deliveries) != 0 {
		t.Errorf("Send = %+v, %v; want no deliveries", receipt, err)
	}
	if _, err := f.sender().Resend(f.ctx, tenant, waiting.ID); !errors.Is(err, sender.ErrEndpointDisabled) {
		t.Errorf("Resend = %v, want ErrEndpointDisabled", err)
	}
}

func TestResponseIsRecordedWithinBounds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.MaxResponseBody = 5
	f.receiver(func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.Header().Set("Set-Cookie", "session=hunter2")
		w.Header().Set("X-Long", strings.Repeat("y", 10_000))
		for i := range 300 {
			w.Header().Set(fmt.Sprintf("X-Many-%d", i), "1")
		}
		_, _ = io.WriteString(w, "0123456789")
	})
	f.work()
	a := f.attempts(f.ended(f.send()))[0]
	if string(a.ResponseBody) != "01234" || !a.ResponseTruncated {
		t.Errorf("body %q, truncated %v", a.ResponseBody, a.ResponseTruncated)
	}
	if len(a.ResponseHeader) > 100 || len(a.ResponseHeader.Get("X-Long")) > 2100 {
		t.Errorf("%d headers, the long one of %d bytes", len(a.ResponseHeader), len(a.ResponseHeader.Get("X-Long")))
	}
	if got := a.ResponseHeader.Get("Set-Cookie"); strings.Contains(got, "hunter2") {
		t.Errorf("Set-Cookie = %q", got)
	}
}

// TestConnectionIsReused: a new connection costs more than an attempt.
func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receiver(sendertest.HugeBody(200, 40<<10))
	f.work()
	reused := 0
	for range 10 {
		if a := f.attempts(f.ended(f.send()))[0]; a.Timing.Connect == 0 {
			reused++
		}
	}
	if reused != 9 {
		t.Errorf("%d of 10 attempts reused the connection, want 9", reused)
	}
}
