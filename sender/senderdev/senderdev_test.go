package senderdev_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStart goes the whole way with the Config as it is.
func TestStart(t *testing.T) {
	t.Parallel()
	env, err := senderdev.Start()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r := sendertest.NewReceiver(t, signing.StandardWebhooks())
	e, err := sender.PutEndpoint(ctx, env.Config, store.Endpoint{Tenant: "t", URL: r.URL()})
	if err != nil {
		t.Fatal(err)
	}
	r.SetSecrets(e.Secrets[0].Value)
	s, err := sender.New(env.Config)
	if err != nil {
		t.Fatal(err)
	}
	workers, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- sender.RunWorkers(workers, env.Config) }()
	if _, err := s.Send(ctx, sender.Event{Tenant: "t", Type: "a.b", Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	requests, err := r.Wait(ctx, 1)
	if err != nil || requests[0].VerifyErr != nil {
		t.Errorf("Wait = %v, verify %v", err, requests[0].VerifyErr)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}

	client := redis.NewClient(&redis.Options{Addr: env.RedisAddr(), MaxRetries: -1})
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		t.Errorf("Redis at %s: %v", env.RedisAddr(), err)
	}
	for range 2 {
		if err := env.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if err := client.Ping(ctx).Err(); err == nil {
		t.Error("Redis answers after Close")
	}
}
