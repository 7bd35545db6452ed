package portal

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAuthorizePathValue: a host whose path has the workspace finds it in the
// request that Authorize gets, and not the portal's own variables.
func TestAuthorizePathValue(t *testing.T) {
	t.Parallel()

	s := newStage(t)
	var workspace, id, pattern string
	s.portal.cfg.Authorize = func(r *http.Request) (Access, error) {
		workspace, id, pattern = r.PathValue("workspace"), r.PathValue("id"), r.Pattern
		return Access{Tenant: workspace, May: All}, nil
	}
	const mounted = "/w/{workspace}/webhooks/"
	mux := http.NewServeMux()
	mux.HandleFunc(mounted, func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/w/"+r.PathValue("workspace")+"/webhooks", s.portal).ServeHTTP(w, r)
	})
	for _, path := range []string{"endpoints/ep_1", "api/v1/endpoints/ep_1"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/w/north/webhooks/"+path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404 for an endpoint that does not exist", path, w.Code)
		}
		if workspace != "north" || id != "" || pattern != mounted {
			t.Errorf("%s: Authorize saw workspace %q, id %q, pattern %q, want north, none and %q", path, workspace, id, pattern, mounted)
		}
	}
}

// TestMountedWithSlash: a prefix that ends with a slash is told of in the log,
// and does not redirect for ever to one more of its last part.
func TestMountedWithSlash(t *testing.T) {
	t.Parallel()

	s := newStage(t)
	h := http.StripPrefix("/webhooks/", s.portal)
	for _, path := range []string{"/webhooks/", "/webhooks/deliveries"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, w.Code)
		}
	}
	if log := s.log.String(); strings.Count(log, "must not end with a slash") != 2 {
		t.Errorf("The log does not say twice what is wrong:\n%s", log)
	}
}
