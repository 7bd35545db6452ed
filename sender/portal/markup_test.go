package portal

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the templates are made of, and nothing else may ever be in a page.
var (
	pageElements = strings.Fields(`html head meta title link script body a header div span nav main p h1 h2 h3 form button input label
		select option datalist textarea fieldset legend details summary dl dt dd ul ol li table thead tbody tr th td section article
		svg line rect text g path circle pre code time progress img strong br`)
	emptyElements  = strings.Fields("meta link input img br line rect path circle")
	pageAttributes = strings.Fields(`lang data-scheme charset name content rel href type src defer class id alt height width aria-label
		aria-current aria-labelledby aria-live aria-hidden aria-describedby aria-invalid aria-busy role tabindex method action for value
		selected list placeholder autocomplete data-live data-live-url data-swap data-busy data-copy hidden scope viewBox x y x1 x2 y1 y2 dy
		text-anchor d cx cy r preserveAspectRatio title datetime data-time max maxlength required checked open rows spellcheck
		inputmode step data-picker data-label`)
	addresses = []string{"href", "src", "action", "data-live-url"}
)

var (
	tagStart  = regexp.MustCompile(`^<(/?)([a-zA-Z][a-zA-Z0-9]*)`)
	attribute = regexp.MustCompile(`^\s+([a-zA-Z][a-zA-Z0-9-]*)(?:="([^"<>]*)")?`)
	relative  = regexp.MustCompile(`^(\./|(\.\./)+|#main$|\?|/home$)`) // the last is the host's
)

// checkMarkup reads a page as strictly as no browser does, and reports what is not
// of the templates: an element, an attribute, a "<" that was not escaped, elements
// that do not nest, and addresses that could lead out of the portal.
func checkMarkup(page string) error {
	rest, ok := strings.CutPrefix(page, "<!doctype html>\n")
	if !ok {
		return fmt.Errorf("no page: %.100q", page)
	}
	var open []string
	for {
		i := strings.IndexAny(rest, "<>")
		if i < 0 {
			break
		}
		rest = rest[i:]
		found := tagStart.FindStringSubmatch(rest)
		if found == nil {
			return fmt.Errorf("not escaped: %.80q", rest)
		}
		name := found[2]
		if !slices.Contains(pageElements, name) {
			return fmt.Errorf("element %.80q", rest)
		}
		rest = rest[len(found[0]):]
		var err error
		if rest, err = checkAttributes(name, rest); err != nil {
			return err
		}
		after, closed := strings.CutPrefix(rest, "/>")
		if !closed {
			if after, ok = strings.CutPrefix(rest, ">"); !ok {
				return fmt.Errorf("end of <%s>: %.80q", name, rest)
			}
		}
		rest = after
		switch {
		case found[1] != "":
			if len(open) == 0 || open[len(open)-1] != name {
				return fmt.Errorf("</%s> within %q before %.80q", name, open, rest)
			}
			open = open[:len(open)-1]
		case !closed && !slices.Contains(emptyElements, name):
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("not closed: %q", open)
	}
	return nil
}

func checkAttributes(element, rest string) (string, error) {
	for {
		found := attribute.FindStringSubmatch(rest)
		if found == nil {
			return strings.TrimLeft(rest, " "), nil
		}
		name, value := found[1], html.UnescapeString(found[2])
		switch {
		case !slices.Contains(pageAttributes, name):
			return "", fmt.Errorf("attribute %q of <%s>: %.80q", name, element, rest)
		case element == "script" && name == "src" && !strings.Contains(value, "assets/"):
			return "", fmt.Errorf("script %q", value)
		case slices.Contains(addresses, name) && !relative.MatchString(value):
			return "", fmt.Errorf("address %s=%q of <%s>", name, value, element)
		}
		rest = rest[len(found[0]):]
	}
}

// The scanner itself finds what it is for.
func TestCheckMarkup(t *testing.T) {
	t.Parallel()
	const head = "<!doctype html>\n"
	for name, page := range map[string]string{
		"an element":             `<p><iframe></iframe></p>`,
		"an event handler":       `<p onclick="x">a</p>`,
		"a style":                `<p style="x">a</p>`,
		"a script's address":     `<a href="javascript:alert(1)">a</a>`,
		"another host":           `<a href="//evil.example">a</a>`,
		"another scheme":         `<form action="https://evil.example"></form>`,
		"a bracket":              `<p>a < b</p>`,
		"a closing bracket":      `<p>a > b</p>`,
		"a comment":              `<p><!-- a --></p>`,
		"an attribute unquoted":  `<p class=a>b</p>`,
		"an attribute in quotes": `<p class='a'>b</p>`,
		"an element not closed":  `<div><p>a</p>`,
		"an element too much":    `<p>a</p></div>`,
		"an inline script":       `<script>alert(1)</script><b>`,
		"a foreign script":       `<script src="./evil.js"></script>`,
		"no page":                "",
	} {
		text := head + page
		if name == "no page" {
			text = page
		}
		if checkMarkup(text) == nil {
			t.Errorf("%s is not found", name)
		}
	}
	if err := checkMarkup(head + `<p class="a">b &lt; c<br><a href="../x">d</a></p>`); err != nil {
		t.Error(errors.Join(err))
	}
}
