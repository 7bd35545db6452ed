package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

// functions are what templates call.
var functions = template.FuncMap{
	"ago":       ago,
	"at":        at,
	"count":     count,
	"due":       due,
	"percent":   percent,
	"span":      span,
	"redactURL": redactURL,
	"stateName": stateName,
	"status":    statusText,
	"visible":   visible,
	"path":      pathOf,
	"list":      func(items ...any) []any { return items },
	"example":   func(payload json.RawMessage) string { return showContent(payload).Text },
}

const (
	isoTime  = "2006-01-02T15:04:05.000Z"
	fullTime = "2 Jan 2006, 15:04:05 UTC"
)

// redactURL is a URL as everybody may see it.
func redactURL(raw string) string { return visible(store.RedactURL(raw)) }

// ago is a time as a distance from now, for lists. The script changes the exact
// time that it is titled with to the reader's zone.
func ago(t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	text := distance(time.Since(t))
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s" data-time="title">%s</time>`, //nolint:gosec // of digits and words
		t.UTC().Format(isoTime), t.UTC().Format(fullTime), text))
}

// at is a time as it is, for details. The script changes it to the reader's zone.
func at(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-time="text">%s</time>`, //nolint:gosec // of digits and words
		t.UTC().Format(isoTime), t.UTC().Format(fullTime)))
}

// due is when a next attempt is, in words.
func due(t time.Time) string {
	if wait := time.Until(t); wait > 0 {
		return "next attempt is in " + roughly(wait)
	}
	return "next attempt is due"
}

// capital makes a sentence of what is written like a part of one.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".")
}

func distance(d time.Duration) string {
	if d < 0 {
		return "in " + roughly(-d)
	}
	if d < 10*time.Second {
		return "just now"
	}
	return roughly(d) + " ago"
}

func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// span is a duration with as many digits as it is worth.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return roughly(d)
}

// count writes a number with a space between thousands.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// percent writes a share, so that only all is 100 % and only nothing 0 %.
func percent(part, whole int) string {
	switch {
	case whole == 0:
		return "–"
	case part == whole:
		return "100 %"
	case part == 0:
		return "0 %"
	}
	share := 100 * float64(part) / float64(whole)
	return strconv.FormatFloat(min(max(share, 0.1), 99.9), 'f', 1, 64) + " %"
}

// stateName is what a state is called. A delivery that is pending after an attempt
// has failed is on its way to the next.
func stateName(d store.Delivery) string {
	switch d.State {
	case store.Pending:
		if d.Attempts > 0 {
			return "Retrying"
		}
		return "Pending"
	case store.Succeeded:
		return "Succeeded"
	case store.Failed:
		return "Failed"
	case store.Canceled:
		return "Canceled"
	}
	return string(d.State)
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// maxShown bounds how much of a body a page shows; the rest is in the file.
const maxShown = 64 << 10

// content is a body as a page shows it.
type content struct {
	Text  string
	Kind  string // "JSON", "text" or "bytes"
	Size  int
	Cut   bool // there is more of it than Text
	Empty bool
}

// showContent makes JSON readable, and bytes that are no text into a dump.
func showContent(body []byte) content {
	shown := content{Kind: "text", Size: len(body), Empty: len(body) == 0}
	head := body[:min(len(body), maxShown)]
	switch {
	case json.Valid(body):
		shown.Kind = "JSON"
		head, shown.Cut = indent(body, maxShown)
	case utf8.Valid(body) && !bytes.ContainsRune(body, 0):
		shown.Cut = len(head) < len(body)
	default:
		shown.Kind = "bytes"
		dump := fmt.Sprintf("% x", head[:min(len(head), 1024)])
		shown.Text, shown.Cut = dump, len(body) > 1024
		return shown
	}
	shown.Text = visible(strings.ToValidUTF8(string(head), "")) // the last character may be cut in two
	return shown
}

// indent gives each value of valid JSON a line of its own, like json.Indent, and ends
// at most bytes: 16 KB of brackets alone would become 134 MB. It reports whether it
// has left out some.
func indent(body []byte, most int) (head []byte, cut bool) {
	depth, quoted, opened := 0, false, false
	line := func() { head = append(append(head, '\n'), bytes.Repeat([]byte("  "), min(depth, most))...) }
	for i := 0; i < len(body); i++ {
		if len(head) > most {
			return head[:most], true
		}
		b := body[i]
		if quoted {
			head = append(head, b)
			if b == '\\' {
				i++
				head = append(head, body[i])
			}
			quoted = b != '"'
			continue
		}
		if strings.IndexByte(" \t\r\n", b) >= 0 {
			continue
		}
		closes := b == '}' || b == ']'
		if closes {
			depth--
		}
		if opened != closes { // "{}" and "[]" stay together
			line()
		}
		opened = b == '{' || b == '['
		if opened {
			depth++
		}
		head = append(head, b)
		switch b {
		case ',':
			line()
		case ':':
			head = append(head, ' ')
		case '"':
			quoted = true
		}
	}
	return head[:min(len(head), most)], len(head) > most
}

// visible shows characters that would not be seen, or would turn the text around
// them: the words of strangers must look as they are.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r) && r < ' ':
			return '\u2400' + r // a picture of it
		case unicode.IsControl(r), unicode.In(r, unicode.Bidi_Control):
			return utf8.RuneError
		}
		return r
	}, text)
}
