package portal

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// Config is what [New] needs. The zero value of every optional field is its
// default.
type Config struct {
	// Sender is the Config that sender.New and sender.RunWorkers have: endpoints
	// are checked against it, and its Events are the catalog that customers pick
	// from. Required.
	Sender sender.Config

	// Authorize says who asks, and what they may do. It is called for each
	// request but those for the portal's own style sheets and scripts,
	// concurrently, with the request as the handler got it: the host's session is
	// in its cookies or its context, and the variables of the pattern that the
	// handler is mounted at are in PathValue. Its body is the portal's to read.
	// Required.
	//
	// An error that wraps ErrUnauthenticated is answered with 401, any other with
	// 503 and is logged: a session store that is down must not look like a
	// stranger. For somebody who is logged in, and must not see this tenant, return
	// its Access with nothing in May: that is answered with 403. A host that sends
	// strangers to its login page does so in a handler of its own, in front of this
	// one.
	Authorize func(*http.Request) (Access, error)

	// Theme is how the pages look. Its zero value is plain.
	Theme Theme

	// Profiles are the names of the profiles that customers may choose from for
	// an endpoint; "" is the default one. The first is that of a new endpoint. If
	// there is one, nobody is asked.
	// Defaults to the default one alone.
	Profiles []string
}

// Access is what a request may do, and to which tenant: nothing else of the
// Store exists for it.
type Access struct {
	// Tenant is the one whose webhooks are shown and changed. Required, and never
	// store.AllTenants.
	Tenant string
	// Name is shown at the top of each page: the workspace, the organization.
	// Optional.
	Name string
	// May is what the request may do. Zero is nothing.
	May Permission
}

// Permission is a set of what somebody may do.
type Permission uint8

// The permissions. All but View go beyond reading; they are of use together with
// it.
const (
	// View shows endpoints, deliveries, payloads, answers and statistics, and
	// neither secrets nor the values of headers.
	View Permission = 1 << iota
	// Secrets shows signing secrets.
	Secrets
	// Manage creates, changes, tests, enables, disables and deletes endpoints, and
	// rotates their secrets.
	Manage
	// Replay sends deliveries again.
	Replay

	// All is all of them.
	All = View | Secrets | Manage | Replay
)

// ErrUnauthenticated is what Config.Authorize returns, wrapped or as it is, for a
// request of nobody.
var ErrUnauthenticated = errors.New("not authenticated")

// New returns the portal and its API as a handler. It reports every fault of the
// Config at once, each a *sender.FieldError or wrapping sender.ErrInvalid, and
// contacts neither Redis nor the Store. The handler is safe for concurrent use and
// holds nothing that needs closing.
//
// Its paths begin at its own root: mount it with http.StripPrefix, as one mounts
// http.FileServer, without a slash at the prefix's end and for all methods: below
// "GET /webhooks/" every form would be answered with 405. Where the path has a
// variable, strip what it stands for:
//
//	mux.HandleFunc("/w/{workspace}/webhooks/", func(w http.ResponseWriter, r *http.Request) {
//		http.StripPrefix("/w/"+r.PathValue("workspace")+"/webhooks", h).ServeHTTP(w, r)
//	})
//
// Authorize then sees to it that the session may see that workspace: the portal
// does not. Links are relative, so that it works under any path, also one that a
// proxy in front takes away or adds.
func New(cfg Config) (http.Handler, error) {
	s, err := sender.New(cfg.Sender)
	var faults []error
	if err != nil {
		faults = append(faults, fmt.Errorf("Config.Sender: %w", err))
	}
	if cfg.Authorize == nil {
		faults = append(faults, &sender.FieldError{
			Field: "Config.Authorize", Problem: "is nil", Bound: "a function that says whose webhooks a request may see",
		})
	}
	if len(cfg.Profiles) == 0 {
		cfg.Profiles = []string{""}
	}
	cfg.Profiles = slices.Clone(cfg.Profiles)
	for i, name := range cfg.Profiles {
		if _, ok := cfg.Sender.Profiles[name]; !ok && name != "" {
			faults = append(faults, &sender.FieldError{
				Field: fmt.Sprintf("Config.Profiles[%d]", i), Problem: fmt.Sprintf("is %q", name),
				Bound: "empty, or the name of a profile in Config.Sender.Profiles",
			})
		}
	}
	look, err := cfg.Theme.compile()
	if err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	p := &portal{
		cfg: cfg, sender: s, store: cfg.Sender.Store, look: look,
		log: cmp.Or(cfg.Sender.Logger, slog.New(slog.DiscardHandler)),
	}
	p.mux = p.routes()
	return p, nil
}

// portal is the handler.
type portal struct {
	cfg    Config
	sender sender.Sender
	store  store.Store
	look   look
	log    *slog.Logger
	mux    *http.ServeMux
	tests  underWay
	starts underWay // of bulk replays
}
