package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in the browser. A test fails if its page has an error in the
// console, an exception that nobody caught, a violation of its
// Content-Security-Policy, or a request that goes elsewhere than to the host.
type tab struct {
	t   *testing.T
	h   *host
	ctx context.Context //nolint:containedctx // chromedp's handle of the tab

	mu       sync.Mutex
	faults   []string
	expected map[int]bool // statuses that are no faults
	asked    []string     // "GET http://…"
}

// newTab opens a tab in a session of its own, of somebody who is logged in: "admin"
// or "viewer", or nobody.
func newTab(t *testing.T, h *host, who string) *tab {
	t.Helper()
	p := openTab(t, h, chromium.need(t), chromedp.WithNewBrowserContext())
	if who != "" {
		call(p, network.SetCookie, network.SetCookieParams{Name: "session", Value: who, URL: h.origin, HTTPOnly: yes()})
	}
	return p
}

// another opens a second tab of the same session.
func (p *tab) another() *tab {
	p.t.Helper()
	id := chromedp.FromContext(p.ctx).BrowserContextID
	return openTab(p.t, p.h, chromium.ctx, chromedp.WithExistingBrowserContext(id))
}

func openTab(t *testing.T, h *host, browser context.Context, option chromedp.ContextOption) *tab {
	t.Helper()
	p := &tab{t: t, h: h, expected: map[int]bool{}}
	var end context.CancelFunc
	p.ctx, end = chromedp.NewContext(browser, option, chromedp.WithListener(p.hear))
	t.Cleanup(func() {
		end()
		p.finish()
	})
	if err := chromedp.Do(p.ctx); err != nil { // the tab lives as long as the context of its first command
		t.Fatal(err)
	}
	call(p, log.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	call(p, audits.Enable, cdp.Empty{})
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.look("light", 1280)
	return p
}

// hear is told of everything that happens in the tab.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := func(format string, args ...any) { p.faults = append(p.faults, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, e.Request.Method+" "+e.Request.URL)
	case *runtime.EventExceptionThrown:
		fault("exception: %s %s", e.ExceptionDetails.Text, text(e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			fault("console.%s: %s", e.Type, text(e.Args...))
		}
	case *log.EventEntryAdded:
		var status int
		_, _ = fmt.Sscanf(e.Entry.Text, "Failed to load resource: the server responded with a status of %d", &status)
		if !p.expected[status] && (e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity) {
			fault("log: %s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if details := e.Issue.Details.ContentSecurityPolicyIssueDetails; details != nil {
			fault("Content-Security-Policy: %s violated by %q", details.ViolatedDirective, details.BlockedURL)
		}
	}
}

func text(objects ...*runtime.RemoteObject) string {
	var words []string
	for _, o := range objects {
		if o != nil {
			words = append(words, fmt.Sprint(o.Value, " ", o.Description))
		}
	}
	return strings.Join(words, " ")
}

// finish fails the test for what the tab has heard.
func (p *tab) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		p.t.Error("the page: ", fault)
	}
	for _, request := range p.asked {
		_, url, _ := strings.Cut(request, " ")
		if strings.HasPrefix(url, "data:") { // the browser's own icons, of inputs for times; they are asked of nobody
			continue
		}
		if !strings.HasPrefix(url, p.h.origin+mount+"/") {
			p.t.Errorf("the page asked for %s, which is not below %s", request, p.h.origin+mount)
		}
	}
	if len(p.asked) == 0 {
		p.t.Error("the tab has made no request: this test has looked at nothing")
	}
}

// expect says that an answer of this status is no fault.
func (p *tab) expect(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected[status] = true
}

// noScript switches the page's scripts off, for all that is opened from now on.
func (p *tab) noScript() {
	p.t.Helper()
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// look is a colour scheme and the width of the window.
func (p *tab) look(scheme string, width int64) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// call sends a command of the DevTools protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
}

func yes() *bool { return new(true) }

// open loads a page of the portal, by its path below the root.
func (p *tab) open(path string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(p.h.url(path))); err != nil {
		p.t.Fatalf("open %q: %v", path, err)
	}
}

// evaluate asks the page something. What it is asked has no more rights than the
// page's own scripts.
func evaluate[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, func(e *runtime.EvaluateParams) {
		e.AllowUnsafeEvalBlockedByCSP = new(false)
	}))
}

func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := evaluate[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true, over all documents that come.
func (p *tab) until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := evaluate[bool](p, expression)
		if err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			shown, _ := evaluate[string](p, `location.href + "\n" + document.body.innerText`)
			p.t.Fatalf("not within %s: %s (%v)\nthe page is\n%s", patience, expression, err, shown)
		}
	}
}

// see waits until the reader sees some text.
func (p *tab) see(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(`document.body.innerText.includes(` + quote(text) + `)`)
	}
}

// seeIn waits until the reader sees some text in a part of the page.
func (p *tab) seeIn(selector string, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.innerText.includes(%s))`, quote(selector), quote(text)))
	}
}

// hides fails the test if the page has the text anywhere, seen or not.
func (p *tab) hides(texts ...string) {
	p.t.Helper()
	source := ask[string](p, `document.documentElement.outerHTML`)
	for _, text := range texts {
		if strings.Contains(source, text) {
			p.t.Errorf("%s has %q, and must not", ask[string](p, `location.href`), text)
		}
	}
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string has a form in JSON
	}
	return string(quoted)
}

// find is an expression for the first element, of those that a selector finds, that
// is seen and begins with some text.
func find(selector, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%s)].find(e => e.checkVisibility() && e.textContent.trim().startsWith(%s))`,
		quote(selector), quote(text))
}

// click presses the mouse on what find finds, as soon as nothing covers it.
func (p *tab) click(selector, text string) {
	p.t.Helper()
	place := `(e => {
		if (!e) return [];
		e.scrollIntoView({block: "center", behavior: "instant"});
		const box = e.getClientRects()[0], x = box.left + box.width / 2, y = box.top + box.height / 2;
		const hit = document.elementFromPoint(x, y);
		return hit && (e.contains(hit) || hit.contains(e)) ? [x, y] : [];
	})(` + find(selector, text) + `)`
	p.until(place + `.length > 0`)
	at := ask[[]float64](p, place)
	for _, kind := range []input.DispatchMouseEventType{"mouseMoved", "mousePressed", "mouseReleased"} {
		params := input.DispatchMouseEventParams{Type: kind, X: at[0], Y: at[1]}
		if kind != "mouseMoved" {
			params.Button, params.ClickCount = "left", 1
		}
		call(p, input.DispatchMouseEvent, params)
	}
}

// follow clicks, and waits for the document that this leads to.
func (p *tab) follow(selector, text string) {
	p.t.Helper()
	p.loads(func() { p.click(selector, text) })
}

// loads waits for the document that an action leads to.
func (p *tab) loads(act func()) {
	p.t.Helper()
	before := ask[json.Number](p, `performance.timeOrigin`)
	act()
	p.until(`performance.timeOrigin !== ` + before.String() + ` && document.readyState === "complete"`)
}

// stays fails the test if an action loads another document.
func (p *tab) stays(act func()) {
	p.t.Helper()
	before := ask[json.Number](p, `performance.timeOrigin`)
	act()
	if after := ask[json.Number](p, `performance.timeOrigin`); after != before {
		p.t.Error("the page was loaded again")
	}
}

// fill types over what is in an input.
func (p *tab) fill(selector, value string) {
	p.t.Helper()
	p.click(selector, "")
	ask[any](p, `document.querySelector(`+quote(selector)+`).select()`)
	call(p, input.InsertText, input.InsertTextParams{Text: value})
}

// set gives an input a value that is not typed, such as a time, or an option.
func (p *tab) set(selector, value string) {
	p.t.Helper()
	ask[any](p, fmt.Sprintf(`(e => { e.value = %s; e.dispatchEvent(new Event("change", {bubbles: true})); })(document.querySelector(%s))`,
		quote(value), quote(selector)))
	if got := p.value(selector); got != value {
		p.t.Fatalf("%s is %q, want %q", selector, got, value)
	}
}

func (p *tab) value(selector string) string {
	p.t.Helper()
	return ask[string](p, `document.querySelector(`+quote(selector)+`).value`)
}

// text is what the reader sees of an element.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return ask[string](p, `document.querySelector(`+quote(selector)+`).innerText`)
}

// count is how many elements a selector finds.
func (p *tab) count(selector string) int {
	p.t.Helper()
	return ask[int](p, `document.querySelectorAll(`+quote(selector)+`).length`)
}
