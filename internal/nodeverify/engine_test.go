package nodeverify

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

const eventType = "jam.created"

// engine is a Sender with its workers, and the hook that tells what became of
// an attempt.
type engine struct {
	cfg    sender.Config
	sender sender.Sender

	mu      sync.Mutex
	waiting map[string]chan store.Attempt // by endpoint id
}

// startEngine starts an engine with a profile for each kind of receiver, after
// edits of its Config. It ends with the test.
func startEngine(t *testing.T, edits ...func(*sender.Config)) *engine {
	t.Helper()
	env, err := senderdev.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	e := &engine{cfg: env.Config, waiting: map[string]chan store.Attempt{}}
	once := retry.Schedule{0} // an attempt either verifies or does not
	profile := func(scheme signing.Scheme) sender.Profile {
		return sender.Profile{Signing: scheme, Retry: once, Timeout: 30 * time.Second}
	}
	e.cfg.Profiles = map[string]sender.Profile{
		"webhook": profile(signing.StandardWebhooks()),
		"jam":     profile(signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix))),
		"both":    profile(signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixWebhook, signing.PrefixSvix))),
		"jasper":  profile(signing.SHA256("X-Jasper-Signature")),
	}
	e.cfg.Hooks = []sender.Hook{e}
	for _, edit := range edits {
		edit(&e.cfg)
	}
	if e.sender, err = sender.New(e.cfg); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	workers := make(chan error, 1)
	go func() { workers <- sender.RunWorkers(ctx, e.cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-workers; err != nil {
			t.Error(err)
		}
	})
	return e
}

// AttemptFinished implements sender.HookAttemptFinished.
func (e *engine) AttemptFinished(_ context.Context, finished sender.AttemptFinished) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting[finished.Attempt.EndpointID] <- finished.Attempt
}

// put makes an endpoint in a tenant of its own. Without secrets it gets one.
func (e *engine) put(t *testing.T, profile, url string, secrets ...string) store.Endpoint {
	t.Helper()
	endpoint := store.Endpoint{Tenant: url, URL: url, Profile: profile}
	for _, secret := range secrets {
		endpoint.Secrets = append(endpoint.Secrets, store.Secret{Value: secret})
	}
	endpoint, err := sender.PutEndpoint(t.Context(), e.cfg, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting[endpoint.ID] = make(chan store.Attempt, 1)
	return endpoint
}

// send sends the payload to the endpoint, and returns the attempt.
func (e *engine) send(t *testing.T, endpoint store.Endpoint, payload string) store.Attempt {
	t.Helper()
	event := sender.Event{Tenant: endpoint.Tenant, Type: eventType, Payload: []byte(payload)}
	if _, err := e.sender.Send(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	attempts := e.waiting[endpoint.ID]
	e.mu.Unlock()
	select {
	case a := <-attempts:
		return a
	case <-t.Context().Done():
		t.Fatal("no attempt was made")
		return store.Attempt{}
	}
}

// rotate gives the endpoint a new secret.
func (e *engine) rotate(t *testing.T, endpoint store.Endpoint, overlap time.Duration) store.Endpoint {
	t.Helper()
	endpoint, err := sender.RotateSecret(t.Context(), e.cfg, endpoint.Tenant, endpoint.ID, overlap)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint
}
