package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
)

// The bounds of a page of a list.
const (
	defaultLimit = 50
	maxLimit     = 250
)

// query reads the parameters of a URL and collects what is wrong with them.
type query struct {
	values   url.Values
	problems []fieldProblem
}

// parseQuery accepts the parameters that are named, each once; like decode, no
// others.
func parseQuery(r *http.Request, names ...string) *query {
	q := &query{}
	var err error
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.add("?", "is no query that can be parsed")
	}
	for name, values := range q.values {
		switch {
		case !slices.Contains(names, name) && len(names) == 0:
			q.add(name, "is no parameter of this request; there are none")
		case !slices.Contains(names, name):
			q.add(name, "is no parameter of this request; there are "+strings.Join(names, ", "))
		case len(values) > 1:
			q.add(name, "is there more than once")
		case strings.ContainsFunc(values[0], unprintable):
			q.add(name, "has characters that nothing has")
		}
	}
	return q
}

func (q *query) add(name, problem string) {
	q.problems = append(q.problems, fieldProblem{name, problem})
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) time(name string) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !ordinary(t) {
		q.add(name, "must be "+timeBound)
	}
	return t
}

func (q *query) duration(name string) time.Duration {
	text := q.values.Get(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		q.add(name, "must be a duration such as 15m or 1h")
	}
	return d
}

func (q *query) limit() int {
	text := q.values.Get("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.add("limit", fmt.Sprintf("must be 1 to %d", maxLimit))
	}
	return n
}

// states reads states separated by commas. One that is there more than once is none
// more: a Store compares each with every delivery.
func (q *query) states(name string) []store.DeliveryState {
	text := q.values.Get(name)
	if text == "" {
		return nil
	}
	var states []store.DeliveryState
	for word := range strings.SplitSeq(text, ",") {
		state := store.DeliveryState(word)
		if !slices.Contains(allStates, state) {
			q.add(name, fmt.Sprintf("has %q, must be of %s", word, statesBound))
			return nil
		}
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	return states
}

const statesBound = "pending, succeeded, failed and canceled"

// err reports all that was wrong, in the order of the names.
func (q *query) err() error {
	if len(q.problems) == 0 {
		return nil
	}
	return invalid(sorted(q.problems)...)
}
