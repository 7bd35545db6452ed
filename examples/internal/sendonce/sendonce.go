// Package sendonce is the command that examples/jam and examples/jasper share:
// it sends one event to some URLs, follows the product's retry schedule to its
// end, and prints each attempt.
//
// It shows all that a host does, in one process: a Config, endpoints, Send, a
// hook, RunWorkers until there is nothing left to do, and a clean stop.
package sendonce

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// Product is what the products differ in.
type Product struct {
	// Name is the name of the command.
	Name string
	// Profile serves every endpoint.
	Profile sender.Profile
	// Examples has an event of each type that the product knows. The first one
	// is what is sent by default.
	Examples []sender.Event
}

// Main runs the command with the process's arguments until every delivery has
// ended. It returns the exit code: 0 if all succeeded, 1 if not, 2 if nothing
// was sent. On SIGINT or SIGTERM it stops cleanly; a second one ends the process
// at once.
func Main(p Product) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	std := stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	err := run(ctx, p, os.Args[1:], std)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(std.err, "%s: %v\n", p.Name, err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// errUsage: nothing was sent, because of the flags or of what they name.
var errUsage = errors.New("nothing was sent (-h shows the flags)")

func run(ctx context.Context, p Product, args []string, std stdio) error {
	opts, err := parse(p, args, std.out)
	if err != nil {
		return err
	}
	event, err := opts.newEvent(p, std.in)
	if err != nil {
		return err
	}
	cfg, closeAll, err := opts.newConfig(ctx, p)
	if err != nil {
		return err
	}
	defer closeAll()
	cfg.Logger = slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	generated := len(opts.secrets) == 0
	if generated {
		secret, err := p.Profile.Signing.NewSecret()
		if err != nil {
			return err
		}
		opts.secrets = []string{secret}
	}
	if err := opts.putEndpoints(ctx, cfg, event.Tenant); err != nil {
		return err
	}
	if generated {
		fmt.Fprintf(std.err, "%s: no -secret given, signing with %s\n", p.Name, opts.secrets[0])
	}
	return deliver(ctx, cfg, event, std.out)
}

// newConfig returns the Config, and what closes it after the workers.
func (o options) newConfig(ctx context.Context, p Product) (sender.Config, func(), error) {
	cfg, closeAll, err := o.connect(ctx, p)
	cfg.Profile = p.Profile
	cfg.UnsafeAllowLocal = o.allowLocal
	// Whoever interrupts a command does not want to wait for a slow receiver.
	cfg.ShutdownTimeout = 5 * time.Second
	return cfg, closeAll, err
}

func (o options) connect(ctx context.Context, p Product) (sender.Config, func(), error) {
	if o.redis == "" {
		env, err := senderdev.Start()
		if err != nil {
			return sender.Config{}, nil, err
		}
		return env.Config, func() { _ = env.Close() }, nil
	}
	redisOpts, err := redis.ParseURL(o.redis)
	if err != nil { // its text may show a password
		return sender.Config{}, nil, usage("-redis cannot be parsed, must be redis://host:port/db or rediss://host:port/db")
	}
	client := redis.NewClient(redisOpts)
	if err := client.Ping(ctx).Err(); err != nil {
		_ = client.Close()
		return sender.Config{}, nil, usage("-redis does not answer: %v", err)
	}
	return sender.Config{
		Store: memstore.New(),
		Redis: client,
		// Nobody else knows the deliveries of this run: it takes no task of
		// another one, and leaves none to it.
		Queue:         "outhook-" + p.Name + "-" + rand.Text(),
		Shards:        1,
		SweepInterval: time.Second,
	}, func() { _ = client.Close() }, nil
}

// putEndpoints makes an endpoint of each URL: ep_1 of the first, and so on.
// All of them share the secrets, which is for a command that sends to one's
// own receivers; an endpoint of a customer has secrets that no other one has.
func (o options) putEndpoints(ctx context.Context, cfg sender.Config, tenant string) error {
	secrets := make([]store.Secret, len(o.secrets))
	for i, value := range o.secrets {
		secrets[i].Value = value
	}
	var errs []error
	for i, url := range o.to {
		_, err := sender.PutEndpoint(ctx, cfg, store.Endpoint{
			ID:      fmt.Sprintf("ep_%d", i+1),
			Tenant:  tenant,
			URL:     url,
			Secrets: secrets,
			Timeout: o.timeout,
		})
		switch {
		case errors.Is(err, sender.ErrInvalid):
			errs = append(errs, inFlags(i, err))
		case err != nil:
			return err
		}
	}
	if len(errs) == 0 {
		return nil
	}
	// What is wrong with a secret or the timeout is wrong at every endpoint.
	lines := strings.Split(errors.Join(errs...).Error(), "\n")
	slices.Sort(lines)
	return usage("%s", strings.Join(slices.Compact(lines), "\n"))
}

// inFlags says in the words of the flags what sender says in those of its API.
func inFlags(to int, err error) error {
	words := strings.NewReplacer(
		"Endpoint.URL", fmt.Sprintf("-to[%d]", to),
		"Endpoint.Secrets", "-secret",
		"Endpoint.Timeout", "-timeout",
		"Event.Payload", "-data",
		"Config.UnsafeAllowHTTP", "-allow-local",
		"Config.UnsafeAllowPorts", "-allow-local",
		"Config.UnsafeAllowHosts and UnsafeAllowCIDRs permit", "-allow-local permits",
		" (Config.MaxPayload)", "",
	)
	return errors.New(words.Replace(err.Error()))
}

// deliver sends the event and works until its deliveries have ended.
func deliver(ctx context.Context, cfg sender.Config, event sender.Event, out io.Writer) error {
	workCtx, stop := context.WithCancel(ctx)
	defer stop()
	report := newReport(out, stop)
	cfg.Hooks = []sender.Hook{report}
	s, err := sender.New(cfg)
	if err != nil {
		return err
	}
	receipt, err := s.Send(ctx, event)
	switch {
	case errors.Is(err, sender.ErrInvalid):
		return usage("%v", inFlags(0, err))
	case err != nil:
		return err
	}
	report.expect(len(receipt.Deliveries))
	if err := sender.RunWorkers(workCtx, cfg); err != nil {
		return err
	}
	return report.outcome()
}

// usage returns an error that wraps errUsage.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w\n%w", fmt.Errorf(format, args...), errUsage)
}
