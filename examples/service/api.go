package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/outhook/outhook/sender"
)

// handler returns what serves the role's HTTP.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", s.answer(requestTimeout, s.health))
	if s.role.serves() {
		s.routes(mux)
	}
	return &front{mux: mux, log: s.log}
}

// routes are the portal, which has an API of its own, and what the product does.
// A real one takes the tenant from its login.
func (s *service) routes(mux *http.ServeMux) {
	mux.Handle("POST /v1/tenants/{tenant}/events", s.answer(requestTimeout, forTenant(s.sendEvent)))
	mux.HandleFunc(portalPath, s.servePortal)
	if s.demo != nil {
		mux.HandleFunc("GET /{$}", s.demo.serveHome)
	}
}

// handler does the work of a route. What it returns is written by its caller,
// so that there is one place that writes answers and one that writes errors.
type handler func(r *http.Request) (reply, error)

// tenantHandler is a handler of a route that belongs to a tenant.
type tenantHandler func(r *http.Request, tenant string) (reply, error)

// reply is an answer to be.
type reply struct {
	status int
	body   any // to be JSON; nil is no body
}

// forTenant checks the tenant first. "*" means all of them to a Store, and must
// never come from a request.
func forTenant(h tenantHandler) handler {
	return func(r *http.Request) (reply, error) {
		tenant := r.PathValue("tenant")
		if err := (sender.ReplayFilter{Tenant: tenant}).Validate(); err != nil {
			return reply{}, err
		}
		return h(r, tenant)
	}
}

// maxBody bounds the body of a request: the largest payload that the sender
// accepts by default, and what is around it.
const maxBody = 1<<20 + 64<<10

// answer makes an http.Handler of a handler.
func (s *service) answer(timeout time.Duration, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		reply, err := s.call(h, r.WithContext(ctx))
		if err != nil {
			writeProblem(w, s.problemOf(r, err))
			return
		}
		writeJSON(w, reply.status, "application/json", reply.body)
	})
}

// call calls the handler, and makes an error of its panic: the value of a panic
// may hold what belongs in no log.
func (s *service) call(h handler, r *http.Request) (answer reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("API: Recovered from a panic", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = newProblem(http.StatusInternalServerError, "")
		}
	}()
	return h(r)
}

// writeJSON encodes before it writes, so that a failure is still an answer.
func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Cache-Control", "no-store")
	if body == nil {
		w.WriteHeader(status)
		return
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client may be gone
}

// front is in front of the routes: it logs each request, and answers as the API
// does where the mux would answer in plain text.
type front struct {
	mux *http.ServeMux
	log *slog.Logger
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	if _, pattern := f.mux.Handler(r); pattern == "" {
		f.refuse(seen, r)
	} else {
		f.mux.ServeHTTP(seen, r)
	}
	level := slog.LevelInfo
	if r.Pattern == "GET /healthz" {
		level = slog.LevelDebug
	}
	// The pattern, not the path: that is the same for all tenants and ids.
	f.log.Log(r.Context(), level, "API: Request", "method", r.Method, "route", r.Pattern,
		"status", seen.status, "duration", time.Since(started))
}

// refuse answers what no route is for: with 405 and the methods that there are,
// or with 404.
func (f *front) refuse(w http.ResponseWriter, r *http.Request) {
	mux := &statusWriter{ResponseWriter: silent{http.Header{}}}
	f.mux.ServeHTTP(mux, r)
	if mux.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", mux.Header().Get("Allow"))
		writeProblem(w, newProblem(mux.status, "This address has these methods: "+mux.Header().Get("Allow")+"."))
		return
	}
	writeProblem(w, newProblem(http.StatusNotFound, "There is nothing at this address."))
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// silent is a ResponseWriter that nobody hears.
type silent struct{ header http.Header }

func (s silent) Header() http.Header { return s.header }

func (s silent) Write(text []byte) (int, error) { return len(text), nil }

func (s silent) WriteHeader(int) {}
