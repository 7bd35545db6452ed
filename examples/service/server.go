package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outhook/outhook/sender"
)

// service is a process of the product.
type service struct {
	role    role
	cfg     sender.Config
	db      *database
	sender  sender.Sender
	portal  http.Handler
	demo    *demo // nil without -demo
	log     *slog.Logger
	working atomic.Bool // the workers run
}

func newService(r role, cfg sender.Config, db *database, log *slog.Logger) (*service, error) {
	s, err := sender.New(cfg)
	if err != nil {
		return nil, err
	}
	all, err := newPortal(cfg)
	if err != nil {
		return nil, err
	}
	return &service{role: r, cfg: cfg, db: db, sender: s, portal: all, log: log}, nil
}

const (
	// requestTimeout bounds the work for most requests.
	requestTimeout = 15 * time.Second
	// portalTimeout is what the portal takes at most: its Test waits for an
	// endpoint.
	portalTimeout = sender.MaxTimeout + 10*time.Second
	// drainTimeout is how long requests under way may take once the process
	// is told to stop.
	drainTimeout = 20 * time.Second
)

// serve serves HTTP and delivers, as the role says, until ctx is done or one of
// the two has failed. It stops HTTP before the workers, so that what the last
// requests send is still on its way while there is somebody to deliver it.
func (s *service) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      portalTimeout + 5*time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	workersCtx, stopWorkers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorkers()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var running sync.WaitGroup
	var serveErr, workErr error
	running.Go(func() {
		defer cancel()
		serveErr = server.Serve(listener)
	})
	if s.role.delivers() {
		s.working.Store(true)
		running.Go(func() {
			defer cancel()
			defer s.working.Store(false)
			workErr = sender.RunWorkers(workersCtx, s.cfg)
		})
	}
	if s.demo != nil {
		s.demo.announce(s.log, listener.Addr())
		running.Go(func() { s.demo.goOn(ctx, s) })
	}
	s.log.Info("Service: Started", "address", listener.Addr().String(), "role", string(s.role), "database", s.db.name)

	<-ctx.Done()
	s.log.Info("Service: Stopping")
	drainErr := drain(context.WithoutCancel(ctx), server)
	stopWorkers()
	running.Wait()
	if errors.Is(serveErr, http.ErrServerClosed) {
		serveErr = nil
	}
	s.log.Info("Service: Stopped")
	return errors.Join(serveErr, workErr, drainErr)
}

// drain lets the server accept nothing more and answer what it has accepted.
func drain(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off after %s: %w", drainTimeout, err), server.Close())
	}
	return nil
}
