package portal

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// endpointForm is the form of an endpoint, new or not, as it is filled in.
type endpointForm struct {
	ID      string // empty for a new one
	Version int64
	Name    string

	URL         string
	Description string
	Scope       string // "all" or "some" events
	Groups      []eventGroup
	Patterns    string // event types that are not in the catalog, one in a line
	Profile     string
	Profiles    []string
	Timeout     string // seconds
	PerSecond   string
	Burst       string
	Headers     []headerField // that it has
	Added       []headerField // that are to be added
	Secret      string

	Problems map[string][]string // by field
}

// eventGroup is a part of the catalog under one heading.
type eventGroup struct {
	Name  string
	Types []eventChoice
}

type eventChoice struct {
	sender.EventType

	Chosen bool
}

// headerField is a header in the form. Its value never comes back.
type headerField struct {
	Name, Value string
	Remove      bool
	Wrong       bool
}

// blankHeaders is how many more headers the form has room for. Whoever needs more
// saves, and comes back.
const blankHeaders = 3

// newEndpointPage is the empty form.
func (p *portal) newEndpointPage(*visit) (view, error) {
	return p.formView(p.formOf(store.Endpoint{Profile: p.cfg.Profiles[0]}), 0), nil
}

// editEndpointPage is the form of an endpoint that is there.
func (p *portal) editEndpointPage(v *visit) (view, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	return p.formView(p.formOf(e), 0), nil
}

func (p *portal) formView(f endpointForm, status int) view {
	title := "Add an endpoint"
	if f.ID != "" {
		title = "Edit " + f.Name
	}
	return view{page: "form", title: title, nav: "endpoints", status: status, data: f}
}

// createEndpointForm adds an endpoint. If there is something wrong with it the form
// is shown again as it was filled in.
func (p *portal) createEndpointForm(v *visit) (view, error) {
	return p.saveEndpoint(v, store.Endpoint{Tenant: v.Tenant, Profile: p.cfg.Profiles[0]}, "created")
}

// editEndpointForm changes an endpoint, as it was when the form was opened.
func (p *portal) editEndpointForm(v *visit) (view, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	return p.saveEndpoint(v, e, "saved")
}

func (p *portal) saveEndpoint(v *visit, e store.Endpoint, done string) (view, error) {
	if err := parseForm(v); err != nil {
		return view{}, err
	}
	filled := p.readForm(v, e)
	changed, problems := filled.apply(e)
	if e.Version == 0 && !slices.Contains(p.cfg.Profiles, changed.Profile) ||
		e.Version != 0 && changed.Profile != e.Profile && !slices.Contains(p.cfg.Profiles, changed.Profile) {
		problems = append(problems, fieldProblem{"profile", "is not one of those to choose from"})
	}
	if e.Version != 0 && filled.Version != e.Version {
		return p.changedMeanwhile(filled, e), nil
	}
	var err error
	if len(problems) == 0 {
		changed, err = sender.PutEndpoint(v.Context(), p.cfg.Sender, changed)
		problems, _ = fieldProblems(err)
	}
	if errors.Is(err, sender.ErrTooManyEndpoints) {
		problems = append(problems, fieldProblem{"", errTooManyEndpoints.Detail})
	}
	switch {
	case len(problems) > 0:
		filled.Problems = map[string][]string{}
		for _, found := range problems {
			field, _, _ := strings.Cut(found.Field, "[")
			field, _, _ = strings.Cut(field, ".")
			filled.Problems[field] = append(filled.Problems[field], sentence(found))
			filled.markHeader(found.Field)
		}
		return p.formView(filled, http.StatusUnprocessableEntity), nil
	case err != nil:
		return view{}, err
	}
	return view{goTo: "endpoints/" + pathOf(changed.ID) + "?done=" + done}, nil
}

// changedMeanwhile shows the form again as it was filled in: what was typed is not
// lost to somebody else's change, and the next save is of the endpoint as it is now.
func (p *portal) changedMeanwhile(filled endpointForm, e store.Endpoint) view {
	filled.Version = e.Version
	filled.Problems = map[string][]string{"": {"Somebody else has changed the endpoint meanwhile. " +
		"Look at it in another window, and save again to have it as it is filled in here."}}
	return p.formView(filled, http.StatusConflict)
}

// Marked reports whether fields are marked as wrong.
func (f endpointForm) Marked() bool {
	_, general := f.Problems[""]
	return len(f.Problems) > 1 || len(f.Problems) == 1 && !general
}

// formNames are what sentences call the fields.
var formNames = map[string]string{
	"url": "URL", "description": "Description", "event_types": "Event type", "profile": "Profile", "headers": "Headers",
	"timeout": "Timeout", "rate_limit": "Rate", "rate_limit.per_second": "Requests a second", "rate_limit.burst": "Requests at once",
	"secret": "Secret",
}

// sentence is what is wrong with a field, for people.
func sentence(p fieldProblem) string {
	if p.Field == "" {
		return p.Problem
	}
	field, index, indexed := strings.Cut(p.Field, "[")
	name := formNames[field]
	if indexed && field == "headers" {
		name = "Header " + strings.TrimSuffix(index, "]")
	}
	return name + " " + p.Problem + "."
}

// formOf is the form of an endpoint as it is.
func (p *portal) formOf(e store.Endpoint) endpointForm {
	f := endpointForm{
		ID: e.ID, Version: e.Version, Name: nameOf(e), URL: e.URL, Description: e.Description, Scope: "all",
		Profile: e.Profile, Profiles: p.cfg.Profiles, Added: make([]headerField, blankHeaders),
	}
	if len(e.EventTypes) > 0 {
		f.Scope = "some"
	}
	f.choose(p.cfg.Sender.Events, e.EventTypes)
	if e.Timeout > 0 {
		f.Timeout = strconv.FormatFloat(e.Timeout.Seconds(), 'f', -1, 64)
	}
	if e.RateLimit.PerSecond > 0 {
		f.PerSecond = strconv.FormatFloat(e.RateLimit.PerSecond, 'f', -1, 64)
	}
	if e.RateLimit.Burst > 0 {
		f.Burst = strconv.Itoa(e.RateLimit.Burst)
	}
	if !slices.Contains(f.Profiles, f.Profile) { // the host's choice, which may stay
		f.Profiles = append([]string{f.Profile}, f.Profiles...)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		f.Headers = append(f.Headers, headerField{Name: name})
	}
	return f
}

// choose marks what is chosen of the catalog, and keeps the rest as lines.
func (f *endpointForm) choose(catalog []sender.EventType, chosen []string) {
	f.Groups = groupsOf(catalog)
	var others []string
	for _, pattern := range chosen {
		if !f.mark(pattern) {
			others = append(others, pattern)
		}
	}
	f.Patterns = strings.Join(others, "\n")
}

func (f *endpointForm) mark(name string) bool {
	for _, group := range f.Groups {
		for i := range group.Types {
			if group.Types[i].Name == name {
				group.Types[i].Chosen = true
				return true
			}
		}
	}
	return false
}

// groupsOf puts the catalog under its headings, each where its first type is.
func groupsOf(catalog []sender.EventType) []eventGroup {
	var groups []eventGroup
	for _, t := range catalog {
		i := slices.IndexFunc(groups, func(g eventGroup) bool { return g.Name == t.Group })
		if i < 0 {
			i = len(groups)
			groups = append(groups, eventGroup{Name: t.Group})
		}
		groups[i].Types = append(groups[i].Types, eventChoice{EventType: t})
	}
	return groups
}

// readForm is the form as it was sent.
func (p *portal) readForm(v *visit, e store.Endpoint) endpointForm {
	f := p.formOf(e)
	f.Version, _ = strconv.ParseInt(v.PostFormValue("version"), 10, 64)
	f.URL = strings.TrimSpace(v.PostFormValue("url"))
	f.Description = strings.ReplaceAll(strings.TrimSpace(v.PostFormValue("description")), "\r\n", "\n")
	f.Scope = cmp.Or(v.PostFormValue("scope"), "all")
	f.choose(p.cfg.Sender.Events, append(slices.Clone(v.PostForm["event"]), strings.Fields(v.PostFormValue("patterns"))...))
	if v.PostForm.Has("profile") {
		f.Profile = v.PostFormValue("profile")
	}
	f.Timeout = strings.TrimSpace(v.PostFormValue("timeout"))
	f.PerSecond = strings.TrimSpace(v.PostFormValue("per_second"))
	f.Burst = strings.TrimSpace(v.PostFormValue("burst"))
	f.Secret = strings.TrimSpace(v.PostFormValue("secret"))
	for i, header := range f.Headers {
		f.Headers[i].Value = v.PostFormValue("value:" + header.Name)
		f.Headers[i].Remove = slices.Contains(v.PostForm["remove"], header.Name)
	}
	names, values := v.PostForm["header_name"], v.PostForm["header_value"]
	for i := range min(len(names), len(values)) {
		added := headerField{Name: strings.TrimSpace(names[i]), Value: values[i]}
		if i < len(f.Added) {
			f.Added[i] = added
		} else {
			f.Added = append(f.Added, added)
		}
	}
	return f
}

// apply returns e with what the form says, and what cannot be said of one. All else
// is found by PutEndpoint.
func (f endpointForm) apply(e store.Endpoint) (store.Endpoint, []fieldProblem) {
	var problems []fieldProblem
	wrong := func(field, problem string) { problems = append(problems, fieldProblem{field, problem}) }
	e = e.Clone()
	e.URL, e.Description, e.Profile = f.URL, f.Description, f.Profile
	e.EventTypes = nil
	if f.Scope == "some" {
		e.EventTypes = f.chosen()
		if len(e.EventTypes) == 0 {
			wrong("event_types", "must be picked: at least one, or all")
		}
	}
	seconds, ok := number(f.Timeout, 3600)
	e.Timeout = time.Duration(seconds * float64(time.Second)).Truncate(time.Millisecond)
	if !ok || f.Timeout != "" && e.Timeout == 0 { // 0 is the usual one, and was not meant
		wrong("timeout", "must be a number of seconds, from 0.1 to 60")
	}
	if e.RateLimit.PerSecond, ok = number(f.PerSecond, math.MaxFloat64); !ok {
		wrong("rate_limit", "must be a number of requests a second")
	}
	burst, ok := number(f.Burst, math.MaxInt32)
	if !ok || burst != math.Trunc(burst) {
		wrong("rate_limit", "must have a whole number of requests at once")
	}
	e.RateLimit.Burst = int(burst)
	e.Headers = f.header(e.Headers)
	if f.Secret != "" && e.Version == 0 {
		e.Secrets = []store.Secret{{Value: f.Secret}}
	}
	return e, problems
}

func (f endpointForm) chosen() []string {
	var names []string
	for _, group := range f.Groups {
		for _, t := range group.Types {
			if t.Chosen {
				names = append(names, t.Name)
			}
		}
	}
	return append(names, strings.Fields(f.Patterns)...)
}

// markHeader marks the header that is at fault.
func (f *endpointForm) markHeader(field string) {
	for _, fields := range [][]headerField{f.Headers, f.Added} {
		for i := range fields {
			fields[i].Wrong = fields[i].Wrong || field == "headers["+fields[i].Name+"]"
		}
	}
}

func (f endpointForm) header(header http.Header) http.Header {
	if header == nil {
		header = http.Header{}
	}
	for _, h := range f.Headers {
		switch {
		case h.Remove:
			delete(header, h.Name)
		case h.Value != "":
			header[h.Name] = []string{h.Value}
		}
	}
	for _, h := range f.Added {
		if h.Name != "" || h.Value != "" {
			header[http.CanonicalHeaderKey(h.Name)] = []string{h.Value}
		}
	}
	return header
}

// number reads a number from 0 to most. Nothing is 0.
func number(text string, most float64) (float64, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n >= 0 && n <= most
}

// parseForm reads the form that was sent. It is text: databases keep nothing else.
func parseForm(v *visit) error {
	err := v.ParseForm()
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The form must be at most %d bytes.", tooLarge.Limit))
	}
	if err != nil {
		return newProblem(http.StatusBadRequest, "The form could not be read.")
	}
	for name, values := range v.PostForm {
		for _, value := range values {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				return invalid(fieldProblem{strings.ToValidUTF8(name, "?"), "is no text"})
			}
		}
	}
	return nil
}

// pathOf makes an id a part of a path.
func pathOf(id string) string { return url.PathEscape(id) }
