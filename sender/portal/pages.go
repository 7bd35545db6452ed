package portal

import (
	"net/http"
	"time"
)

type view struct{}

type pageHandler func(v *visit) (view, error)

func (p *portal) pageRoutes(handle func(pattern string, needs Permission, timeout time.Duration, h pageHandler)) {
	_ = handle
}

func (p *portal) answerPage(h pageHandler) func(http.ResponseWriter, *visit) {
	return func(w http.ResponseWriter, v *visit) {
		if _, err := h(v); err != nil {
			p.fail(w, v.Request, err)
		}
	}
}

func (p *portal) writeProblemPage(w http.ResponseWriter, _ *http.Request, problem *problem) {
	http.Error(w, problem.Title, problem.Status)
}

func (p *portal) serveAsset(w http.ResponseWriter, r *http.Request) { p.fail(w, r, errNoPage) }
