package main

import (
	"context"
	"net/http"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/portal"
)

// tenantKey is where a request's context has the tenant.
type tenantKey struct{}

// authorize says whose webhooks a request may see, and what it may do there.
// This service has no login: it believes the path, and permits everything. A
// host asks the session that its login has put into the context or a cookie:
//
//	session, err := sessions.Find(r)
//	switch {
//	case errors.Is(err, sessions.ErrNone):
//		return portal.Access{}, portal.ErrUnauthenticated // 401
//	case err != nil:
//		return portal.Access{}, err // 503, and in the log
//	}
//	access := portal.Access{Tenant: session.Workspace.ID, Name: session.Workspace.Name, May: portal.View}
//	if session.User.IsAdmin {
//		access.May = portal.All
//	}
//	return access, nil
func authorize(r *http.Request) (portal.Access, error) {
	tenant, ok := r.Context().Value(tenantKey{}).(string)
	if !ok {
		return portal.Access{}, portal.ErrUnauthenticated
	}
	return portal.Access{Tenant: tenant, Name: tenant, May: portal.All}, nil
}

// portalPath is where a tenant's portal is.
const portalPath = "/tenants/{tenant}/webhooks/"

// servePortal serves the tenant's portal. A host whose session has the tenant
// needs no more than http.Handle("/webhooks/", http.StripPrefix("/webhooks", portal)).
func (s *service) servePortal(w http.ResponseWriter, r *http.Request) {
	tenant := r.PathValue("tenant")
	// "*" means all of them to a Store, and must never come from a request.
	if err := (sender.ReplayFilter{Tenant: tenant}).Validate(); err != nil {
		writeProblem(w, s.problemOf(r, err))
		return
	}
	r = r.Clone(context.WithValue(r.Context(), tenantKey{}, tenant))
	r.URL.RawPath = "" // of a tenant with an escaped "/"; StripPrefix would look for it there as well
	handler := s.portal
	if s.demo != nil && s.demo.portals[tenant] != nil {
		handler = s.demo.portals[tenant]
	}
	http.StripPrefix("/tenants/"+tenant+"/webhooks", handler).ServeHTTP(w, r)
}
