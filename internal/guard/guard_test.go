package guard

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forbidden are addresses that lead to no public server, by why; the edges of
// each range, too.
var forbidden = map[string]string{
	"this network":            "0.0.0.0 0.0.0.1 0.255.255.255",
	"private 10":              "10.0.0.0 10.1.2.3 10.255.255.255",
	"private 172":             "172.16.0.0 172.17.0.1 172.31.255.255",
	"private 192":             "192.168.0.0 192.168.1.1 192.168.255.255",
	"shared":                  "100.64.0.0 100.127.255.255",
	"loopback":                "127.0.0.0 127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.255 ::1",
	"link-local":              "169.254.0.0 169.254.255.255 fe80:: fe80::1 fe80::1%eth0 febf:ffff::1",
	"metadata":                "169.254.169.254 169.254.170.2 169.254.0.23 169.254.42.42 168.63.129.16 100.100.100.200 192.0.0.192",
	"metadata v6":             "fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42 fe80::a9fe:a9fe",
	"protocol assignments":    "192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.255",
	"documentation":           "192.0.2.0 192.0.2.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255",
	"documentation v6":        "2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff:ffff::1",
	"relays and sinks":        "192.88.99.0 192.88.99.255 192.31.196.1 192.52.193.1 192.175.48.1 2620:4f:8000::1",
	"benchmarks":              "198.18.0.0 198.19.255.255 2001:2::1",
	"multicast":               "224.0.0.0 224.0.0.1 239.255.255.255 ff02::1 ff0e::1 ffff::1",
	"reserved":                "240.0.0.0 250.1.2.3 255.255.255.254 255.255.255.255",
	"unspecified v6":          "::",
	"mapped":                  "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:7f00:1 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::ffff:0.0.0.0 ::ffff:168.63.129.16",
	"compatible":              "::127.0.0.1 ::10.0.0.1 ::a9fe:a9fe ::8.8.8.8 ::2",
	"translated (RFC 2765)":   "::ffff:0:127.0.0.1 ::ffff:0:10.0.0.1",
	"NAT64":                   "64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::8.8.8.8",
	"NAT64, local":            "64:ff9b:1::10.0.0.1 64:ff9b:1:ffff::1",
	"6to4":                    "2002:7f00:1:: 2002:a00:1::1 2002:c0a8:101:: 2002:a9fe:a9fe:: 2002:808:808::1",
	"Teredo":                  "2001:0:4136:e378:8000:63bf:f5ff:fffe 2001::1 2001:0:ffff::1",
	"ISATAP":                  "2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:10.0.0.1 fe80::5efe:192.168.1.1 2606:4700::5efe:169.254.169.254 2606:4700::5efe:127.0.0.1",
	"ORCHID and anycast":      "2001:10::1 2001:20::1 2001:1::1 2001:4:112::1 2001:1ff:ffff::1",
	"site-local":              "fec0:: fec0::1 feff:ffff::1",
	"unique local":            "fc00:: fc00::1 fd00::1 fd12:3456:789a::1 fdff:ffff::1",
	"discard":                 "100:: 100::1 100:0:0:1::1",
	"segment routing":         "5f00::1 5f00:ffff::1",
	"not assigned":            "1::1 1fff:ffff::1 4000::1 8000::1 e000::1 fe00::1",
	"a zone on a public one":  "2606:4700:4700::1111%eth0",
	"private in mapped, zone": "::ffff:10.0.0.1%eth0",
}

// public are public addresses, among them those next to each forbidden range.
var public = map[string]string{
	"servers":            "1.1.1.1 8.8.8.8 93.184.215.14 104.16.132.229 140.82.121.4 185.199.108.153 223.255.255.255",
	"servers v6":         "2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:830::200e 2400:cb00::1 2c0f:fb50::1 2800:3f0::1 2600:1f18::1",
	"lowest":             "1.0.0.0",
	"around 10":          "9.255.255.255 11.0.0.0",
	"around 100.64":      "100.63.255.255 100.128.0.0",
	"around 127":         "126.255.255.255 128.0.0.0",
	"around Azure's":     "168.63.129.15 168.63.129.17",
	"around 169.254":     "169.253.255.255 169.255.0.0",
	"around 172.16":      "172.15.255.255 172.32.0.0",
	"around 192.0.0":     "191.255.255.255 192.0.1.0",
	"around 192.0.2":     "192.0.1.255 192.0.3.0",
	"around 192.31.196":  "192.31.195.255 192.31.197.0",
	"around 192.52.193":  "192.52.192.255 192.52.194.0",
	"around 192.88.99":   "192.88.98.255 192.88.100.0",
	"around 192.168":     "192.167.255.255 192.169.0.0",
	"around 192.175.48":  "192.175.47.255 192.175.49.0",
	"around 198.18":      "198.17.255.255 198.20.0.0",
	"around 198.51.100":  "198.51.99.255 198.51.101.0",
	"around 203.0.113":   "203.0.112.255 203.0.114.0",
	"around 2001::/23":   "2001:200::1 2001:200::",
	"around 2001:db8":    "2001:db7:ffff::1 2001:db9::1",
	"around 2002::/16":   "2001:ffff::1 2003::1",
	"around AS112":       "2620:4f:7fff::1 2620:4f:8001::1",
	"around 3fff::/20":   "3ffe:ffff::1 3fff:1000::1",
	"edges of 2000::/3":  "2000::1 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"mapped":             "::ffff:8.8.8.8 ::ffff:101:101",
	"ISATAP of a public": "2606:4700::5efe:8.8.8.8 2606:4700::200:5efe:8.8.8.8",
	"nearly ISATAP":      "2606:4700::100:5efe:10.0.0.1 2606:4700::5eff:10.0.0.1",
}

func each(table map[string]string, check func(why, addr string)) {
	for why, addrs := range table {
		for addr := range strings.FieldsSeq(addrs) {
			check(why, addr)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	g := New(Options{})
	counts := map[bool]int{}
	each(forbidden, func(why, text string) {
		counts[false]++
		var refused *Error
		addr := netip.MustParseAddr(text)
		if err := g.CheckAddr(addr); !errors.As(err, &refused) || refused.Addr != addr {
			t.Errorf("%s (%s) = %v, want it refused", text, why, err)
		} else if strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error shows it: %v", text, err)
		}
	})
	each(public, func(why, text string) {
		counts[true]++
		if err := g.CheckAddr(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s (%s) = %v, want it let through", text, why, err)
		}
	})
	t.Logf("%d forbidden and %d public addresses", counts[false], counts[true])
	if err := g.CheckAddr(netip.Addr{}); err == nil {
		t.Error("the zero address is let through")
	}
}

func TestOptionsMakeHoles(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	g := New(Options{
		AllowCIDRs: []netip.Prefix{prefix("10.1.0.0/16"), prefix("fd00:1::/32"), prefix("64:ff9b::/96"), prefix("2002::/16"), prefix("2001::/32"), prefix("168.63.129.16/32")},
		DenyCIDRs:  []netip.Prefix{prefix("10.1.9.0/24"), prefix("8.8.8.0/24")},
	})
	for addr, want := range map[string]bool{
		"10.1.0.1": true, "::ffff:10.1.0.1": true, "10.2.0.1": false, "fd00:1::1": true, "fd00:2::1": false,
		"10.1.9.1": false, "8.8.8.8": false, "::ffff:8.8.8.8": false, "8.8.4.4": true, "168.63.129.16": true,
		// A carrier that is allowed is as good as what it carries.
		"64:ff9b::1.1.1.1": true, "64:ff9b::10.1.0.1": true, "64:ff9b::10.2.0.1": false, "64:ff9b::127.0.0.1": false,
		"64:ff9b::169.254.169.254": false, "64:ff9b::8.8.8.8": false,
		"2002:101:101::1": true, "2002:7f00:1::1": false,
		"2001:0:4136:e378:8000:63bf:fefe:fefe": true, "2001:0:4136:e378:8000:63bf:80ff:fffe": false,
	} {
		if err := g.CheckAddr(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("%s = %v, want allowed: %v", addr, err, want)
		}
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		allowed []uint16
		port    uint16
		want    bool
	}{
		{nil, 443, true},
		{nil, 80, true},
		{nil, 22, false},
		{nil, 8443, false},
		{nil, 0, false},
		{[]uint16{8443}, 8443, true},
		{[]uint16{8443}, 443, true},
		{[]uint16{8443}, 8080, false},
		{[]uint16{0}, 22, true},
		{[]uint16{0}, 0, false},
	} {
		if err := New(Options{AllowPorts: test.allowed}).CheckPort(test.port); (err == nil) != test.want {
			t.Errorf("port %d with %v = %v, want allowed: %v", test.port, test.allowed, err, test.want)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	const good = "example.com EXAMPLE.com. a.b.c.d.example.org xn--bcher-kva.example.com hooks.example.xn--p1ai local.example.com " +
		"internal.example.com mylocal.com 1password.com 127.0.0.1.nip.io 10.example.com a_b.example.com 0x7f.example.com 8.8.8.8 8.8.8.8. " +
		"2606:4700:4700::1111 notlan.io xlan.lanx a--b.example.com localhost.example.com"
	const bad = "localhost LOCALHOST localhost. a.localhost localhost.localdomain printer.local db.internal metadata.google.internal " +
		"router.lan nas.home home.arpa x.home.arpa intranet wiki.corp a.intranet a.private metadata instance-data com " +
		"127.1 127.0.1 127.0.0.1. 127.0.0.1.. 2130706433 0x7f000001 0x7f.1 0x7F.0.0.1 017700000001 0177.0.0.1 0177.1 127.0.0.01 " +
		"127.0.0.0x1 0 0x 0x0 1 10.1 10.0.1 192.168.257 172.16.1 169.254.43518 0xa9fea9fe 2852039166 0251.0376.0251.0376 " +
		"foo.0x7f foo.127 foo.0x foo.1_0 example.com.. .example.com a..example.com -a.example.com a-.example.com xn--localhost-. " +
		"exa%6dple.com 127.0.0.1%00 a,b.example.com a@b.example.com a/b.example.com [::1] ::1 ::ffff:127.0.0.1 fe80::1%eth0 0:0:0:0:0:0:0:1 " +
		"0000::0001 ::ffff:7f00:0001 ::FFFF:127.0.0.1"
	g := New(Options{})
	for host := range strings.FieldsSeq(good) {
		if err := g.CheckHost(host); err != nil {
			t.Errorf("%s = %v, want it let through", host, err)
		}
	}
	for _, host := range append(strings.Fields(bad), "", ".", " ", "a b.com", "127.0.0.1 ", "127.0.0.1\n", "１２７.0.0.1", "127。0。0。1",
		strings.Repeat("a", 64)+".com", strings.Repeat("a.", 127)+"com") {
		if err := g.CheckHost(host); err == nil {
			t.Errorf("%q is let through", host)
		}
	}
	open := New(Options{AllowHosts: []string{"Intranet", "db.internal.", "10.0.0.1"}})
	for host, want := range map[string]bool{
		"intranet": true, "INTRANET.": true, "db.internal": true, "10.0.0.1": true, "a.intranet": false, "x.internal": false, "10.0.0.2": false,
	} {
		if err := open.CheckHost(host); (err == nil) != want {
			t.Errorf("%s = %v, want allowed: %v", host, err, want)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	g := New(Options{})
	addrs, err := net.InterfaceAddrs()
	if err != nil || len(addrs) == 0 {
		t.Fatalf("this machine has no addresses: %v", err)
	}
	for _, addr := range ipsOf(addrs) {
		if g.CheckAddr(addr) == nil {
			t.Errorf("%s is this machine's, and let through", addr)
		}
	}

	mine, read := "93.184.215.14", 0
	g.own.list = func() ([]net.Addr, error) {
		read++
		if mine == "" {
			return nil, errors.New("not told")
		}
		return []net.Addr{&net.IPNet{IP: net.ParseIP(mine), Mask: net.CIDRMask(24, 32)}}, nil
	}
	check := func(addr string, want bool) {
		t.Helper()
		if err := g.CheckAddr(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("%s = %v, want allowed: %v", addr, err, want)
		}
	}
	g.own.read = g.own.read.Add(-2 * ownFor)
	check("93.184.215.14", false)
	check("::ffff:93.184.215.14", false)
	check("93.184.215.15", true)
	mine = "93.184.215.15"
	check("93.184.215.15", true) // not read for each dial
	if read != 1 {
		t.Errorf("the addresses were read %d times, want once", read)
	}
	g.own.read = g.own.read.Add(-2 * ownFor)
	check("93.184.215.15", false)
	check("93.184.215.14", true)
	mine = ""
	g.own.read = g.own.read.Add(-2 * ownFor)
	check("93.184.215.15", false) // what was told last
}
