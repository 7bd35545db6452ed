// Service is the backend of a small product with many tenants: it takes their
// orders, and tells their endpoints of them. It is how a host uses Outhook, in
// one program: the portal that its customers see, events in the host's own
// transaction, health, and a stop that loses nothing. It needs nothing running, or a Redis and a PostgreSQL. From the
// root of the repository:
//
//	go -C examples/service run . -demo
//	go -C examples/service run . -redis embedded -database sqlite:outhook.db -allow-local
//	go -C examples/service run . -redis redis://127.0.0.1:6379/0 -database postgres://shop:secret@127.0.0.1:5432/shop
//
// README.md beside this file goes through the API with curl.
//
//	-listen ADDR      where HTTP is served. Defaults to 127.0.0.1:8080
//	-redis URL        redis://…, rediss://…, or embedded: one inside the process.
//	                  Defaults to embedded
//	-database URL     postgres://…, mysql://…, sqlite:PATH, or memory: nothing is
//	                  kept, and there are no transactions. Defaults to memory
//	-role ROLE        web serves the portal and the API, worker delivers, all does both. Each
//	                  serves /healthz. Defaults to all
//	-allow-local      permit endpoints that are http URLs, this machine or private
//	                  networks: for development
//	-demo             fill the portals of three tenants with a made-up past of 30 days,
//	                  once, and let them go on. Their customers' servers are in the
//	                  process. Implies -allow-local
//	-concurrency N    attempts at once. Defaults to 64
//	-keep DURATION    how long events and their attempts are kept, 1h or more; 0 is
//	                  for ever. Defaults to 720h, 30 days
//	-log-level LEVEL  debug, info, warn or error. Defaults to info
//
// There is no login: whoever reaches the address is every tenant. A real
// product has its login in front, and takes the tenant from that, never from
// the path alone.
//
// SIGTERM and SIGINT stop it: requests under way are answered, then attempts
// under way are finished. The exit code is 0 after such a stop, 1 after a
// failure, and 2 if the flags were at fault.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() {
	o, err := parse(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(2)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	redis.SetLogger(redisLog{log})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, o, log); err != nil {
		log.Error("Service: Failed", "error", err)
		os.Exit(1)
	}
}

// run opens what the service needs, serves until ctx is done, and closes it in
// the opposite order.
func run(ctx context.Context, o options, log *slog.Logger) error {
	// First of all: a second process of the same address is a mistake.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	defer listener.Close()
	rdb, err := openRedis(o.redis)
	if err != nil {
		return err
	}
	defer rdb.close()
	db, err := openDatabase(ctx, o.database, log)
	if ctx.Err() != nil {
		log.Info("Service: Stopped before the database was there")
		return nil
	}
	if err != nil {
		return err
	}
	defer db.close()

	cfg, err := newConfig(o, rdb, db.store, log)
	if err != nil {
		return err
	}
	var d *demo
	if o.demo {
		if d, err = startDemo(ctx, &cfg); err != nil {
			return err
		}
		defer d.close()
	}
	svc, err := newService(o.role, cfg, db, log) //nolint:contextcheck // the portal's pages have the context of their requests
	if err != nil {
		return err
	}
	if svc.demo = d; d != nil {
		if err := d.seed(ctx, db, time.Now(), log); err != nil {
			return err
		}
	}
	return svc.serve(ctx, listener)
}
