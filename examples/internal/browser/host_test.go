package browser

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/portal"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// patience bounds each wait.
const patience = 30 * time.Second

// product is what a host has of its own.
type product struct {
	tenant  string
	name    string
	profile sender.Profile
	catalog func() ([]sender.EventType, error)
	theme   portal.Theme
}

var (
	jamProduct = product{
		tenant: "ws_1", name: "Acme workspace", profile: jam.Profile(), catalog: jam.Catalog,
		theme: portal.Theme{Title: "Jam Webhooks", Accent: "#e5484d", HomeURL: "/workspaces/ws_1/settings"},
	}
	jasperProduct = product{
		tenant: "org_abc123", name: "Your Organization", profile: jasper.Profile(), catalog: jasper.Catalog,
		theme: portal.Theme{Title: "Jasper Webhooks", Accent: "#ffd400"},
	}
)

// giveUpAtOnce is the product with a retry schedule that ends within a test.
func (p product) giveUpAtOnce() product {
	p.profile.Retry = retry.Schedule{0}
	return p
}

// mount is where the portal is: deep in the host's own paths.
const mount = "/workspaces/ws_1/settings/webhooks"

// host is a product's backend: the portal on its web server, and its workers.
type host struct {
	product

	cfg    sender.Config
	sender sender.Sender
	origin string // such as http://127.0.0.1:8080
}

// newHost starts a product with one receiver, whose certificate it knows.
func newHost(t *testing.T, p product, r *receiver) *host {
	t.Helper()
	redis := testenv.Redis(t).Client()
	catalog, err := p.catalog()
	if err != nil {
		t.Fatal(err)
	}
	cfg := sender.Config{
		Store: memstore.New(), Redis: redis, Profile: p.profile, Events: catalog, SweepInterval: time.Second,
		UnsafeAllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UnsafeAllowPorts: []uint16{0},
	}
	roots := r.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	transport, err := sender.NewTransport(cfg, sender.TransportOptions{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Transport = transport
	h := &host{product: p, cfg: cfg}
	if h.sender, err = sender.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	workers.Go(func() {
		if err := sender.RunWorkers(ctx, cfg); err != nil {
			t.Errorf("RunWorkers: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		workers.Wait()
	})
	h.serve(t)
	return h
}

// serve mounts the portal as a host does.
func (h *host) serve(t *testing.T) {
	t.Helper()
	pages, err := portal.New(portal.Config{Sender: h.cfg, Authorize: h.authorize, Theme: h.theme})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(mount+"/", http.StripPrefix(mount, pages))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.origin = server.URL
}

// authorize reads the host's session, a cookie.
func (h *host) authorize(r *http.Request) (portal.Access, error) {
	session, err := r.Cookie("session")
	if err != nil {
		return portal.Access{}, portal.ErrUnauthenticated
	}
	access := portal.Access{Tenant: h.tenant, Name: h.name, May: portal.All}
	if session.Value == "viewer" {
		access.May = portal.View
	}
	return access, nil
}

// url is the address of a page of the portal.
func (h *host) url(path string) string { return h.origin + mount + "/" + path }

// capture sends Jam's first event, as when somebody captures a Jam.
func (h *host) capture(t *testing.T) sender.Receipt {
	t.Helper()
	event, err := jam.NewEvent(h.tenant, jam.ExampleCreated())
	if err != nil {
		t.Fatal(err)
	}
	return h.send(t, event)
}

// review sends Jasper's first event, as when a review completes.
func (h *host) review(t *testing.T) sender.Receipt {
	t.Helper()
	event, err := jasper.NewEvent(jasper.Organization{ID: h.tenant, Name: h.name}, time.Now(), jasper.ExampleReviewCompleted())
	if err != nil {
		t.Fatal(err)
	}
	return h.send(t, event)
}

func (h *host) send(t *testing.T, event sender.Event) sender.Receipt {
	t.Helper()
	receipt, err := h.sender.Send(t.Context(), event)
	if err != nil || len(receipt.Deliveries) == 0 {
		t.Fatalf("Send: %d deliveries, %v", len(receipt.Deliveries), err)
	}
	return receipt
}

// endpoint adds an endpoint where a test is not about adding one.
func (h *host) endpoint(t *testing.T, r *receiver, change func(*store.Endpoint)) store.Endpoint {
	t.Helper()
	e := store.Endpoint{Tenant: h.tenant, URL: r.url(), Description: "Ticket robot"}
	if change != nil {
		change(&e)
	}
	e, err := sender.PutEndpoint(t.Context(), h.cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	r.verify(h.profile, e.Secrets[0].Value)
	return e
}

// only returns the tenant's only endpoint.
func (h *host) only(t *testing.T) store.Endpoint {
	t.Helper()
	page, err := h.cfg.Store.ListEndpoints(t.Context(), store.EndpointFilter{Tenant: h.tenant})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("there are %d endpoints, %v; want 1", len(page.Items), err)
	}
	return page.Items[0]
}

// ended waits until a delivery has ended, and returns it.
func (h *host) ended(t *testing.T, id string) store.Delivery {
	t.Helper()
	var d store.Delivery
	wait(t, "delivery "+id+" has ended", func() bool {
		var err error
		d, err = h.cfg.Store.GetDelivery(t.Context(), h.tenant, id)
		return err == nil && d.State != store.Pending
	})
	return d
}

// wait polls until the condition holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// pretty is JSON as the pages show it.
func pretty(t *testing.T, payload []byte) string {
	t.Helper()
	var indented strings.Builder
	encoder := json.NewEncoder(&indented)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(json.RawMessage(payload)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(indented.String())
}
