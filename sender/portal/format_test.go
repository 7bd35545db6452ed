package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"plain ü €\n\tx":               "plain ü €\n\tx",
		"a\r\nb":                       "a\nb",
		"\x00\x07\x1b":                 "␀␇␛",
		"\x7f\u0085":                   "\ufffd\ufffd",
		"\u202eabc\u202c":              "\ufffdabc\ufffd",
		"\u2066\u2067\u2068\u2069":     "\ufffd\ufffd\ufffd\ufffd",
		"\u200e\u200f\u061c":           "\ufffd\ufffd\ufffd",
		"a\xffb":                       "a\ufffdb",
		"<script>&amp;</script>\u2028": "<script>&amp;</script>\u2028",
	} {
		if got := visible(text); got != want {
			t.Errorf("visible(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestShowContent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", maxShown)
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	tooDeep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for name, c := range map[string]struct {
		body string
		want content
	}{
		"nothing":          {"", content{Kind: "text", Empty: true}},
		"JSON":             {`{"a":[1,{"b":null}],"c":{},"d":[]}`, content{Kind: "JSON", Text: "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}"}},
		"JSON with spaces": {" { \"a\" :\t1 ,\n\"b\":\"x : , {\\\" \"}\r\n", content{Kind: "JSON", Text: "{\n  \"a\": 1,\n  \"b\": \"x : , {\\\" \"\n}"}},
		"a number":         {"12", content{Kind: "JSON", Text: "12"}},
		"text":             {"a <b>", content{Kind: "text", Text: "a <b>"}},
		"text that turns":  {"a\u202eb", content{Kind: "text", Text: "a\ufffdb"}},
		"JSON that turns":  {"\"a\u202eb\"", content{Kind: "JSON", Text: "\"a\ufffdb\""}},
		"bytes":            {"\xff\x00a", content{Kind: "bytes", Text: "ff 00 61"}},
		"text with a NUL":  {"a\x00", content{Kind: "bytes", Text: "61 00"}},
		"many bytes":       {strings.Repeat("\xff", 1025), content{Kind: "bytes", Text: strings.TrimSpace(strings.Repeat("ff ", 1024)), Cut: true}},
		"long text":        {long, content{Kind: "text", Text: long[:maxShown], Cut: true}},
		"text cut in two":  {"a" + long, content{Kind: "text", Text: ("a" + long)[:maxShown-1], Cut: true}},
		"long JSON":        {`"` + long + `"`, content{Kind: "JSON", Text: (`"` + long)[:maxShown-1], Cut: true}},
	} {
		c.want.Size = len(c.body)
		if got := showContent([]byte(c.body)); got != c.want {
			t.Errorf("%s: %.200q, want %.200q", name, fmt.Sprint(got), fmt.Sprint(c.want))
		}
	}
	if got := showContent([]byte(tooDeep)); got.Kind != "text" || len(got.Text) != 40_000 {
		t.Errorf("deeper than Go reads: %s of %d bytes", got.Kind, len(got.Text))
	}
	if got := showContent([]byte(deep)); got.Kind != "JSON" || !got.Cut || len(got.Text) != maxShown {
		t.Errorf("deep: %s of %d bytes, cut %t", got.Kind, len(got.Text), got.Cut)
	}
}

// The attacker answers with brackets, which would become megabytes of spaces.
func TestAttackDeepContentAllocatesLittle(t *testing.T) {
	one := strings.Repeat("[", 9999) + strings.Repeat("]", 9999)
	body := []byte("[" + strings.TrimSuffix(strings.Repeat(one+",", 50), ",") + "]")
	if len(body) < 1_000_000-10_000 {
		t.Fatalf("%d bytes", len(body))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		showContent(body[1 : 1+len(one)])
		showContent(body)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 20; each > 4<<20 {
		t.Errorf("%d bytes for each", each)
	}
}

func FuzzShowContent(f *testing.F) {
	for _, text := range append([]string{`{"a":[1,{"b":"c\"]"}],"d":{}}`, "[[],[{}],\"\\\\\"]", "{\"\\u0041\":-1.5e+3}"}, injections...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := showContent(body)
		if !utf8.ValidString(got.Text) || len(got.Text) > 4*maxShown || got.Empty != (len(body) == 0) || got.Size != len(body) {
			t.Fatalf("%+v", got)
		}
		if visible(got.Text) != got.Text {
			t.Errorf("not visible: %q", got.Text)
		}
		var want bytes.Buffer
		if json.Valid(body) != (got.Kind == "JSON") {
			t.Fatalf("%q is %s", body, got.Kind)
		}
		if got.Kind == "JSON" && json.Indent(&want, bytes.TrimSpace(body), "", "  ") == nil {
			head, cut := indent(body, maxShown)
			if cut != (want.Len() > maxShown) || string(head) != string(want.Bytes()[:min(want.Len(), maxShown)]) {
				t.Errorf("%q, want %q", head, &want)
			}
			if head, _ := indent(body, 10); len(head) > 10 {
				t.Errorf("%q has more than 10 bytes", head)
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		count(0):         "0",
		count(999):       "999",
		count(1000):      "1\u202f000",
		count(1_234_567): "1\u202f234\u202f567",
		count(100_000):   "100\u202f000",

		percent(0, 0) + "a":         "–a",
		percent(0, 10):              "0 %",
		percent(10, 10):             "100 %",
		percent(999_999, 1_000_000): "99.9 %",
		percent(1, 1_000_000) + "b": "0.1 %b",
		percent(1, 3):               "33.3 %",

		span(0):                       "0.0 ms",
		span(1500 * time.Microsecond): "1.5 ms",
		span(10 * time.Millisecond):   "10 ms",
		span(999 * time.Millisecond):  "999 ms",
		span(time.Second):             "1.0 s",
		span(59 * time.Second):        "59.0 s",
		span(time.Minute):             "1 min",
		span(3 * time.Hour):           "3 h",

		distance(0):                    "just now",
		distance(9 * time.Second):      "just now",
		distance(10 * time.Second):     "10 s ago",
		distance(-10 * time.Second):    "in 10 s",
		distance(90 * time.Minute):     "1 h ago",
		distance(47 * time.Hour):       "47 h ago",
		distance(48 * time.Hour):       "2 days ago",
		distance(-30 * 24 * time.Hour): "in 30 days",

		statusText(404):                          "404 Not Found",
		statusText(599):                          "599",
		stateName(store.Delivery{State: "else"}): "else",
		string(ago(time.Time{})) + "c":           "c",
		string(at(time.Time{})):                  "–",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// errorClasses reads the constants of store.ErrorClass from their source, so that one
// that is added is not forgotten here.
func errorClasses(t *testing.T) []store.ErrorClass {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../store/types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var classes []store.ErrorClass
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "ErrorClass" {
				text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				classes = append(classes, store.ErrorClass(text))
			}
		}
		return true
	})
	if len(classes) < 13 {
		t.Fatalf("%d classes of errors in store/types.go", len(classes))
	}
	return classes
}

// Each class of errors has words of its own, in lists and in sentences.
func TestEveryErrorIsExplained(t *testing.T) {
	t.Parallel()
	unknown := explain("something new", 0)
	for _, class := range errorClasses(t) {
		text := explain(class, http.StatusInternalServerError)
		if text == "" || !strings.HasSuffix(text, ".") || text == unknown && class != store.ErrorOther {
			t.Errorf("%s: %q", class, text)
		}
		if errorNames[class] == "" {
			t.Errorf("%s has no name", class)
		}
		if got := outcome(store.Delivery{LastErrorClass: class}); got != errorNames[class] {
			t.Errorf("%s: %q", class, got)
		}
	}
	if explain("", 0) != "" || unknown == "" || outcome(store.Delivery{LastErrorClass: "something new"}) != "Error" || outcome(store.Delivery{}) != "" {
		t.Error("what is not known, or not there")
	}
	seen := map[string]int{}
	for status := 100; status < 600; status++ {
		text := explain(store.ErrorStatus, status)
		if !strings.Contains(text, strconv.Itoa(status)) {
			t.Errorf("%d: %s", status, text)
		}
		seen[strings.ReplaceAll(text, statusText(status), "")]++
	}
	if len(seen) < 8 {
		t.Errorf("%d explanations of a status", len(seen))
	}
}

func TestNiceTop(t *testing.T) {
	t.Parallel()
	for most, want := range map[float64]float64{0: 2, 1: 2, 2: 2, 3: 4, 5: 6, 7: 8, 9: 10, 10: 10, 11: 20, 99: 100, 101: 200, 45_000: 60_000, 1e9: 1e9} {
		if got := niceTop(most); got != want {
			t.Errorf("niceTop(%g) = %g, want %g", most, got, want)
		}
	}
	for most := 1.0; most < 1e7; most *= 1.07 {
		if top := niceTop(most); top < most || top > 2.1*most+2 || top/2 != math.Trunc(top/2) {
			t.Errorf("niceTop(%g) = %g", most, top)
		}
	}
}

func TestCharts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC)
	empties := make([]store.StatsBucket, 24)
	buckets := make([]store.StatsBucket, 24)
	for i := range buckets {
		empties[i].Start = at.Add(time.Duration(i) * time.Hour)
		buckets[i] = empties[i]
	}
	buckets[1] = store.StatsBucket{Start: buckets[1].Start, Succeeded: 5000, P50: 20 * time.Millisecond, P95: 50 * time.Millisecond}
	buckets[2] = store.StatsBucket{Start: buckets[2].Start, Succeeded: 4999, Failed: 1, P50: 10 * time.Millisecond, P95: 3 * time.Second}
	buckets[9] = store.StatsBucket{Start: buckets[9].Start, Failed: 1, P50: time.Millisecond, P95: time.Millisecond}
	for name, given := range map[string][]store.StatsBucket{"none": nil, "empty": empties, "one": buckets[1:2], "one that is empty": empties[:1], "a day": buckets} {
		c, curve, spark := drawBars(given, time.Hour), drawCurve(given, time.Hour), drawSparkline(given)
		if len(c.Bars) != len(given) || len(spark) != len(given) || len(c.Lines) != 3 || len(curve.Lines) != 3 {
			t.Errorf("%s: %d bars, %d in small, %d lines", name, len(c.Bars), len(spark), len(c.Lines))
		}
		for i, b := range c.Bars {
			for _, x := range []float64{b.X, b.Width, b.GoodY, b.GoodH, b.BadY, b.BadH, spark[i].GoodY, spark[i].GoodH, spark[i].BadY, spark[i].BadH} {
				if math.IsNaN(x) || x < 0 || x > chartWidth {
					t.Errorf("%s: bar %d has %+v", name, i, b)
				}
			}
			if given[i].Failed > 0 && (b.BadH < 2 || spark[i].BadH < 2) {
				t.Errorf("%s: failures of bar %d cannot be seen: %+v", name, i, b)
			}
			if given[i].Failed == 0 && b.BadH+spark[i].BadH != 0 || given[i].Succeeded == 0 && b.GoodH+spark[i].GoodH != 0 {
				t.Errorf("%s: bar %d shows what is not there: %+v", name, i, b)
			}
			if b.BadY+b.BadH > b.GoodY+0.11 {
				t.Errorf("%s: bar %d lies over itself: %+v", name, i, b)
			}
		}
	}
	c := drawCurve(buckets, time.Hour)
	if strings.Count(c.P50, "M") != 2 || strings.Count(c.P50, "L") != 1 || len(c.Dots) != 2 {
		t.Errorf("curve %q with %d dots", c.P50, len(c.Dots))
	}
	if got := drawBars(buckets, time.Hour).Bars[2].Title; got != "8 Jan, 02:00 to 03:00 UTC: 4\u202f999 succeeded, 1 failed" {
		t.Errorf("title %q", got)
	}
	if got := bucketName(at, 24*time.Hour); got != "8 Jan, 00:00 to 9 Jan, 00:00 UTC" {
		t.Errorf("day %q", got)
	}
	if got := marks(buckets, 6*time.Hour, 1); got[0].Text != "Thu 8 Jan" {
		t.Errorf("mark %+v", got)
	}
	if got := marks(buckets, 24*time.Hour, 1); len(got) != 5 || got[0].Text != "8 Jan" {
		t.Errorf("marks %+v", got)
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for name, c := range map[string]struct {
		timing store.Timing
		took   time.Duration
		want   string
	}{
		"nothing":         {store.Timing{}, 0, ""},
		"backwards":       {store.Timing{}, -time.Second, ""},
		"all":             {store.Timing{DNS: 10, Connect: 20, TLS: 30, FirstByte: 100}, 200, "Name lookup 10 Connection 20 TLS 30 Waiting for the answer 40 Reading it 100 "},
		"reused":          {store.Timing{FirstByte: 100}, 150, "Waiting for the answer 100 Reading it 50 "},
		"never connected": {store.Timing{DNS: 10, Connect: 40}, 100, "Name lookup 10 Connection 40 "},
		"no answer":       {store.Timing{DNS: 10, Connect: 40}, 100, "Name lookup 10 Connection 40 Waiting for the answer 50 "},
		"no connection":   {store.Timing{DNS: 10}, 10, "Name lookup 10 "},
		"more than whole": {store.Timing{DNS: 10, FirstByte: 30}, 20, "Name lookup 10 Waiting for the answer 20 "},
	} {
		a := store.Attempt{StartedAt: at, EndedAt: at.Add(c.took), Timing: c.timing, RemoteAddr: "203.0.113.7:443"}
		if name == "never connected" {
			a.RemoteAddr = ""
		}
		var got strings.Builder
		for _, p := range phases(a) {
			fmt.Fprintf(&got, "%s %d ", p.Name, p.Length)
		}
		if got.String() != c.want {
			t.Errorf("%s: %q, want %q", name, got.String(), c.want)
		}
	}
}
