package sender

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// refusedURLs lead, or may lead somebody's parser, to what is not public.
var refusedURLs = strings.Fields(`
	https://localhost https://LOCALHOST./x https://a.localhost https://db.internal https://printer.local https://nas.lan https://intranet
	https://metadata.google.internal/computeMetadata/v1/ https://home.arpa https://com
	https://127.0.0.1 https://127.0.0.1./ https://127.0.0.1:443 https://127.1 https://127.0.1 https://127.0.0.01 https://0177.0.0.1
	https://0x7f.0.0.1 https://0x7F.1 https://0x7f000001 https://2130706433 https://017700000001 https://127.0.0.0x1 https://0 https://0x
	https://0.0.0.0 https://10.0.0.1 https://10.1 https://172.16.0.1 https://192.168.1.1 https://192.168.257 https://100.64.0.1
	https://169.254.169.254/latest/meta-data/ https://2852039166 https://0xa9fea9fe https://0xA9.0xFE.0xA9.0xFE https://0251.0376.0251.0376
	https://169.254.43518 https://168.63.129.16 https://100.100.100.200 https://192.0.0.192 https://224.0.0.1 https://255.255.255.255 https://240.0.0.1
	https://198.18.0.1 https://203.0.113.1 https://[::] https://[::1] https://[0:0:0:0:0:0:0:1] https://[0000::0001]:443
	https://[::ffff:127.0.0.1] https://[::ffff:7f00:1] https://[::FFFF:169.254.169.254] https://[::127.0.0.1] https://[64:ff9b::7f00:1]
	https://[64:ff9b::10.0.0.1] https://[64:ff9b:1::1] https://[2002:7f00:1::] https://[2001:0:4136:e378:8000:63bf:f5ff:fffe] https://[2001:db8::1]
	https://[2606:4700::5efe:10.0.0.1] https://[fe80::1] https://[fe80::1%25eth0] https://[2606:4700::1%25eth0] https://[fec0::1] https://[fd00:ec2::254]
	https://[fc00::1] https://[ff02::1] https://[5f00::1] https://[100::1] https://[::ffff:0:127.0.0.1]
	https://user@example.com https://user:pw@127.0.0.1 https://example.com@127.0.0.1 https://127.0.0.1@example.com https://@example.com
	https://example.com#@127.0.0.1 https://example.com\@127.0.0.1 https://example.com:443@127.0.0.1 https://127.0.0.1#.example.com
	https://example.com:22 https://example.com:8443 https://example.com:6379 https://example.com:0 https://example.com:65536 https://example.com:-1
	https://example.com:443:443 https://１２７.0.0.1 https://127.0.0.１ https://127。0。0。1 https://ⓛocalhost https://bücher.example.com https://%31%32%37.0.0.1
	https://127.0.0%2e1 https://exa%00mple.com https://%5b::1%5d https://[127.0.0.1] https://::1 https://[::1 https://a..example.com
	https://example.com.. https://.example.com https://-a.example.com https://xn--localhost- https://xn--127-.com https://foo.0x7f https://foo.127
	http://example.com ftp://example.com file:///etc/passwd gopher://example.com javascript:alert(1) //example.com https:example.com https:/example.com
	https:///example.com HTTPS://10.0.0.1 https://? https://# example.com /x ?x
`)

// goodURLs lead to public servers.
var goodURLs = strings.Fields(`
	https://example.com https://EXAMPLE.com./ HTTPS://example.com/x https://example.com:443/a https://example.com:80 https://example.com:
	https://hooks.example.com/in?token=a@127.0.0.1 https://a.b.c.d.e.example.co.uk/x/../y https://example.com/http://127.0.0.1/
	https://xn--bcher-kva.example.com https://example.xn--p1ai/ https://localhost.example.com https://internal.example.com https://127.0.0.1.example.com
	https://10.example.com https://1password.com https://0x7f.example.com https://my_host.example.com https://a--b.example.com https://mylocal.io
	https://1.1.1.1 https://8.8.8.8/x https://8.8.8.8. https://11.0.0.0 https://9.255.255.255 https://172.15.255.255 https://172.32.0.0
	https://192.167.255.255 https://192.169.0.0 https://169.253.1.1 https://100.63.255.255 https://100.128.0.0 https://168.63.129.15 https://223.255.255.255
	https://[2606:4700:4700::1111]/ https://[2a00:1450:4001:830::200e]:443 https://[::ffff:8.8.8.8] https://[2001:200::1] https://[2003::1]
	https://[2606:4700::5efe:8.8.8.8] https://example.com/%2e%2e?x=%0d%0a https://example.com?x
`)

func validateDefault(raw string) error {
	var found faults
	Config{}.withDefaults().validateURL(&found, raw)
	return found.err()
}

func TestURLs(t *testing.T) {
	t.Parallel()
	t.Logf("%d refused and %d good URLs", len(refusedURLs), len(goodURLs))
	for _, raw := range append(refusedURLs, "", " https://example.com", "https://exa mple.com", "https://example.com\n", "https://127.0.0.1\t", "https://a\x00b.com", "https://example.com/?a HTTP/1.0") {
		var field *FieldError
		if err := validateDefault(raw); !errors.As(err, &field) || !errors.Is(err, ErrInvalid) || field.Field != "Endpoint.URL" {
			t.Errorf("%q: %v, want a FieldError", raw, err)
		}
	}
	for _, raw := range goodURLs {
		if err := validateDefault(raw); err != nil {
			t.Errorf("%q: %v, want it accepted", raw, err)
		}
	}
}

// FuzzValidateURL: whatever is accepted leads, if any parser takes its host for
// an address, to a public one. Each input is tried as a URL, and as the host of
// one.
func FuzzValidateURL(f *testing.F) {
	for _, raw := range slices.Concat(refusedURLs, goodURLs) {
		f.Add(raw)
		f.Add(strings.TrimPrefix(raw, "https://"))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		checkAccepted(t, raw)
		checkAccepted(t, "https://"+raw)
	})
}

func checkAccepted(t *testing.T, raw string) {
	t.Helper()
	if err := validateDefault(raw); err != nil {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("validateURL(%q) = %v, which is no FieldError", raw, err)
		}
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		t.Fatalf("validateURL(%q) accepted %s, %v", raw, u, err)
	}
	if port := strings.TrimLeft(u.Port(), "0"); port != "" && port != "443" && port != "80" {
		t.Errorf("validateURL(%q) accepted the port %s", raw, port)
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(strings.TrimRight(host, "."))
	if err != nil {
		addr, err = numbers(host)
	}
	if err == nil && !knownPublic(addr) {
		t.Errorf("validateURL(%q) accepted %s", raw, addr)
	}
	if err != nil && (!strings.Contains(host, ".") || strings.ContainsAny(host, ":%[]\\/@ \t\r\n\x00") || !isASCII(host)) {
		t.Errorf("validateURL(%q) accepted the name %q", raw, host)
	}
}

// numbers reads a host as inet_aton does: one to four numbers, each decimal,
// octal or hexadecimal, the last of which fills what is left.
func numbers(host string) (netip.Addr, error) {
	words := strings.Split(strings.TrimRight(host, "."), ".")
	if len(words) > 4 {
		return netip.Addr{}, errors.New("more than four words")
	}
	var all uint64
	for i, word := range words {
		base, digits := 10, word
		if rest, ok := strings.CutPrefix(strings.ToLower(word), "0x"); ok {
			base, digits = 16, "0"+rest
		} else if strings.HasPrefix(word, "0") {
			base = 8
		}
		bits := 8
		if i == len(words)-1 {
			bits = 8 * (5 - len(words))
		}
		n, err := strconv.ParseUint(digits, base, bits)
		if err != nil {
			return netip.Addr{}, err
		}
		all = all<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), nil
}

// knownPublic is written down independently of the guard: by what is public.
func knownPublic(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.Zone() != "" || !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	special := "0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 168.63.129.16/32 " +
		"2001::/23 2001:db8::/32 2002::/16 3fff::/20"
	for prefix := range strings.FieldsSeq(special) {
		if netip.MustParsePrefix(prefix).Contains(addr) {
			return false
		}
	}
	if addr.Is4() {
		return true
	}
	b := addr.As16()
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP
		return knownPublic(netip.AddrFrom4([4]byte(b[12:])))
	}
	return netip.MustParsePrefix("2000::/3").Contains(addr)
}

func TestHolesInURLs(t *testing.T) {
	t.Parallel()
	cfg := Config{
		UnsafeAllowHTTP: true, UnsafeAllowPorts: []uint16{8443}, UnsafeAllowHosts: []string{"intranet", "::1"},
		UnsafeAllowCIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, DenyCIDRs: []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24")},
	}.withDefaults()
	for raw, want := range map[string]bool{
		"http://example.com": true, "https://example.com:8443": true, "https://intranet/x": true, "https://INTRANET./x": true, "https://[::1]:8443": true,
		"http://10.1.2.3": true, "https://example.com:8080": false, "https://10.2.0.1": false, "https://wiki": false, "https://8.8.8.8": false,
		"ftp://example.com": false, "https://127.0.0.1": false,
	} {
		var found faults
		cfg.validateURL(&found, raw)
		if err := found.err(); (err == nil) != want {
			t.Errorf("%s: %v, want accepted: %v", raw, err, want)
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.checkTarget(u); (err == nil) != want {
			t.Errorf("%s: checkTarget = %v, want accepted: %v", raw, err, want)
		}
	}
	cfg = Config{
		UnsafeAllowHosts: []string{"", "a:80", "https://a", "*.a.example", "bücher.example"},
		UnsafeAllowCIDRs: []netip.Prefix{{}, netip.MustParsePrefix("::ffff:10.0.0.0/104")}, DenyCIDRs: []netip.Prefix{{}},
	}
	_, err := NewTransport(cfg, TransportOptions{})
	for _, want := range []string{"UnsafeAllowHosts[0]", "UnsafeAllowHosts[1]", "UnsafeAllowHosts[2]", "UnsafeAllowHosts[3]", "UnsafeAllowHosts[4]", "UnsafeAllowCIDRs[0]", "UnsafeAllowCIDRs[1]", "DenyCIDRs[0]"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+want) {
			t.Errorf("%s is not in the error: %v", want, err)
		}
	}
}
