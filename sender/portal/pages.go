package portal

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// pageHandler does the work of a page. What it returns is written by its caller.
type pageHandler func(v *visit) (view, error)

// view is an answer to be: a page, or where to go on, or a file.
type view struct {
	page   string // the template, such as "endpoints"
	title  string
	nav    string // the part of the navigation that it belongs to
	status int    // 0 is 200
	data   any

	// goTo is a place below the root, for a browser that has done what it asked for.
	goTo string
	// file is sent to be saved, never to be shown.
	file     []byte
	fileName string
}

// frame is what the layout is filled with.
type frame struct {
	Look   look
	Root   string
	Name   string
	Title  string
	Nav    string
	Notice string
	May    may
	Data   any
}

// may are the permissions, for templates.
type may struct{ View, Secrets, Manage, Replay bool }

func (a Access) may() may {
	return may{a.May&View != 0, a.May&Secrets != 0, a.May&Manage != 0, a.May&Replay != 0}
}

// pageRoutes are the routes of the pages. Each works without scripts.
func (p *portal) pageRoutes(handle func(pattern string, needs Permission, timeout time.Duration, h pageHandler)) {
	handle("GET /{$}", View, requestTimeout, p.endpointsPage)
	handle("GET /endpoints/new", View|Manage, requestTimeout, p.newEndpointPage)
	handle("POST /endpoints", View|Manage, requestTimeout, p.createEndpointForm)
	handle("GET /endpoints/{id}", View, requestTimeout, p.endpointPage)
	handle("GET /endpoints/{id}/edit", View|Manage, requestTimeout, p.editEndpointPage)
	handle("POST /endpoints/{id}/edit", View|Manage, requestTimeout, p.editEndpointForm)
	handle("POST /endpoints/{id}/enable", View|Manage, requestTimeout, p.switchEndpointForm(false))
	handle("POST /endpoints/{id}/disable", View|Manage, requestTimeout, p.switchEndpointForm(true))
	handle("GET /endpoints/{id}/delete", View|Manage, requestTimeout, p.deleteEndpointPage)
	handle("POST /endpoints/{id}/delete", View|Manage, requestTimeout, p.deleteEndpointForm)
	handle("POST /endpoints/{id}/secret", View|Secrets, requestTimeout, p.revealSecretForm)
	handle("GET /endpoints/{id}/secret", View, requestTimeout, p.backToEndpoint)
	handle("GET /endpoints/{id}/rotate", View|Manage, requestTimeout, p.rotateSecretPage)
	handle("POST /endpoints/{id}/rotate", View|Manage, requestTimeout, p.rotateSecretForm)
	handle("POST /endpoints/{id}/test", View|Manage, longTimeout, p.testEndpointForm)
	handle("GET /endpoints/{id}/test", View, requestTimeout, p.backToEndpoint)
	handle("GET /deliveries", View, requestTimeout, p.deliveriesPage)
	handle("GET /deliveries/{id}", View, requestTimeout, p.deliveryPage)
	handle("GET /deliveries/{id}/payload", View, requestTimeout, p.payloadFile)
	handle("GET /deliveries/{id}/attempts/{attempt}/body", View, requestTimeout, p.responseFile)
	handle("POST /deliveries/{id}/replay", View|Replay, requestTimeout, p.replayDeliveryForm)
	handle("GET /replays", View, requestTimeout, p.replaysPage)
	handle("GET /replays/new", View|Replay, requestTimeout, p.newReplayPage)
	handle("POST /replays", View|Replay, requestTimeout, p.startReplayForm)
	handle("GET /replays/{id}", View, requestTimeout, p.replayPage)
	handle("POST /replays/{id}/cancel", View|Replay, requestTimeout, p.cancelReplayForm)
	handle("GET /events", View, requestTimeout, p.eventsPage)
}

// answerPage makes a handler of h.
func (p *portal) answerPage(h pageHandler) func(http.ResponseWriter, *visit) {
	return func(w http.ResponseWriter, v *visit) {
		answer, err := h(v)
		switch {
		case err != nil:
			p.fail(w, v.Request, err)
		case answer.goTo != "":
			w.Header().Set("Location", v.Root+answer.goTo)
			w.WriteHeader(http.StatusSeeOther)
		case answer.fileName != "":
			// Not text/html, whatever is in it, and not in the portal's own window.
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("Content-Disposition", `attachment; filename="`+answer.fileName+`"`)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
			_, _ = w.Write(answer.file) // the client may be gone
		default:
			p.writePage(w, v.Request, v.Access, answer)
		}
	}
}

// writePage fills the template before it writes, so that a failure is still an
// answer.
func (p *portal) writePage(w http.ResponseWriter, r *http.Request, access Access, answer view) {
	var notice string
	if answer.status == 0 { // what failed was not done
		notice = notices[r.URL.Query().Get("done")]
	}
	var text bytes.Buffer
	err := templates[answer.page].ExecuteTemplate(&text, "layout", frame{
		Look: p.look, Root: rootOf(r.URL), Name: access.Name, Title: answer.title, Nav: answer.nav,
		Notice: notice, May: access.may(), Data: answer.data,
	})
	if err != nil {
		p.log.ErrorContext(r.Context(), "Portal: A page could not be made", "page", answer.page, "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if answer.status != 0 {
		w.WriteHeader(answer.status)
	}
	_, _ = w.Write(text.Bytes()) // the client may be gone
}

// writeProblemPage shows an error, and nothing of the tenant: it may be nobody's.
func (p *portal) writeProblemPage(w http.ResponseWriter, r *http.Request, problem *problem) {
	if problem.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	p.writePage(w, r, Access{}, view{page: "problem", title: problem.Title, status: problem.Status, data: problem})
}

// notices are what a page says after a browser has done what it asked for, by the
// word in its address.
var notices = map[string]string{
	"created":  "The endpoint was added. Copy its signing secret into your server, and press Test.",
	"saved":    "The endpoint was saved.",
	"enabled":  "The endpoint is enabled. It gets what happens from now on; what was on its way and was canceled can be replayed.",
	"disabled": "The endpoint is disabled, and gets nothing until it is enabled.",
	"deleted":  "The endpoint was deleted.",
	"rotated":  "The endpoint has a new signing secret. Copy it into your server.",
	"replayed": "The delivery is sent again.",
	"canceled": "The replay was canceled. What it had sent again stays.",
}

//go:embed templates
var templateFiles embed.FS

// templates are the pages, each with the layout around it.
var templates = parseTemplates()

func parseTemplates() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/shared/*.html"))
	pages, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	parsed := map[string]*template.Template{}
	for _, file := range pages {
		name := strings.TrimSuffix(path.Base(file), ".html")
		parsed[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
	}
	return parsed
}
