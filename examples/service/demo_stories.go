package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/sender"
)

// told is an event of a story, and when it happens.
type told struct {
	at    time.Time
	event sender.Event
}

// story makes up what happens in a product, one thing after the other: an order
// is placed, paid, shipped. n tells stories apart.
type story func(r *rand.Rand, tenant string, n int, at time.Time) ([]told, error)

// telling collects a story.
type telling struct {
	at     time.Time
	events []told
	err    error
}

func (t *telling) add(event sender.Event, err error) {
	if t.err == nil {
		t.events, t.err = append(t.events, told{t.at, event}), err
	}
}

// pass lets at least shortest and at most longest pass.
func (t *telling) pass(r *rand.Rand, shortest, longest time.Duration) {
	t.at = t.at.Add(shortest + time.Duration(r.Int64N(int64(longest-shortest)))).Truncate(time.Microsecond)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

type name struct{ first, last string }

func (n name) full() string  { return n.first + " " + n.last }
func (n name) email() string { return n.first + "." + n.last + "@example.com" }

func someone(r *rand.Rand) name {
	return name{
		pick(r, "Ada", "Ben", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hana", "Ines", "Jonas", "Kofi", "Lucía"),
		pick(r, "Berg", "Costa", "Díaz", "Endo", "Fischer", "Gruber", "Haddad", "Ito", "Jansen", "Kowalski", "Lopez", "Nguyen"),
	}
}

func orderStory(r *rand.Rand, tenant string, n int, at time.Time) ([]told, error) {
	t := telling{at: at}
	who := someone(r)
	cents := 990 + 500*r.IntN(30) + 5*r.IntN(100)
	o := order{
		Order:    fmt.Sprintf("%d", 17000+n),
		Customer: customer{ID: fmt.Sprintf("cus_%04x", r.IntN(1<<16)), Email: who.email()},
		Total:    money{fmt.Sprintf("%d.%02d", cents/100, cents%100), "EUR"},
	}
	tell := func(data orderData) { t.add(newOrderEvent(tenant, t.at, data)) }

	var items []item
	for range 1 + r.IntN(3) {
		items = append(items, pick(r,
			item{"TS-M-BLUE", "T-shirt, blue, M", 1 + r.IntN(3)}, item{"MUG-01", "Mug", 1 + r.IntN(4)},
			item{"CAP-BLK", "Cap, black", 1}, item{"STK-20", "Stickers, 20 pieces", 1 + r.IntN(2)},
		))
	}
	tell(orderPlaced{o, items})
	if r.Float64() < 0.05 {
		t.pass(r, time.Minute, time.Hour)
		tell(orderCanceled{o, pick(r, "customer", "out_of_stock", "fraud")})
		return t.events, t.err
	}
	t.pass(r, 3*time.Second, 40*time.Second)
	tell(orderPaid{o, pick(r, "card", "card", "paypal", "invoice")})
	t.pass(r, 6*time.Hour, 30*time.Hour)
	tell(orderShipped{o, pick(r, "DHL", "UPS", "Post"), fmt.Sprintf("00340434%012d", r.Uint64N(1e12))})
	t.pass(r, 20*time.Hour, 60*time.Hour)
	tell(orderDelivered{o, pick(r, who.full(), "neighbor", "")})
	if r.Float64() < 0.06 {
		t.pass(r, 24*time.Hour, 5*day)
		tell(orderRefunded{o, o.Total})
	}
	return t.events, t.err
}

func jamStory(r *rand.Rand, tenant string, _ int, at time.Time) ([]told, error) {
	t := telling{at: at}
	id := fmt.Sprintf("jam_%06x", r.IntN(1<<24))
	who := someone(r)
	body := jam.ExampleCreated()
	body.JamID, body.JamURL, body.TeamID, body.CreatedAt = id, "https://jam.dev/c/"+id, tenant, at.Truncate(time.Second)
	body.Author = jam.Author{Email: who.email(), Name: who.full()}
	body.Title = pick(r, "Checkout button does nothing", "Avatar is upside down on iOS", "Export never finishes",
		"404 after login with SSO", "Dark mode: white text on white", "Search drops umlauts", "Chart flickers while scrolling")
	body.Description = pick(r, "", "", "Every time, also after a reload.", "Only on the second try.")
	body.Origin = pick(r, "extension_chrome", "extension_chrome", "recording_link", "mobile_ios", "dashboard", "csup_intercom")
	media := "https://media.jam.dev/" + id
	body.Media = jam.Media{ThumbnailURL: media + "/thumbnail.jpg"}
	switch body.Type = pick(r, jam.Video, jam.Video, jam.Screenshot, jam.SessionReplay); body.Type {
	case jam.Screenshot:
		body.Media.ScreenshotURL = media + "/screenshot.png"
	default:
		body.Media.VideoURL = media + "/video.mp4"
	}
	body.SystemInfo.Browser = pick(r, &jam.Software{Name: "Chrome", Version: "143.0.0.0"}, &jam.Software{Name: "Safari", Version: "26.1"}, nil)
	t.add(jam.NewEvent(tenant, body))

	if r.Float64() > 0.2 {
		return t.events, t.err
	}
	t.pass(r, time.Second, 20*time.Second)
	conversation := fmt.Sprintf("2154%08d", r.IntN(1e8))
	if r.Float64() < 0.3 {
		t.add(jam.NewEvent(tenant, jam.RecorderOptedOut{
			Event: jam.TypeRecorderOptedOut, TeamID: tenant, ConversationID: conversation, CreatedAt: t.at.Truncate(time.Second),
		}))
		return t.events, t.err
	}
	t.add(jam.NewEvent(tenant, jam.RecorderRecorded{
		Event: jam.TypeRecorderRecorded, TeamID: tenant, ConversationID: conversation, CreatedAt: t.at.Truncate(time.Second),
		JamID: id, JamURL: body.JamURL,
	}))
	return t.events, t.err
}

func jasperStory(r *rand.Rand, tenant string, n int, at time.Time) ([]told, error) {
	t := telling{at: at}
	tell := func(data jasper.Data) {
		t.add(jasper.NewEvent(jasper.Organization{ID: tenant, Name: "Initech"}, t.at, data))
	}
	review := jasper.PullRequest{
		ReviewID:   fmt.Sprintf("rev_%06x", r.IntN(1<<24)),
		Repository: "initech/" + pick(r, "api", "web", "billing", "mobile", "infra"),
		Number:     400 + n,
		Title: pick(r, "Add a retry to the importer", "Bump dependencies", "Fix the time zone of reports",
			"Cache permissions", "Remove the old checkout", "Rename users to members"),
	}
	url := "https://heyjasper.ai/reviews/" + review.ReviewID
	tell(jasper.ReviewCreated{PullRequest: review, URL: url})
	t.pass(r, 2*time.Second, 15*time.Second)
	tell(jasper.ReviewStarted{PullRequest: review, URL: url})
	t.pass(r, 20*time.Second, 3*time.Minute)
	if r.Float64() < 0.06 {
		tell(jasper.ReviewFailed{PullRequest: review, Reason: pick(r, "the diff is too large", "the repository could not be cloned"), URL: url})
		return t.events, t.err
	}
	score := 55 + r.IntN(45)
	verdict := "APPROVE"
	if score < 70 {
		verdict = "REQUEST_CHANGES"
	}
	tell(jasper.ReviewCompleted{
		PullRequest: review, Verdict: verdict, Score: score, URL: url,
		Summary: pick(r, "Code looks good with minor suggestions...", "Two cases are not tested.", "The loop can be simpler."),
		Issues:  jasper.Issues{Critical: r.IntN(2) * (100 - score) / 40, High: r.IntN(3), Medium: r.IntN(5), Low: r.IntN(8)},
	})
	t.pass(r, time.Second, 10*time.Second)
	jasperAside(r, review, url, tell)
	return t.events, t.err
}

// jasperAside is what happens beside reviews, now and then.
func jasperAside(r *rand.Rand, review jasper.PullRequest, url string, tell func(jasper.Data)) {
	who := someone(r)
	admin := jasper.Person{ID: "usr_abc123", Name: "John Admin"}
	user := jasper.User{ID: fmt.Sprintf("usr_%06x", r.IntN(1<<24)), Name: who.full(), Email: who.email(), GitHubUsername: who.first + who.last}
	alert := jasper.Alert{
		AlertID: fmt.Sprintf("alr_%06x", r.IntN(1<<24)), ReviewID: review.ReviewID, Repository: review.Repository,
		Severity: pick(r, "critical", "high", "medium", "low"),
		Title:    pick(r, "SQL built from user input", "Secret in the source", "Path from user input", "Weak random numbers"),
	}
	switch p := r.Float64(); {
	case p < 0.18:
		tell(jasper.AlertCreated{Alert: alert, URL: url})
	case p < 0.26:
		tell(jasper.AlertResolved{Alert: alert, ResolvedBy: admin, URL: url})
	case p < 0.30:
		tell(jasper.MemberAdded{User: user, Role: "member", InvitedBy: admin})
	case p < 0.32:
		tell(jasper.CreditsLow{Balance: 40 + r.IntN(10), Threshold: 50})
	case p < 0.34:
		tell(jasper.CreditsPurchased{Credits: 1000, Balance: 1000 + r.IntN(50), PurchasedBy: admin})
	}
}
