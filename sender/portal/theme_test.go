package portal

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// fieldsOf are the fields that an error of New names.
func fieldsOf(err error) string {
	var names []string
	for _, found := range fieldErrors(err) {
		if !errors.Is(found, sender.ErrInvalid) {
			names = append(names, "no ErrInvalid:")
		}
		names = append(names, found.Field)
	}
	return strings.Join(names, " ")
}

// New names every fault at once.
func TestConfigFaults(t *testing.T) {
	t.Parallel()
	_, err := New(Config{
		Sender:   sender.Config{Concurrency: -1},
		Theme:    Theme{Title: strings.Repeat("a", 101), Logo: []byte("<html>"), Accent: "red", Scheme: "sepia", HomeURL: "javascript:alert(1)"},
		Profiles: []string{"", "none", "nobody"},
	})
	want := "Config.Store Config.Redis Config.Concurrency"
	got := fieldsOf(err)
	for _, field := range append(strings.Fields(want), "Config.Authorize", "Config.Profiles[1]", "Config.Profiles[2]", "Config.Theme.Title",
		"Config.Theme.Accent", "Config.Theme.Scheme", "Config.Theme.HomeURL", "Config.Theme.Logo") {
		if strings.Count(got+" ", field+" ") != 1 {
			t.Errorf("%s is not named once in %s", field, got)
		}
	}
	if strings.Contains(got, "no ErrInvalid") || strings.Contains(got, "Profiles[0]") {
		t.Error(got)
	}
	cfg := newStage(t).portal.cfg
	cfg.Authorize = nil
	if h, err := New(cfg); h != nil || fieldsOf(err) != "Config.Authorize" {
		t.Errorf("without Authorize: %v, %v", h, err)
	}
}

func TestThemeFaults(t *testing.T) {
	t.Parallel()
	png := []byte("\x89PNG\r\n\x1a\n")
	svg := []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`)
	for i, c := range []struct {
		theme Theme
		fault string
	}{
		{Theme{}, ""},
		{Theme{Title: "Jam <b>", Logo: png, Accent: "#ABCdef", Scheme: "dark", HomeURL: "/"}, ""},
		{Theme{Title: strings.Repeat("a", 100), Logo: svg, Scheme: "light", HomeURL: "https://jam.example/home?a=b"}, ""},
		{Theme{Logo: append([]byte("\xff\xd8\xff"), 0)}, ""},
		{Theme{Logo: []byte("GIF89a")}, ""},
		{Theme{Logo: []byte("RIFF\x00\x00\x00\x00WEBPVP8 ")}, ""},
		{Theme{HomeURL: "http://localhost:8080"}, ""},
		{Theme{Title: "\xff"}, "Title"},
		{Theme{Title: strings.Repeat("ü", 51)}, "Title"},
		{Theme{Accent: "#fff"}, "Accent"},
		{Theme{Accent: "3451d1"}, "Accent"},
		{Theme{Accent: "#3451d1;"}, "Accent"},
		{Theme{Accent: "#+451d1"}, "Accent"},
		{Theme{Accent: "#-00001"}, "Accent"},
		{Theme{Accent: "#3451dg"}, "Accent"},
		{Theme{Accent: "#1_2_3_"}, "Accent"},
		{Theme{Scheme: "Dark"}, "Scheme"},
		{Theme{HomeURL: "javascript:alert(1)"}, "HomeURL"},
		{Theme{HomeURL: "JavaScript:alert(1)"}, "HomeURL"},
		{Theme{HomeURL: "data:text/html,x"}, "HomeURL"},
		{Theme{HomeURL: "//evil.example"}, "HomeURL"},
		{Theme{HomeURL: `/\evil.example`}, "HomeURL"},
		{Theme{HomeURL: "/\t/evil.example"}, "HomeURL"},
		{Theme{HomeURL: "home"}, "HomeURL"},
		{Theme{HomeURL: " /home"}, "HomeURL"},
		{Theme{HomeURL: "https:evil"}, "HomeURL"},
		{Theme{HomeURL: "https://"}, "HomeURL"},
		{Theme{HomeURL: "http:/x"}, "HomeURL"},
		{Theme{HomeURL: "http://a b"}, "HomeURL"},
		{Theme{Logo: []byte("%PDF-1.4")}, "Logo"},
		{Theme{Logo: []byte("<html><script>alert(1)</script>")}, "Logo"},
		{Theme{Logo: append(bytes.Clone(png), make([]byte, maxLogo)...)}, "Logo"},
	} {
		_, err := c.theme.compile()
		want := ""
		if c.fault != "" {
			want = "Config.Theme." + c.fault
		}
		if got := fieldsOf(err); got != want {
			t.Errorf("%d, %+v: %q, want %q", i, c.theme, got, want)
		}
	}
}

var accents = regexp.MustCompile(`^:root \{ --accent: light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\); --on-accent: light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\); \}\n$`)

// Whatever colour the host has, links and the text on buttons can be read, in the
// shades that browsers get.
func TestAccentContrast(t *testing.T) {
	t.Parallel()
	colours := []string{"#ffffff", "#000000", "#ffff00", "#00ffff", "#ff00ff", "#ff0000", "#00ff00", "#0000ff", "#3451d1", "#777777", "#808080", "#010101", "#fefefe"}
	for red := 0; red < 256; red += 36 {
		for green := 0; green < 256; green += 36 {
			for blue := 0; blue < 256; blue += 36 {
				colours = append(colours, fmt.Sprintf("#%02x%02x%02x", red, green, blue))
			}
		}
	}
	shade := func(text string) colour {
		c, ok := parseColour(text)
		if !ok {
			t.Fatalf("%q is no colour", text)
		}
		return c
	}
	kept := 0
	for _, text := range colours {
		found := accents.FindStringSubmatch(string(shade(text).style()))
		if found == nil {
			t.Fatalf("%s: %s", text, shade(text).style())
		}
		light, dark, onLight, onDark := shade(found[1]), shade(found[2]), shade(found[3]), shade(found[4])
		for what, ratio := range map[string]float64{
			"on a light page": contrast(light, lightest), "on white": contrast(light, white), "text on a light scheme's button": contrast(light, onLight),
			"on a dark page": contrast(dark, darkest), "text on a dark scheme's button": contrast(dark, onDark),
		} {
			if ratio < 4.5 {
				t.Errorf("%s %s: %.3f:1 of %s and %s", text, what, ratio, found[1], found[2])
			}
		}
		if found[1] == text || found[2] == text {
			kept++
		}
	}
	if kept < len(colours)/3 {
		t.Errorf("of %d colours %d are as the host has them", len(colours), kept)
	}
	for a, b := range map[colour]float64{white: 21, {}: 1} {
		if got := contrast(a, colour{}); got < b-0.01 || got > b+0.01 {
			t.Errorf("contrast of %s to black: %.2f, want %g", a, got, b)
		}
	}
}

// The host's colours, logo and link are on each page, and a logo runs nothing.
func TestTheme(t *testing.T) {
	t.Parallel()
	logo := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	s := newStage(t, func(c *Config) {
		c.Theme = Theme{Title: "Jam & Co", Logo: logo, Accent: "#aa3300", Scheme: "dark", HomeURL: "/home"}
	})
	logo[0] = 'x' // what is served is a copy
	page := s.get(asker{tenant: "alice", name: "Alice & Co", may: View}, "/", http.StatusOK)
	for _, want := range []string{`data-scheme="dark"`, "<span>Jam &amp; Co</span>", `<a class="home" href="/home">`, "· Jam &amp; Co</title>", `<span class="tenant">Alice &amp; Co</span>`, s.portal.look.Logo} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, found := range regexp.MustCompile(`(?:href|src)="\./(assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		w := s.do(asker{}, http.MethodGet, "/"+found[1], nil)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d", found[1], w.Code)
		}
	}
	w := s.do(asker{}, http.MethodGet, "/assets/"+s.portal.look.Logo, nil)
	if w.Header().Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(w.Body.String(), "<svg") || w.Header().Get("Content-Security-Policy") != assetPolicy {
		t.Errorf("logo: %v %s", w.Header(), w.Body)
	}
	other := newStage(t)
	if other.portal.look.Colours == s.portal.look.Colours || other.portal.look.Style != s.portal.look.Style || other.portal.look.Logo != "" {
		t.Error("the names of assets do not follow what is in them")
	}
	page = other.get(asker{tenant: "alice", may: View}, "/", http.StatusOK)
	if strings.Contains(page, "<img") || strings.Contains(page, `class="home"`) || strings.Contains(page, `class="tenant"`) || !strings.Contains(page, `data-scheme="auto"`) || !strings.Contains(page, "<span>Webhooks</span>") {
		t.Error("the plain theme has what nobody gave it")
	}
	if got := nameOf(store.Endpoint{URL: "https://a.example/x?y=z"}); got != "a.example/x?[redacted]" {
		t.Errorf("name %q", got)
	}
}
