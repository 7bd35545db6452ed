package browser

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/outhook/outhook/retry"
)

// press types keys, one after the other.
func (p *tab) press(keys string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.KeyEvent(keys)); err != nil {
		p.t.Fatalf("press %q: %v", keys, err)
	}
}

// tabTo presses Tab until what has the focus is the one meant, and fails the test if
// the reader could not see where the focus is on the way.
func (p *tab) tabTo(selector, text string) {
	p.t.Helper()
	const most = 120
	for range most {
		p.press(kb.Tab)
		if lost := ask[string](p, `(e => {
			const style = getComputedStyle(e), box = e.getBoundingClientRect();
			const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && e.checkVisibility({visibilityProperty: true}) &&
				box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
			return seen || e === document.body ? "" : e.outerHTML.slice(0, 200);
		})(document.activeElement)`); lost != "" {
			p.t.Errorf("the focus cannot be seen on %s", lost)
		}
		if ask[bool](p, `document.activeElement === `+find(selector, text)) {
			return
		}
	}
	p.t.Fatalf("%d times Tab do not lead to %s %q", most, selector, text)
}

// An endpoint is added, and its secret read, with Tab, Space, Enter and letters.
func TestKeyboardAddEndpoint(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHost(t, jamProduct, r)
	p := newTab(t, h, "admin")
	p.open("")
	p.tabTo("a.skip", "Skip to the content")
	p.press(kb.Enter)
	p.until(`document.activeElement === document.getElementById("main")`)
	p.tabTo("a.button", "Add endpoint") // and not through the navigation again
	p.loads(func() { p.press(kb.Enter) })
	p.tabTo("#url", "")
	p.press(r.url())
	p.tabTo("#description", "")
	p.press("By hand")
	p.tabTo(`input[value="all"]`, "")
	p.press(kb.ArrowDown)
	p.until(`document.querySelector("input[name=scope][value=some]").checked`)
	p.tabTo(`input[value="jam.created"]`, "")
	p.press(" ")
	p.tabTo("button", "Add endpoint")
	p.loads(func() { p.press(kb.Enter) })
	p.see("The endpoint was added.", "By hand")
	if e := h.only(t); e.URL != r.url() || len(e.EventTypes) != 1 || e.EventTypes[0] != "jam.created" {
		t.Errorf("stored is %v with %q", e, e.EventTypes)
	}
	p.tabTo("button", "Reveal")
	p.press(kb.Enter)
	p.seeIn("#secret", "whsec_")
	if !ask[bool](p, `document.getElementById("secret").contains(document.activeElement)`) {
		t.Error("whoever pressed Reveal with the keyboard has lost their place in the page")
	}
}

// What changes by itself leaves the reader's place alone: the focus, and what was
// opened.
func TestLiveRefreshLeavesTheReaderAlone(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	product := jamProduct
	product.profile.Retry = retry.Schedule{0, time.Hour} // the second attempt is made when the reader is ready
	h := newHost(t, product, r)
	h.endpoint(t, r, nil)
	r.breakWith(http.StatusServiceUnavailable)
	p := newTab(t, h, "admin")
	d := h.capture(t).Deliveries[0]
	wait(t, "the first attempt is over", func() bool { return len(r.got()) == 1 })
	p.open("deliveries/" + d.ID)
	p.see("Attempt 1")
	p.click("summary", "As a curl command")
	p.see("curl -i -X POST")
	ask[any](p, `window.place = document.activeElement, null`)
	if _, err := h.sender.Resend(t.Context(), h.tenant, d.ID); err != nil {
		t.Fatal(err)
	}
	wait(t, "the second attempt is over", func() bool { return len(r.got()) == 2 })
	// The focus is in what would change: it waits.
	if !ask[bool](p, `document.activeElement === window.place && window.place.matches(".curl > summary")`) {
		t.Error("the focus was taken away from a summary")
	}
	p.tabTo(payloadLink, "Download") // beside what changes
	p.see("Attempt 1 of replay 1", "curl -i -X POST")
	if !ask[bool](p, `document.activeElement === `+find(payloadLink, "Download")) {
		t.Error("the focus was taken away from a link beside what changed")
	}
	if n := p.count("details.attempt[open]"); n != 2 {
		t.Errorf("%d attempts are open, want the one that was and the newest", n)
	}
	if n := p.count("details.curl[open]"); n != 1 {
		t.Errorf("%d curl commands are open, want the one that the reader opened", n)
	}
}
