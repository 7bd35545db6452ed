package portal

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/outhook/outhook/sender"
)

// Theme is how the pages look: like a part of the host's product.
type Theme struct {
	// Title stands at the top of each page and in the browser's tab, at most 100
	// bytes.
	// Defaults to "Webhooks".
	Title string

	// Logo is a picture in front of the title: SVG, PNG, JPEG, GIF or WebP, at most
	// 256 KiB. It is shown 28 pixels high.
	// Defaults to none.
	Logo []byte

	// Accent is the colour of buttons and links, as "#rrggbb". Where it would be
	// hard to read (less than 4.5:1, WCAG 2.2, 1.4.3) a darker or lighter shade of
	// it is used.
	// Defaults to "#3451d1".
	Accent string

	// Scheme is "light" or "dark".
	// Defaults to what the reader's system has.
	Scheme string

	// HomeURL leads back to the host's product: a URL, or a path of the same host
	// that begins with a slash.
	// Defaults to no link.
	HomeURL string
}

const maxLogo = 256 << 10

// look is a Theme as the pages need it.
type look struct {
	Title   string
	HomeURL string
	Scheme  string // of the attribute data-scheme

	// The names of assets. They change with what is in them, so that browsers can
	// keep them for ever.
	Style, Colours, Script, Icon, Logo string

	assets map[string]asset // by name
}

// asset is a file that pages load.
type asset struct {
	contentType string
	content     []byte
}

//go:embed assets
var assetFiles embed.FS

// compile checks the theme, and reports every fault at once.
func (t Theme) compile() (look, error) {
	var faults []error
	fault := func(field, problem, bound string) {
		faults = append(faults, &sender.FieldError{Field: "Config.Theme." + field, Problem: problem, Bound: bound})
	}
	if t.Title == "" {
		t.Title = "Webhooks"
	}
	if len(t.Title) > 100 || !utf8.ValidString(t.Title) {
		fault("Title", fmt.Sprintf("has %d bytes", len(t.Title)), "at most 100 bytes of UTF-8")
	}
	if t.Accent == "" {
		t.Accent = "#3451d1"
	}
	accent, ok := parseColour(t.Accent)
	if !ok {
		fault("Accent", fmt.Sprintf("is %q", t.Accent), `a colour such as "#3451d1"`)
	}
	switch t.Scheme {
	case "", "light", "dark":
	default:
		fault("Scheme", fmt.Sprintf("is %q", t.Scheme), `empty, "light" or "dark"`)
	}
	home, err := url.Parse(t.HomeURL)
	if err != nil || t.HomeURL != "" && !isPath(t.HomeURL) && (home.Scheme != "https" && home.Scheme != "http" || home.Host == "") {
		fault("HomeURL", fmt.Sprintf("is %q", t.HomeURL), "empty, an http or https URL, or a path that begins with one slash")
	}
	logoType := pictureType(t.Logo)
	if len(t.Logo) > maxLogo || len(t.Logo) > 0 && logoType == "" {
		fault("Logo", fmt.Sprintf("has %d bytes of %s", len(t.Logo), http.DetectContentType(t.Logo)),
			"a picture (SVG, PNG, JPEG, GIF or WebP) of at most 262144 bytes")
	}
	if err := errors.Join(faults...); err != nil {
		return look{}, err
	}
	l := look{Title: t.Title, HomeURL: t.HomeURL, Scheme: t.Scheme, assets: map[string]asset{}}
	l.Style = l.add("portal.css", "text/css; charset=utf-8", embedded("portal.css"))
	l.Script = l.add("portal.js", "text/javascript; charset=utf-8", embedded("portal.js"))
	l.Icon = l.add("icon.svg", "image/svg+xml", embedded("icon.svg"))
	l.Colours = l.add("colours.css", "text/css; charset=utf-8", accent.style())
	if len(t.Logo) > 0 {
		l.Logo = l.add("logo", logoType, bytes.Clone(t.Logo))
	}
	return l, nil
}

// isPath reports whether target is a path, and not "//host" or "/\host", which
// browsers take for another host's.
func isPath(target string) bool {
	return strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") && !strings.ContainsAny(target, "\\\t\r\n")
}

func pictureType(picture []byte) string {
	switch found := http.DetectContentType(picture); {
	case found == "image/png", found == "image/jpeg", found == "image/gif", found == "image/webp":
		return found
	case bytes.Contains(picture[:min(len(picture), 1024)], []byte("<svg")):
		return "image/svg+xml"
	}
	return ""
}

func embedded(name string) []byte {
	content, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return content
}

// add returns the name under which the asset is served.
func (l *look) add(name, contentType string, content []byte) string {
	sum := sha256.Sum256(content)
	name = hex.EncodeToString(sum[:6]) + "-" + name
	l.assets[name] = asset{contentType, content}
	return name
}

// serveAsset serves what pages load. It is the same for everybody, and nobody is
// asked who they are.
func (p *portal) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := p.look.assets[r.PathValue("name")]
	if !ok {
		p.fail(w, r, errNoPage)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	// A picture that is opened by itself must not run anything.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	_, _ = w.Write(a.content) // the client may be gone
}

// colour is red, green and blue, each from 0 to 1.
type colour [3]float64

func parseColour(text string) (colour, bool) {
	digits, ok := strings.CutPrefix(text, "#")
	if !ok || len(digits) != 6 {
		return colour{}, false
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return colour{}, false
	}
	return colour{float64(n>>16) / 255, float64(n>>8&0xff) / 255, float64(n&0xff) / 255}, true
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]*255+0.5), int(c[1]*255+0.5), int(c[2]*255+0.5))
}

// The backgrounds on which the accent has to be readable: the darkest of the light
// ones, and the lightest of the dark ones, of portal.css.
var (
	lightest = colour{0.95, 0.957, 0.969}
	darkest  = colour{0.125, 0.145, 0.18}
	white    = colour{1, 1, 1}
	ink      = colour{0.05, 0.065, 0.09}
)

// style is a style sheet that has the accent in a shade for each scheme.
func (c colour) style() []byte {
	light := c.until(colour{}, func(shade colour) bool { return contrast(shade, lightest) >= 4.5 })
	dark := c.until(white, func(shade colour) bool {
		return contrast(shade, darkest) >= 4.5 && contrast(shade, ink) >= 4.5
	})
	return fmt.Appendf(nil, ":root { --accent: light-dark(%s, %s); --on-accent: light-dark(#ffffff, %s); }\n", light, dark, ink)
}

// until mixes c with another colour, as little as is enough.
func (c colour) until(other colour, enough func(colour) bool) colour {
	for part := 0.0; part < 1; part += 0.02 {
		shade := colour{}
		for i := range shade {
			shade[i] = math.Round((c[i]*(1-part)+other[i]*part)*255) / 255 // as browsers get it
		}
		if enough(shade) {
			return shade
		}
	}
	return other
}

// contrast is the ratio of two colours' luminance (WCAG 2.2, "contrast ratio").
func contrast(a, b colour) float64 {
	low, high := a.luminance(), b.luminance()
	if low > high {
		low, high = high, low
	}
	return (high + 0.05) / (low + 0.05)
}

func (c colour) luminance() float64 {
	linear := func(part float64) float64 {
		if part <= 0.04045 {
			return part / 12.92
		}
		return math.Pow((part+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}
