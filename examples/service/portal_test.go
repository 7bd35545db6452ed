package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender/portal"
)

// The portal sees its own paths, and whose they are, whatever the tenant's name.
func TestPortalIsMounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	var access portal.Access
	var path string
	f.svc.portal = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if access, err = authorize(r); err != nil {
			t.Error(err)
		}
		path = r.URL.Path
	})
	for _, tc := range []struct{ asked, tenant, path string }{
		{"/tenants/acme/webhooks/", "acme", "/"},
		{"/tenants/acme/webhooks/api/v1/endpoints", "acme", "/api/v1/endpoints"},
		{"/tenants/my%20shop/webhooks/deliveries/dlv_1", "my shop", "/deliveries/dlv_1"},
		{"/tenants/a%2Fwebhooks%2Fb/webhooks/", "a/webhooks/b", "/"},
	} {
		if got := f.do(t, "DELETE", tc.asked, ""); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", tc.asked, got.status, got.body)
		}
		if want := (portal.Access{Tenant: tc.tenant, Name: tc.tenant, May: portal.All}); access != want || path != tc.path {
			t.Errorf("%s: %s for %+v, want %s for %+v", tc.asked, path, access, tc.path, want)
		}
	}
	if !strings.Contains(f.logs.String(), `route="`+portalPath+`"`) && !strings.Contains(f.logs.String(), "route="+portalPath) {
		t.Errorf("the log does not name the route:\n%s", f.logs)
	}
}

func TestPortalOfNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	got := f.do(t, "GET", "/tenants/*/webhooks/", "") // "*" is all of them
	if got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if access, err := authorize(r); err == nil {
		t.Errorf("a request that came another way has %+v", access)
	}
}

// What the portal has to say of a wrong address is its own.
func TestPortalAnswersItself(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory)
	for path, contentType := range map[string]string{
		"/tenants/acme/webhooks/nothing":        "text/",
		"/tenants/acme/webhooks/api/v1/nothing": "application/problem+json",
	} {
		got := f.do(t, "GET", path, "")
		if got.status != http.StatusNotFound || !strings.HasPrefix(got.header.Get("Content-Type"), contentType) ||
			!strings.Contains(got.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
}
