package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/outhook/outhook/store"
)

// The attacker starts replays that are kept, and that whoever lists replays has to
// read from then on.
func TestAttackReplaysThatAreKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := asker{tenant: "alice", may: All}
	for name, form := range map[string]url.Values{
		"a year that JSON does not have":     {"failed": {"1"}, "since": {"9999-12-31T23:59:59-14:00"}},
		"a year before all":                  {"failed": {"1"}, "since": {"0000-01-01T00:00:00+14:00"}},
		"a year that databases do not have":  {"failed": {"1"}, "until": {"0000-12-31T00:00"}},
		"an endpoint longer than any id":     {"failed": {"1"}, "endpoint": {strings.Repeat("x", maxID+1)}},
		"an endpoint that is not to be read": {"failed": {"1"}, "endpoint": {"ep_\x1b"}},
	} {
		s.page(name, s.do(who, http.MethodPost, "/replays", form), http.StatusUnprocessableEntity)
		s.get(who, "/replays/new?"+form.Encode(), http.StatusBadRequest)
	}
	if w := s.do(who, http.MethodGet, "/api/v1/replays", nil); w.Code != http.StatusOK {
		t.Errorf("the list: %d", w.Code)
	}
	page, err := s.mem.ListReplays(t.Context(), store.ReplayFilter{Tenant: "alice"})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%d replays were started, %v", len(page.Items), err)
	}
}
