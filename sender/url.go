package sender

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/outhook/outhook/internal/guard"
)

// newGuard returns the address guard, or nil if there is to be none.
func (c Config) newGuard() *guard.Guard {
	if c.UnsafeAllowLocal {
		return nil
	}
	return guard.New(guard.Options{
		AllowCIDRs: c.UnsafeAllowCIDRs, AllowHosts: c.UnsafeAllowHosts, AllowPorts: c.UnsafeAllowPorts, DenyCIDRs: c.DenyCIDRs,
	})
}

// validateGuard sees what would permit or deny nothing.
func (c Config) validateGuard(f *faults) {
	check := func(field string, prefixes []netip.Prefix) {
		for i, p := range prefixes {
			f.check(p.IsValid() && !p.Addr().Is4In6(), fmt.Sprintf("Config.%s[%d]", field, i), p,
				"a prefix of IPv4 or IPv6, without ::ffff: in front")
		}
	}
	check("UnsafeAllowCIDRs", c.UnsafeAllowCIDRs)
	check("DenyCIDRs", c.DenyCIDRs)
	for i, host := range c.UnsafeAllowHosts {
		_, err := netip.ParseAddr(host)
		f.check(host != "" && isASCII(host) && (err == nil || !strings.ContainsAny(host, "*:/@[] ")), fmt.Sprintf("Config.UnsafeAllowHosts[%d]", i),
			fmt.Sprintf("%q", host), "one host in its ASCII form, without a port")
	}
}

// validateURL checks what of a URL can be checked without a name lookup; the
// addresses that its name has are judged when one is dialled. A URL may hold a
// credential in its query, so that no fault shows it.
func (c Config) validateURL(f *faults, raw string) {
	const field = "Endpoint.URL"
	if !within(len(raw), 1, maxURL) || !utf8.ValidString(raw) {
		f.add(field, fmt.Sprintf("is %d bytes", len(raw)), fmt.Sprintf("1 to %d bytes of UTF-8", maxURL))
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		f.add(field, "cannot be parsed", "an absolute https URL")
		return
	}
	if !c.permitsScheme(u.Scheme) {
		f.add(field, fmt.Sprintf("has the scheme %q", u.Scheme), "an https URL (Config.UnsafeAllowHTTP permits http)")
	}
	if u.User != nil {
		f.add(field, "has a user name", "without one: put credentials into the header Authorization")
	}
	if strings.Contains(u.RawQuery, " ") {
		f.add(field, "has a space in its query", "with %20 instead: it is sent as it is, and would end the target of the request")
	}
	if u.Fragment != "" {
		f.add(field, "has a fragment", "without one: it would not be sent")
	}
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil || port == 0 {
		f.add(field, "has the port "+u.Port(), "on a port from 1 to 65535")
	} else if c.guard != nil {
		f.blocked(c.guard.CheckPort(uint16(port)), field, fmt.Sprintf("has the port %d", port),
			"on port 443 or 80 (Config.UnsafeAllowPorts permits others)")
	}
	if !isASCII(u.Hostname()) {
		// net/http maps such a host before it dials, "127.0.0.１" to 127.0.0.1.
		f.add(field, "has a host that is not ASCII", "one in its ASCII form, xn--…")
	} else if c.guard != nil {
		f.blocked(c.guard.CheckHost(u.Hostname()), field, "names this machine or a private network",
			"public (Config.UnsafeAllowHosts and UnsafeAllowCIDRs permit others)")
	}
}

// checkTarget judges a URL as validateURL does, for requests that come to a
// Transport another way.
func (c Config) checkTarget(u *url.URL) error {
	if c.guard == nil {
		return nil
	}
	if !c.permitsScheme(u.Scheme) || !isASCII(u.Hostname()) {
		return &FieldError{Field: "URL", Problem: fmt.Sprintf("has the scheme %q or a host that is not ASCII", u.Scheme), Bound: "an https URL"}
	}
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return fmt.Errorf("URL: port: %w", err)
	}
	if err := c.guard.CheckPort(uint16(port)); err != nil {
		return err
	}
	return c.guard.CheckHost(u.Hostname())
}

func (c Config) permitsScheme(scheme string) bool {
	return scheme == "https" || scheme == "http" && (c.UnsafeAllowLocal || c.UnsafeAllowHTTP)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
