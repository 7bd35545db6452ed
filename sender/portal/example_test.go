package portal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/outhook/outhook/sender/portal"
	"github.com/outhook/outhook/sender/senderdev"
)

// sessionOf stands for the host's login.
func sessionOf(r *http.Request) (workspace string, ok bool) {
	cookie, err := r.Cookie("session")
	return "ws_1", err == nil && cookie.Value == "of somebody who is logged in"
}

func Example() {
	env, err := senderdev.Start()
	if err != nil {
		panic(err)
	}
	defer env.Close()
	cfg, mux := env.Config, http.NewServeMux()

	// readme:begin portal
	h, err := portal.New(portal.Config{
		Sender: cfg, // as sender.New and sender.RunWorkers have it
		Authorize: func(r *http.Request) (portal.Access, error) {
			workspace, ok := sessionOf(r) // your login
			if !ok {
				return portal.Access{}, portal.ErrUnauthenticated
			}
			return portal.Access{Tenant: workspace, May: portal.All}, nil
		},
		Theme: portal.Theme{Title: "Acme webhooks", Accent: "#0a7d55"},
	})
	if err != nil {
		panic(err)
	}
	mux.Handle("/settings/webhooks/", http.StripPrefix("/settings/webhooks", h))
	// readme:end portal

	for _, session := range []string{"of somebody who is logged in", "of nobody"} {
		r := httptest.NewRequest(http.MethodGet, "/settings/webhooks/", nil)
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}

	// Output:
	// 200
	// 401
}
