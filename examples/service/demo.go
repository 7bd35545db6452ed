package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// demo is what -demo adds: tenants with a past, their servers, and what happens
// next.
type demo struct {
	cfg      sender.Config
	tenants  []demoTenant
	receiver *demoReceiver
	portals  map[string]http.Handler // by tenant; those of their product alone
}

// startDemo starts the servers of the demo's customers, and leads cfg to them.
// Close ends them.
func startDemo(ctx context.Context, cfg *sender.Config) (*demo, error) {
	receiver, err := startDemoReceiver(ctx, *cfg)
	if err != nil {
		return nil, fmt.Errorf("-demo: %w", err)
	}
	cfg.Transport = receiver
	d := &demo{cfg: *cfg, tenants: demoTenants, receiver: receiver, portals: map[string]http.Handler{}}
	for _, tenant := range d.tenants {
		//nolint:contextcheck // its pages have the context of their requests
		if d.portals[tenant.name], err = tenant.product.portal(*cfg); err != nil {
			return nil, errors.Join(fmt.Errorf("-demo: %w", err), receiver.close())
		}
	}
	return d, nil
}

func (d *demo) close() error { return d.receiver.close() }

// seed writes the past of each tenant up to now, all or nothing. A tenant that has
// anything is left alone: it has its past, or is somebody else's.
func (d *demo) seed(ctx context.Context, db *database, now time.Time, log *slog.Logger) error {
	for _, tenant := range d.tenants {
		started := time.Now()
		err := db.atOnce(ctx, func(st store.Store) error {
			if err := wantNothing(ctx, st, tenant.name); err != nil {
				return err
			}
			past, err := newPast(tenant, d.cfg, st, now)
			if err != nil {
				return err
			}
			return past.write(ctx)
		})
		switch {
		case errors.Is(err, errHasPast), errors.Is(err, store.ErrExists): // of a process that started with this one
			log.InfoContext(ctx, "Demo: The tenant has a past already", "tenant", tenant.name)
		case err != nil:
			return fmt.Errorf("-demo: %w", err)
		default:
			log.InfoContext(ctx, "Demo: Made up a past", "tenant", tenant.name, "took", time.Since(started).Round(time.Millisecond))
		}
	}
	return nil
}

var errHasPast = errors.New("the tenant has a past already")

// wantNothing returns errHasPast if the tenant has anything.
func wantNothing(ctx context.Context, st store.Store, tenant string) error {
	endpoints, err := st.ListEndpoints(ctx, store.EndpointFilter{Tenant: tenant, Limit: 1})
	if err != nil {
		return err
	}
	deliveries, err := st.ListDeliveries(ctx, store.DeliveryFilter{Tenant: tenant, Limit: 1})
	if err == nil && len(endpoints.Items)+len(deliveries.Items) > 0 {
		return errHasPast
	}
	return err
}

// atOnce calls do with a Store whose writes are made together; in memory, one by
// one.
func (d *database) atOnce(ctx context.Context, do func(store.Store) error) error {
	if d.sql == nil {
		return do(d.store)
	}
	tx, err := d.sql.BeginTx(ctx, d.kind.options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(d.tx(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

const (
	// demoPace is how often something happens while the demo runs.
	demoPace = 3 * time.Second
	// demoMemory is how far ahead a story is told; the rest of it is not.
	demoMemory = 30 * time.Minute
)

// goOn lets things happen until ctx is done.
func (d *demo) goOn(ctx context.Context, s *service) {
	tick := time.NewTicker(demoPace)
	defer tick.Stop()
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	var coming []told
	for n := int(time.Now().Unix()) % 1e6; ; n++ {
		now := time.Now()
		tenant := pick(r, d.tenants...)
		events, err := tenant.story(r, tenant.name, n, now)
		if err != nil {
			s.log.ErrorContext(ctx, "Demo: No story", "error", err)
		}
		coming = append(coming, events...)
		coming = slices.DeleteFunc(coming, func(t told) bool {
			if t.at.After(now) {
				return t.at.After(now.Add(demoMemory))
			}
			if err := s.tell(ctx, t.event); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "Demo: Could not send an event", "type", t.event.Type, "error", err)
			}
			return true
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// tell sends an event of the demo. The shop's own have an order.
func (s *service) tell(ctx context.Context, event sender.Event) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	send := s.sender.Send
	if strings.HasPrefix(event.Type, "order.") {
		send = s.placeOrder
	}
	_, err := send(ctx, event)
	return err
}

func portalOf(tenant string) string { return strings.Replace(portalPath, "{tenant}", tenant, 1) }

// announce says where the portals are.
func (d *demo) announce(log *slog.Logger, address net.Addr) {
	for _, tenant := range d.tenants {
		log.Info("Demo: Open the portal of "+tenant.name, "url", "http://"+address.String()+portalOf(tenant.name))
	}
}

// serveHome leads to the portals.
func (d *demo) serveHome(w http.ResponseWriter, _ *http.Request) {
	var page strings.Builder
	page.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Demo</title></head>\n" +
		"<body><h1>Webhook portals</h1>\n<ul>\n")
	for _, tenant := range d.tenants {
		fmt.Fprintf(&page, "<li><a href=%q>%s</a>: %s</li>\n", portalOf(tenant.name), html.EscapeString(tenant.name),
			html.EscapeString(tenant.product.title))
	}
	page.WriteString("</ul></body></html>\n")
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(page.String())) // whoever asked may be gone
}
