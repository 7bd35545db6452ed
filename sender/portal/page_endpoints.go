package portal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

const (
	// endpointsPerPage bounds the list, and with it the statistics of its page.
	endpointsPerPage = 20
	// statsTimeout bounds how long a page waits for statistics. Without them it is
	// still of use.
	statsTimeout = 3 * time.Second
	// statsAtOnce is how many statistics of a page are asked for at a time.
	statsAtOnce = 4
)

// endpointRow is an endpoint in the list.
type endpointRow struct {
	store.Endpoint

	Health   health
	Bars     []bar
	Attempts int // of the last seven days
	Good     int
	Known    bool // there are statistics
}

// endpointsPage lists the endpoints.
func (p *portal) endpointsPage(v *visit) (view, error) {
	cursor := v.URL.Query().Get("cursor")
	page, err := p.store.ListEndpoints(v.Context(), store.EndpointFilter{Tenant: v.Tenant, Limit: endpointsPerPage, Cursor: cursor})
	if err != nil {
		return view{}, err
	}
	ctx, cancel := context.WithTimeout(v.Context(), statsTimeout)
	defer cancel()
	rows := make([]endpointRow, len(page.Items))
	var work sync.WaitGroup
	slots := make(chan struct{}, statsAtOnce)
	for i, e := range page.Items {
		rows[i] = endpointRow{Endpoint: e}
		work.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			buckets := p.stats(ctx, v.Tenant, e.ID, ranges[1].Length, ranges[1].Bucket)
			rows[i].Bars = drawSparkline(buckets)
			rows[i].Good, rows[i].Attempts = sum(buckets)
			rows[i].Known = buckets != nil
			rows[i].Health = healthOf(e, buckets, ranges[1])
		})
	}
	work.Wait()
	return view{page: "endpoints", title: "Endpoints", nav: "endpoints", data: struct {
		Rows []endpointRow
		Next string
		More bool // this is not the first page
	}{rows, page.Next, cursor != ""}}, nil
}

// health is how an endpoint is, in a word and a sentence.
type health struct{ Class, Word, Detail string }

// healthOf judges an endpoint by its state and its statistics of the range. One attempt
// of ten that fails, and some in all, are more than the restarts of a server.
func healthOf(e store.Endpoint, buckets []store.StatsBucket, r statsRange) health {
	_, all := sum(buckets)
	lastDay := buckets[max(len(buckets)-int(24*time.Hour/r.Bucket), 0):]
	dayGood, dayAll := sum(lastDay)
	dayBad := dayAll - dayGood
	switch now := time.Now(); {
	case e.Disabled && e.DisabledReason != "":
		return health{"failed", "Disabled", capital(e.DisabledReason) + "."}
	case e.Disabled:
		return health{"idle", "Disabled", "It gets nothing until it is enabled."}
	case !e.FailingSince.IsZero():
		return health{"failed", "Failing", "Every attempt has failed for " + roughly(now.Sub(e.FailingSince)) + "."}
	case e.PausedUntil.After(now):
		return health{"pending", "Paused", "Its server has asked for a pause of " + roughly(e.PausedUntil.Sub(now)) + " more."}
	case buckets == nil:
		return health{"idle", "Not failing", "Its statistics take too long to count now."}
	case all == 0:
		return health{"idle", "No traffic", "Nothing was sent to it in the last " + r.Text + "."}
	case dayBad >= 3 && dayBad*10 > dayAll:
		return health{"pending", "Degraded", percent(dayBad, dayAll) + " of its attempts in the last 24 hours have failed."}
	}
	return health{"succeeded", "Healthy", ""}
}

// statsRange is a stretch of time that statistics are shown of.
type statsRange struct {
	Name   string // in the address
	Text   string
	Length time.Duration
	Bucket time.Duration
}

var ranges = []statsRange{
	{"24h", "24 hours", 24 * time.Hour, time.Hour},
	{"7d", "7 days", 7 * 24 * time.Hour, 6 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour, 24 * time.Hour},
}

// rangeNamed returns the one of that name, or the first.
func rangeNamed(name string) statsRange {
	for _, r := range ranges {
		if r.Name == name {
			return r
		}
	}
	return ranges[0]
}

// stats are the statistics of an endpoint up to the end of this hour. A Store sums
// up whole hours. There are none if they take too long, or the Store panics: it may be
// asked in a goroutine of its own, which nothing else recovers.
func (p *portal) stats(ctx context.Context, tenant, endpointID string, length, bucket time.Duration) (found []store.StatsBucket) {
	defer func() {
		if v := recover(); v != nil {
			p.logPanic(ctx, v)
			found = nil
		}
	}()
	until := endOfHour(time.Now())
	buckets, err := store.Stats(ctx, p.store, store.StatsFilter{
		Tenant: tenant, EndpointID: endpointID, Since: until.Add(-length), Until: until, Bucket: bucket,
	})
	if errors.Is(ctx.Err(), context.Canceled) { // nobody is there to see the page
		return nil
	}
	if err != nil {
		p.log.WarnContext(ctx, "Portal: A page is shown without statistics", "endpoint", endpointID, "error", err)
		return nil
	}
	return buckets
}

// endOfHour is when the hour of t ends.
func endOfHour(t time.Time) time.Time { return t.UTC().Truncate(time.Hour).Add(time.Hour) }

func sum(buckets []store.StatsBucket) (good, all int) {
	for _, b := range buckets {
		good += b.Succeeded
		all += b.Succeeded + b.Failed
	}
	return good, all
}

// statistics are an endpoint's, drawn.
type statistics struct {
	Range    statsRange
	Ranges   []statsRange
	Attempts bars
	Latency  curve
	Good     int
	Bad      int
	All      int
	P50, P95 time.Duration

	buckets []store.StatsBucket
}

// Known reports whether there are any, and not that they took too long.
func (s statistics) Known() bool { return s.buckets != nil }

func (p *portal) statistics(v *visit, endpointID string) statistics {
	ctx, cancel := context.WithTimeout(v.Context(), statsTimeout)
	defer cancel()
	s := statistics{Range: rangeNamed(v.URL.Query().Get("range")), Ranges: ranges}
	buckets := p.stats(ctx, v.Tenant, endpointID, s.Range.Length, s.Range.Bucket)
	s.buckets = buckets
	s.Good, s.All = sum(buckets)
	s.Bad = s.All - s.Good
	s.Attempts = drawBars(buckets, s.Range.Bucket)
	s.Latency = drawCurve(buckets, s.Range.Bucket)
	if whole := p.stats(ctx, v.Tenant, endpointID, s.Range.Length, s.Range.Length); len(whole) == 1 {
		s.P50, s.P95 = whole[0].P50, whole[0].P95
	}
	s.Attempts.Label = "Attempts of the last " + s.Range.Text + ": " + count(s.Good) + " succeeded, " + count(s.Bad) + " failed."
	s.Latency.Label = "Duration of attempts in the last " + s.Range.Text + ": half of them took at most " + span(s.P50) +
		" and 95 % at most " + span(s.P95) + "."
	return s
}

// deliveriesShown is how many of its deliveries an endpoint's page shows.
const deliveriesShown = 10

// endpointView is what an endpoint's page is filled with.
type endpointView struct {
	store.Endpoint

	Health     health
	Types      []sender.EventType // it can be tested with
	Deliveries []deliveryRow
	More       bool
	Statistics statistics
	Revealed   bool
	OldSigns   bool // an old secret, as long as it lives
	Test       *attemptView
	TestID     string // of the delivery
	TestType   string
}

// endpointPage shows one endpoint.
func (p *portal) endpointPage(v *visit) (view, error) {
	return p.showEndpoint(v, func(*endpointView) {})
}

func (p *portal) showEndpoint(v *visit, change func(*endpointView)) (view, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	page, err := p.store.ListDeliveries(v.Context(), store.DeliveryFilter{Tenant: v.Tenant, EndpointID: e.ID, Limit: deliveriesShown})
	if err != nil {
		return view{}, err
	}
	shown := endpointView{
		Endpoint: e, Types: p.cfg.Sender.Events, Deliveries: p.deliveryRows(page.Items, map[string]store.Endpoint{e.ID: e}),
		More: page.Next != "", Statistics: p.statistics(v, e.ID), OldSigns: p.oldSigns(e),
	}
	shown.Health = healthOf(e, shown.Statistics.buckets, shown.Statistics.Range)
	change(&shown)
	return view{page: "endpoint", title: nameOf(e), nav: "endpoints", data: shown}, nil
}

// Name is what the endpoint is called.
func (e endpointRow) Name() string { return nameOf(e.Endpoint) }

// Name is what the endpoint is called.
func (e endpointView) Name() string { return nameOf(e.Endpoint) }

// ActiveSecrets are those that sign now.
func (e endpointView) ActiveSecrets() []store.Secret { return activeSecrets(e.Endpoint) }

// nameOf is the beginning of an endpoint's description, or its URL without what
// may be a credential.
func nameOf(e store.Endpoint) string {
	name, _, _ := strings.Cut(strings.TrimSpace(visible(e.Description)), "\n")
	if name == "" {
		return strings.TrimPrefix(redactURL(e.URL), "https://")
	}
	if runes := []rune(name); len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return name
}

// Strange are the types and categories that have nothing of the catalog: more likely
// mistyped than to come.
func (e endpointView) Strange() []string {
	if len(e.Types) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.EventTypes), func(pattern string) bool {
		alone := store.Endpoint{EventTypes: []string{pattern}}
		return slices.ContainsFunc(e.Types, func(t sender.EventType) bool { return alone.Subscribes(t.Name) })
	})
}

// backToEndpoint is for a browser that loads again what was the answer to a form.
func (p *portal) backToEndpoint(v *visit) (view, error) {
	return view{goTo: "endpoints/" + pathOf(v.PathValue("id"))}, nil
}

// revealSecretForm shows the secrets. It is a form's, so that no link and no
// history of a browser leads to them.
func (p *portal) revealSecretForm(v *visit) (view, error) {
	return p.showEndpoint(v, func(e *endpointView) { e.Revealed = true })
}

// testEndpointForm sends a test event, and shows what came of it.
func (p *portal) testEndpointForm(v *visit) (view, error) {
	if err := parseForm(v); err != nil {
		return view{}, err
	}
	a, err := p.ping(v, v.PathValue("id"), v.PostFormValue("type"))
	if err != nil {
		return view{}, err
	}
	event, err := p.store.GetEvent(v.Context(), v.Tenant, a.EventID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return view{}, err
	}
	return p.showEndpoint(v, func(e *endpointView) {
		shown := showAttemptOf(a, event)
		e.Test, e.TestID, e.TestType = &shown, a.DeliveryID, a.EventType
	})
}

// switchEndpointForm enables or disables an endpoint.
func (p *portal) switchEndpointForm(disabled bool) pageHandler {
	return func(v *visit) (view, error) {
		e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
		if err != nil {
			return view{}, err
		}
		e.Disabled = disabled
		if _, err := sender.PutEndpoint(v.Context(), p.cfg.Sender, e); err != nil {
			return view{}, err
		}
		done := "enabled"
		if disabled {
			done = "disabled"
		}
		return view{goTo: "endpoints/" + pathOf(e.ID) + "?done=" + done}, nil
	}
}

// deleteEndpointPage asks once more.
func (p *portal) deleteEndpointPage(v *visit) (view, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	return view{page: "delete", title: "Delete " + nameOf(e), nav: "endpoints", data: endpointRow{Endpoint: e}}, err
}

func (p *portal) deleteEndpointForm(v *visit) (view, error) {
	err := p.store.DeleteEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	return view{goTo: "?done=deleted"}, err
}

// overlaps are how long the old secret may sign as well.
var overlaps = []struct {
	Value string
	Text  string
}{
	{"24h", "for 24 hours"}, {"1h", "for an hour"}, {"168h", "for 7 days"}, {"0s", "not at all: it may be known to others"},
}

// oldSigns reports whether requests to the endpoint have room for the signature of an
// old secret beside that of the new one.
func (p *portal) oldSigns(e store.Endpoint) bool {
	profile := p.cfg.Sender.Profile
	if e.Profile != "" {
		profile = p.cfg.Sender.Profiles[e.Profile]
	}
	return profile.SignsWithOld()
}

// rotateSecretPage asks how long the old secret is to live, if it can.
func (p *portal) rotateSecretPage(v *visit) (view, error) {
	e, err := p.store.GetEndpoint(v.Context(), v.Tenant, v.PathValue("id"))
	return view{page: "rotate", title: "Rotate the secret of " + nameOf(e), nav: "endpoints", data: struct {
		endpointRow

		OldSigns bool
		Overlaps any
	}{endpointRow{Endpoint: e}, p.oldSigns(e), overlaps}}, err
}

func (p *portal) rotateSecretForm(v *visit) (view, error) {
	if err := parseForm(v); err != nil {
		return view{}, err
	}
	overlap, err := time.ParseDuration(v.PostFormValue("overlap"))
	if err != nil || overlap < 0 || overlap > maxOverlap {
		return view{}, invalid(fieldProblem{"overlap", "must be a duration from 0s to 168h"})
	}
	e, err := sender.RotateSecret(v.Context(), p.cfg.Sender, v.Tenant, v.PathValue("id"), overlap)
	return view{goTo: "endpoints/" + pathOf(e.ID) + "?done=rotated"}, err
}
