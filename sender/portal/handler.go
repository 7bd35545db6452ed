package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/outhook/outhook/sender"
)

const (
	// requestTimeout bounds the work for most requests.
	requestTimeout = 15 * time.Second
	// longTimeout is for those that wait for an endpoint.
	longTimeout = sender.MaxTimeout + 10*time.Second
	// maxBody bounds the body of a request, a form or JSON: the headers and
	// patterns of an endpoint, however they are encoded.
	maxBody = 256 << 10
)

// visit is a request of somebody who may make it.
type visit struct {
	*http.Request
	Access

	// Root leads from the page that is asked for to the portal's root: "./", "../"
	// and so on.
	Root string
}

// routes are all there are. Those of the API begin with /api/.
func (p *portal) routes() *http.ServeMux {
	mux := http.NewServeMux()
	p.apiRoutes(func(pattern string, needs Permission, timeout time.Duration, h apiHandler) {
		mux.Handle(pattern, p.authorized(needs, timeout, p.answerJSON(h)))
	})
	p.pageRoutes(func(pattern string, needs Permission, timeout time.Duration, h pageHandler) {
		mux.Handle(pattern, p.authorized(needs, timeout, p.answerPage(h)))
	})
	mux.HandleFunc("GET /assets/{name}", p.serveAsset)
	return mux
}

// ServeHTTP implements [http.Handler].
func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.secure(w.Header())
	defer p.recover(w, r)
	if r.URL.Path == "" && !strings.HasSuffix(r.RequestURI, "/") { // the root, as it may be mounted without a slash
		toRoot(w, r)
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/") {
		p.log.WarnContext(r.Context(), "Portal: Mounted wrongly: the prefix of http.StripPrefix must not end with a slash")
		p.fail(w, r, errNoPage)
		return
	}
	// A path that is not in its shortest form is nobody's: the mux would redirect
	// to the shorter one, which is relative to a root that it does not know.
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path {
		p.fail(w, r, errNoPage)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		p.fail(w, r, errCrossOrigin)
		return
	}
	if _, pattern := p.mux.Handler(r); pattern == "" {
		p.refuse(w, r)
		return
	}
	// The mux writes its own pattern into the request that it gets: the host's
	// stays in r.
	p.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askedKey{}, r)))
}

// askedKey is where a request's context has the request as the host handed it over.
type askedKey struct{}

// secure sets what every answer has. Nothing of the portal runs but its own
// scripts, loads but from itself, or is shown inside another page; what customers
// and strangers wrote is escaped, and would do nothing if it were not.
func (p *portal) secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// authorized makes sure that somebody may do what h does, before it begins.
func (p *portal) authorized(needs Permission, timeout time.Duration, h func(http.ResponseWriter, *visit)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := r.Context().Value(askedKey{}).(*http.Request)
		access, err := p.cfg.Authorize(asked)
		switch {
		case errors.Is(err, ErrUnauthenticated):
			p.fail(w, r, errUnauthenticated)
			return
		case err != nil:
			p.log.ErrorContext(r.Context(), "Portal: Authorize failed", "error", err)
			p.fail(w, r, errNoAuthorize)
			return
		}
		if err := (sender.ReplayFilter{Tenant: access.Tenant}).Validate(); err != nil {
			p.log.ErrorContext(r.Context(), "Portal: Authorize names no tenant", "error", err)
			p.fail(w, r, errNoAuthorize)
			return
		}
		if access.May&needs != needs {
			p.fail(w, r, errForbidden)
			return
		}
		if strings.ContainsFunc(r.PathValue("id"), unprintable) {
			p.fail(w, r, errNotFound) // and no database takes it for an id
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		// A read of the body does not end with ctx. It ends after it: net/http takes a
		// connection that cannot be read for a client that has gone. Some middleware hides
		// the connection; then it is left to the server's ReadTimeout.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout + time.Second))
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h(w, &visit{Request: r.WithContext(ctx), Access: access, Root: rootOf(r.URL)})
	})
}

// maxDepth is how deep the root may lie, more than for any route. A longer path is
// nobody's, and the answer must not be many times its length.
const maxDepth = 10

// rootOf leads from an address to the root: "./" from "/deliveries", "../" from
// "/deliveries/dlv_1". It counts the slashes that a browser does, and not those that
// are escaped in an id: the root would lie beside the portal.
func rootOf(at *url.URL) string {
	if up := strings.Count(at.EscapedPath(), "/") - 1; up > 0 {
		return strings.Repeat("../", min(up, maxDepth))
	}
	return "./"
}

// toRoot adds the slash without which relative links would lead beside the portal.
func toRoot(w http.ResponseWriter, r *http.Request) {
	asked, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	}
	last := asked.EscapedPath()
	if last = last[strings.LastIndexByte(last, '/')+1:]; last != "" {
		last += "/"
	}
	w.Header().Set("Location", "./"+last)
	w.WriteHeader(http.StatusMovedPermanently)
}

// unprintable is what no id or name has: control characters, and the mark of
// bytes that are not UTF-8.
func unprintable(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// refuse answers what no route is for: with 405 and the methods that there are,
// or with 404.
func (p *portal) refuse(w http.ResponseWriter, r *http.Request) {
	mux := &silent{header: http.Header{}}
	p.mux.ServeHTTP(mux, r)
	if mux.status != http.StatusMethodNotAllowed {
		p.fail(w, r, errNoPage)
		return
	}
	allow := mux.header.Get("Allow")
	w.Header().Set("Allow", allow)
	p.fail(w, r, newProblem(mux.status, "This address has these methods: "+allow+"."))
}

// fail answers with an error, in the form that the address is for.
func (p *portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	problem := p.problemOf(r, err)
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeProblem(w, problem)
		return
	}
	p.writeProblemPage(w, r, problem)
}

// recover answers where a handler panicked.
func (p *portal) recover(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(v)
	}
	p.logPanic(r.Context(), v)
	p.fail(w, r, newProblem(http.StatusInternalServerError, ""))
}

// logPanic logs that there was a panic, and not its value, which may hold what belongs
// in no log.
func (p *portal) logPanic(ctx context.Context, v any) {
	p.log.ErrorContext(ctx, "Portal: Recovered from a panic",
		slog.String("type", fmt.Sprintf("%T", v)), slog.String("stack", string(debug.Stack())))
}

// silent is a ResponseWriter that nobody hears.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header { return s.header }

func (s *silent) Write(text []byte) (int, error) { return len(text), nil }

func (s *silent) WriteHeader(status int) { s.status = status }
