package portal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/outhook/outhook/sender/portal"
	"github.com/outhook/outhook/sender/senderdev"
)

// authorize asks the host's login who it is. Here that is a cookie with a word.
func authorize(r *http.Request) (portal.Access, error) {
	session, err := r.Cookie("session")
	if err != nil || session.Value != "of somebody who is logged in" {
		return portal.Access{}, portal.ErrUnauthenticated
	}
	return portal.Access{Tenant: "ws_1", May: portal.View | portal.Replay}, nil
}

func Example() {
	env, err := senderdev.Start()
	if err != nil {
		panic(err)
	}
	defer env.Close()
	cfg, mux := env.Config, http.NewServeMux()

	// readme:begin portal
	h, err := portal.New(portal.Config{Sender: cfg, Authorize: authorize, Theme: portal.Theme{Title: "Acme webhooks"}})
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
