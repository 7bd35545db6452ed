package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/outhook/outhook/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withChromium{m}) }

// withChromium is a testing.M with a browser around it, which is started by the
// first test that needs it and ended after the last.
type withChromium struct{ m *testing.M }

func (w withChromium) Run() int {
	code := w.m.Run()
	if err := chromium.end(); err != nil {
		fmt.Fprintln(os.Stderr, "end Chromium:", err)
		code = max(code, 1)
	}
	return code
}

// chromium is the one browser of this test binary.
var chromium process

type process struct {
	once   sync.Once
	ctx    context.Context //nolint:containedctx // chromedp's handle of the browser
	cancel context.CancelFunc
	dir    string
	err    error
}

// need starts the browser, unless that has happened.
func (p *process) need(t *testing.T) context.Context {
	t.Helper()
	binary := testenv.Chromium(t)
	p.once.Do(func() { p.err = p.start(binary) })
	if p.err != nil {
		t.Fatalf("start %s: %v", binary, p.err)
	}
	return p.ctx
}

func (p *process) start(binary string) error {
	var err error
	if p.dir, err = os.MkdirTemp("", "outhook-chromium-"); err != nil {
		return err
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(binary), chromedp.UserDataDir(p.dir), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.NoSandbox, // tests may run as root, and all pages are the repository's own
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-extensions", true),
		// Tests run side by side: none of their tabs is one in the background.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
	)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // of events that are newer than chromedp
	p.ctx, p.cancel = ctx, func() { cancel(); end() }
	return chromedp.Do(ctx)
}

// end ends the browser, and waits for it.
func (p *process) end() error {
	if p.ctx == nil {
		return nil
	}
	err := chromedp.Cancel(p.ctx)
	p.cancel()
	return errors.Join(err, os.RemoveAll(p.dir))
}
