package sender_test

import (
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// The set-up of a production process that delivers.
func Example_production() {
	var myStore store.Store // your Store, on your database

	// readme:begin production
	rdb := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true}) // or it ignores deadlines
	defer rdb.Close()
	cfg := sender.Config{
		Store:       myStore,
		Redis:       rdb,
		Concurrency: 256,                 // attempts at once in this process
		Retention:   30 * 24 * time.Hour, // then an event goes, with its attempts; by default none does
		Logger:      slog.Default(),
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := sender.RunWorkers(ctx, cfg); err != nil { // blocks, drains, returns nil
		log.Fatal(err)
	}
	// readme:end production
}
