package portal

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// maxTests is how many tests of a tenant are under way at a time in this process: a
// button that makes requests to any public address must not become a tool against
// others, nor take up the host's connections.
const maxTests = 4

// underWay counts what is under way.
type underWay struct {
	mu      sync.Mutex
	running map[string]int // by tenant
}

// begin reports whether the tenant, who may have so many at most, may have one more.
// Whoever began ends.
func (t *underWay) begin(tenant string, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[tenant] >= most {
		return false
	}
	if t.running == nil {
		t.running = map[string]int{}
	}
	t.running[tenant]++
	return true
}

func (t *underWay) end(tenant string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[tenant]--; t.running[tenant] == 0 {
		delete(t.running, tenant)
	}
}

// ping sends a test event of the type, or of no particular one, to an endpoint of
// the visitor's, and waits for what comes of it.
func (p *portal) ping(v *visit, endpointID, eventType string) (store.Attempt, error) {
	if events := p.cfg.Sender.Events; eventType != "" && len(events) > 0 {
		if !slices.ContainsFunc(events, func(t sender.EventType) bool { return t.Name == eventType }) {
			return store.Attempt{}, invalid(fieldProblem{"event_type", fmt.Sprintf("is %q, must be one of the event types", eventType)})
		}
	}
	if !p.tests.begin(v.Tenant, maxTests) {
		return store.Attempt{}, errTooManyTests
	}
	defer p.tests.end(v.Tenant)
	return sender.Ping(v.Context(), p.cfg.Sender, endpointID, sender.Event{Tenant: v.Tenant, Type: eventType})
}

var errTooManyTests = newProblem(http.StatusTooManyRequests,
	fmt.Sprintf("%d tests are under way. Nothing was sent: try again when one of them has ended.", maxTests))
