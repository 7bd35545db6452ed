package sender_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

func TestProfilesServeTheirEndpoints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.UserAgent = "Jasper-Webhooks/2"
	scheme := signing.SHA256("X-Jasper-Signature")
	f.cfg.Profiles = map[string]sender.Profile{"jasper": {
		Signing: scheme, Retry: retry.Schedule{0, 0}, IDHeader: "X-Jasper-Event-ID", TypeHeader: "X-Jasper-Event",
	}}
	r := sendertest.NewReceiver(t, scheme, "correct horse battery staple")
	r.Script(sendertest.Status(500))
	f.endpoint(store.Endpoint{
		URL: r.URL() + "/in?key=1", Profile: "jasper",
		Secrets: []store.Secret{{Value: "correct horse battery staple"}},
		Headers: http.Header{"X-Api-Key": {"k1"}, "X-Env": {"a", "b"}},
	})
	f.work()
	d := f.ended(f.send())
	if d.State != store.Failed || d.Attempts != 2 {
		t.Fatalf("delivery is %s after %d attempts, want failed after the profile's 2", d.State, d.Attempts)
	}
	got := r.Requests()[1]
	if got.VerifyErr != nil || got.Path != "/in?key=1" {
		t.Errorf("path %q, verify %v", got.Path, got.VerifyErr)
	}
	for name, want := range map[string]string{
		"X-Jasper-Event-ID": d.EventID, "X-Jasper-Event": d.EventType, "X-Api-Key": "k1",
		"User-Agent": "Jasper-Webhooks/2", "Content-Type": "application/json", "Accept-Encoding": "",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if len(got.Header.Values("X-Env")) != 2 {
		t.Errorf("X-Env = %q", got.Header.Values("X-Env"))
	}
}

// TestRotationThatWouldBreakIsRefused: once the old secrets have expired, the
// second scheme would have none.
func TestRotationThatWouldBreakIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	symmetric := signing.SHA256("X-Sig")
	f.cfg.Profile.Signing = signing.Multi(signing.StandardWebhooks(signing.Asymmetric()), symmetric)
	key, err1 := signing.NewAsymmetricSecret()
	secret, err2 := symmetric.NewSecret()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	e := f.endpoint(store.Endpoint{URL: "http://127.0.0.1:1", Secrets: []store.Secret{{Value: key}, {Value: secret}}})
	_, err := sender.RotateSecret(f.ctx, f.cfg, tenant, e.ID, time.Hour)
	if !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), "Endpoint.Secrets cannot be rotated one at a time") {
		t.Errorf("RotateSecret = %v", err)
	}
	if got, err := f.store.GetEndpoint(f.ctx, tenant, e.ID); err != nil || got.Version != e.Version {
		t.Errorf("the endpoint was changed: %v", err)
	}
}

func TestRotationSignsWithBothSecretsUntilTheOldOneExpires(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, e := f.receiver()
	old := e.Secrets[0].Value
	f.work()
	e, err := sender.RotateSecret(f.ctx, f.cfg, tenant, e.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Secrets) != 2 || e.Secrets[1].Value != old || e.Secrets[1].ExpiresAt.IsZero() || e.Secrets[0].Value == old {
		t.Fatal("RotateSecret did not put the new secret before the old one")
	}
	for _, known := range []string{old, e.Secrets[0].Value} {
		r.SetSecrets(known)
		if d := f.ended(f.send()); d.State != store.Succeeded {
			t.Errorf("with one of the two secrets known the delivery is %s: %s", d.State, d.LastError)
		}
	}
	newest := e.Secrets[0].Value
	if e, err = sender.RotateSecret(f.ctx, f.cfg, tenant, e.ID, 0); err != nil || len(e.Secrets) != 1 {
		t.Fatalf("RotateSecret without overlap: %d secrets, %v", len(e.Secrets), err)
	}
	r.SetSecrets(old, newest)
	if d := f.ended(f.send()); d.State != store.Failed || d.LastStatus != http.StatusUnauthorized {
		t.Errorf("with none but ended secrets known the delivery is %s, %d", d.State, d.LastStatus)
	}
	if _, err := sender.RotateSecret(f.ctx, f.cfg, tenant, "ep_none", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RotateSecret of nothing = %v", err)
	}
	if _, err := sender.RotateSecret(f.ctx, f.cfg, tenant, e.ID, -1); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("RotateSecret(-1) = %v", err)
	}
}

func TestEndpointTimeoutOverridesTheProfiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Profile.Retry = retry.Schedule{0}
	f.cfg.Profile.Timeout = 30 * time.Second
	r := sendertest.NewReceiver(t, nil)
	r.Script(sendertest.Hang())
	f.endpoint(store.Endpoint{URL: r.URL(), Timeout: 150 * time.Millisecond})
	f.work()
	d := f.ended(f.send())
	if a := f.attempts(d)[0]; a.ErrorClass != store.ErrorTimeout || a.Duration() > time.Second {
		t.Errorf("attempt: %s after %s", a.ErrorClass, a.Duration())
	}
}

// TestUnservableDeliveriesAreCanceled: the endpoint or payload went away
// between the event and its attempt.
func TestUnservableDeliveriesAreCanceled(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(f *fixture, e store.Endpoint)
		reason string
	}{
		"disabled": {func(f *fixture, e store.Endpoint) { e.Disabled = true; f.endpoint(e) }, "the endpoint is disabled"},
		"deleted": {func(f *fixture, e store.Endpoint) {
			if err := f.store.DeleteEndpoint(f.ctx, e.Tenant, e.ID); err != nil {
				f.t.Fatal(err)
			}
		}, "the endpoint was deleted"},
		"test": {func(f *fixture, _ store.Endpoint) {
			f.store.override(func(s *faultyStore) {
				s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
					job, err := store.LoadJob(ctx, s.Store, tenant, id)
					job.Delivery.Trigger = store.TriggerTest
					return job, err
				}
			})
		}, "the process that sent the test ended before the answer came"},
		"purged": {func(f *fixture, _ store.Endpoint) {
			f.store.override(func(s *faultyStore) {
				s.loadJob = func(ctx context.Context, tenant, id string) (store.Job, error) {
					job, err := store.LoadJob(ctx, s.Store, tenant, id)
					job.Event = nil
					return job, err
				}
			})
		}, "the event's payload is no longer kept"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r, e := f.receiver()
			d := f.send()
			test.change(f, e)
			f.work()
			d = f.ended(d)
			if d.State != store.Canceled || d.LastErrorClass != store.ErrorEndpoint || d.LastError != test.reason || d.EndedAt.IsZero() {
				t.Errorf("delivery = %+v", d)
			}
			if len(r.Requests()) != 0 || len(f.attempts(d)) != 0 {
				t.Error("an attempt was made")
			}
			f.eventually(func() bool { return len(told(f.told, &f.told.canceled)) == 1 })
			if got := told(f.told, &f.told.canceled)[0].Delivery; got.ID != d.ID || got.Version != d.Version || got.State != d.State {
				t.Errorf("DeliveryCanceled was told of %+v, stored is %+v", got, d)
			}
		})
	}
}

// TestWhatCannotBeSentIsARecordedFailure: nothing ends in silence.
func TestWhatCannotBeSentIsARecordedFailure(t *testing.T) {
	t.Parallel()
	secret, err := signing.StandardWebhooks().NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	good := []store.Secret{{Value: secret}}
	tests := map[string]struct {
		endpoint store.Endpoint
		class    store.ErrorClass
		text     string
	}{
		"unknown profile": {store.Endpoint{Profile: "gone", Secrets: good}, store.ErrorConfig, "Endpoint.Profile"},
		"bad URL":         {store.Endpoint{URL: "ftp://x", Secrets: good}, store.ErrorConfig, "Endpoint.URL"},
		"reserved header": {store.Endpoint{Secrets: good, Headers: http.Header{"webhook-id": {"x"}}}, store.ErrorConfig, "reserved"},
		"bad secret":      {store.Endpoint{Secrets: []store.Secret{{Value: "whsec_!!"}}}, store.ErrorConfig, "Endpoint.Secrets[0]"},
		"no secret":       {store.Endpoint{}, store.ErrorConfig, "Endpoint.Secrets"},
		"expired secrets": {
			store.Endpoint{Secrets: []store.Secret{{Value: secret, ExpiresAt: time.Unix(1, 0)}}},
			store.ErrorSigning, "expired",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := sendertest.NewReceiver(t, nil)
			e := test.endpoint
			e.ID, e.Tenant = "ep_1", tenant
			if e.URL == "" {
				e.URL = r.URL()
			}
			// Straight into the Store, as a host may.
			if err := f.store.PutEndpoint(f.ctx, e); err != nil {
				t.Fatal(err)
			}
			f.work()
			d := f.ended(f.send())
			for _, a := range f.attempts(d) {
				if a.ErrorClass != test.class || !strings.Contains(a.Error, test.text) {
					t.Errorf("attempt %d: %s %q, want %s %q", a.Number, a.ErrorClass, a.Error, test.class, test.text)
				}
				if strings.Contains(fmt.Sprintf("%+v", a), "whsec_!!") || strings.Contains(fmt.Sprintf("%+v", a), secret) {
					t.Error("the attempt shows the secret")
				}
			}
			if d.State != store.Failed || d.Attempts == 0 || len(r.Requests()) != 0 {
				t.Errorf("delivery is %s after %d attempts, %d requests", d.State, d.Attempts, len(r.Requests()))
			}
		})
	}
}

// panicking panics in one of its methods.
type panicking struct {
	signing.Scheme
	retry.Policy
}

func (panicking) Sign(context.Context, signing.Message, []string) (http.Header, error) {
	panic("scheme")
}
func (panicking) Next(int, retry.Result) (time.Duration, bool)                { panic("policy") }
func (panicking) AttemptFinished(context.Context, sender.AttemptFinished)     { panic("hook") }
func (panicking) DeliveryExhausted(context.Context, sender.DeliveryExhausted) { panic("hook") }
func (panicking) EventAccepted(context.Context, sender.EventAccepted)         { panic("hook") }
func (panicking) Validate() error                                             { return nil }

func TestAPanicOfTheHostFailsThatAttemptAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change   func(c *sender.Config)
		class    store.ErrorClass
		attempts int
		state    store.DeliveryState
	}{
		"scheme": {func(c *sender.Config) {
			c.Profiles["x"] = sender.Profile{Signing: panicking{Scheme: signing.StandardWebhooks()}, Retry: retry.Schedule{0, 0}}
		}, store.ErrorPanic, 2, store.Failed},
		// The default schedule takes the place of a policy that panics: 5 s
		// after the first attempt.
		"policy": {func(c *sender.Config) {
			c.Profiles["x"] = sender.Profile{Retry: panicking{}}
		}, store.ErrorStatus, 1, store.Pending},
		"judge": {func(c *sender.Config) {
			c.Profiles["x"] = sender.Profile{Retry: retry.Schedule{0, 0}, Judge: func(retry.Result) retry.Verdict { panic("judge") }}
		}, store.ErrorStatus, 2, store.Failed},
		"hook": {func(c *sender.Config) {
			c.Profiles["x"] = sender.Profile{Retry: retry.Schedule{0, 0}}
			c.Hooks = append([]sender.Hook{panicking{}}, c.Hooks...)
		}, store.ErrorStatus, 2, store.Failed},
		"transport": {func(c *sender.Config) {
			c.Profiles["x"] = sender.Profile{Retry: retry.Schedule{0, 0}}
			next := http.DefaultTransport.(*http.Transport).Clone()
			c.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/x" {
					panic("transport")
				}
				defer next.CloseIdleConnections()
				return next.RoundTrip(req)
			})
		}, store.ErrorPanic, 2, store.Failed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var log lockedBuffer
			f.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			f.cfg.Profiles = map[string]sender.Profile{}
			test.change(&f.cfg)
			bad := sendertest.NewReceiver(t, nil)
			bad.Script(sendertest.Status(500))
			f.endpoint(store.Endpoint{URL: bad.URL() + "/x", Profile: "x", EventTypes: []string{"bad"}})
			f.receiver()
			f.work()
			receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "bad", Payload: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range receipt.Deliveries {
				d = f.until(d, func(d store.Delivery) bool {
					return d.State != store.Pending || d.State == test.state && d.Attempts > 0
				})
				if e, err := f.store.GetEndpoint(f.ctx, tenant, d.EndpointID); err != nil || e.Profile == "" {
					continue
				}
				if d.State != test.state || d.Attempts != test.attempts || d.LastErrorClass != test.class {
					t.Errorf("delivery is %s after %d attempts: %s %q", d.State, d.Attempts, d.LastErrorClass, d.LastError)
				}
			}
			if text := log.String(); !strings.Contains(text, "panic") {
				t.Errorf("the log does not mention the panic: %s", text)
			}
			// Everything else goes on.
			if d := f.ended(f.send()); d.State != store.Succeeded && d.EndpointID != receipt.Deliveries[0].EndpointID {
				t.Errorf("another delivery is %s", d.State)
			}
		})
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestSecretsStayHidden: neither logs nor Redis nor attempts hold a secret or
// a credential, and Redis no payload.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var log lockedBuffer
	f.cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	leaky := &leakyScheme{Scheme: signing.StandardWebhooks()}
	f.cfg.Profile.Signing = leaky
	r := sendertest.NewReceiver(t, nil)
	e := f.endpoint(store.Endpoint{URL: r.URL() + "/in?token=hunter2", Headers: http.Header{"Authorization": {"Bearer hunter2"}, "X-Plain": {"hunter2"}}})
	f.work()
	receipt, err := f.sender().Send(f.ctx, sender.Event{Tenant: tenant, Type: "a.b", Payload: []byte(`"sensitive data"`)})
	if err != nil {
		t.Fatal(err)
	}
	d := f.until(receipt.Deliveries[0], func(d store.Delivery) bool { return d.Attempts == 1 })
	// The first attempt failed in the scheme, whose error shows the secret.
	var inRedis strings.Builder
	client := f.redis.Client()
	for _, key := range client.Keys(f.ctx, "*").Val() {
		inRedis.WriteString(key)
		if dump := client.Dump(f.ctx, key); dump.Err() == nil {
			inRedis.WriteString(dump.Val())
		}
	}
	d = f.ended(d)
	if d.State != store.Succeeded || !strings.Contains(inRedis.String(), d.ID) {
		t.Fatalf("delivery is %s, %d bytes in Redis", d.State, inRedis.Len())
	}
	attempts, err := json.Marshal(f.attempts(d))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"log": log.String(), "Redis": inRedis.String(), "attempts": string(attempts)} {
		for what, secret := range map[string]string{
			"secret": strings.TrimPrefix(e.Secrets[0].Value, "whsec_"), "credential": "hunter2", "payload": "sensitive",
		} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds the %s: %.2000s", where, what, text)
			}
		}
	}
	if got := r.Requests()[0].Path; got != "/in?token=hunter2" {
		t.Errorf("the request went to %s", got)
	}
	if !strings.Contains(string(attempts), `"X-Plain":["[redacted]"]`) || r.Requests()[0].Header.Get("Authorization") != "Bearer hunter2" {
		t.Error("the endpoint's headers were not sent or not recorded")
	}
}

// leakyScheme fails once, with an error that shows the secret.
type leakyScheme struct {
	signing.Scheme
	calls atomic.Int32
}

func (s *leakyScheme) Sign(ctx context.Context, m signing.Message, secrets []string) (http.Header, error) {
	if s.calls.Add(1) == 1 {
		return nil, fmt.Errorf("cannot sign with %q", secrets[0])
	}
	return s.Scheme.Sign(ctx, m, secrets)
}

// TestManyRotationsWithinOneOverlap: the oldest of too many secrets ends early.
func TestManyRotationsWithinOneOverlap(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, e := f.receiver()
	for range 15 {
		rotated, err := sender.RotateSecret(f.ctx, f.cfg, tenant, e.ID, time.Hour)
		if err != nil || len(rotated.Secrets) > 10 {
			t.Fatalf("RotateSecret: %d secrets, %v", len(rotated.Secrets), err)
		}
	}
}

// TestHookEventsHideWhatTheyHold from a log.
func TestHookEventsHideWhatTheyHold(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	endpoint := store.Endpoint{
		ID: "ep_1", URL: "https://example.com/?k=hunter2", Headers: http.Header{"X": {"hunter2"}}, Secrets: []store.Secret{{Value: "hunter2"}},
	}
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("x",
		"disabled", sender.EndpointDisabled{Endpoint: endpoint},
		"failing", sender.EndpointFailing{Endpoint: endpoint},
		"recovered", sender.EndpointRecovered{Endpoint: endpoint},
		"accepted", sender.EventAccepted{Event: store.Event{ID: "evt_1", Payload: []byte("hunter2")}})
	fmt.Fprintf(&buf, "%v %+v", endpoint, &endpoint)
	if text := buf.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "ep_1") || !strings.Contains(text, "evt_1") {
		t.Errorf("logged: %s", text)
	}
}
