// Package guard keeps requests to URLs that strangers choose out of the network
// that they are sent from (server-side request forgery). It judges hosts as they
// are written, ports, and the addresses that are dialled.
package guard

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"code.dny.dev/ssrf"
)

// Options say what is permitted beside public addresses on ports 80 and 443.
type Options struct {
	AllowCIDRs []netip.Prefix
	AllowHosts []string       // as written in URLs; what they resolve to is not judged
	AllowPorts []uint16       // beside 80 and 443; 0 is any
	DenyCIDRs  []netip.Prefix // stronger than all of these
}

// Guard judges. It is safe for concurrent use.
type Guard struct {
	options Options
	public  *ssrf.Guardian
	own     own
}

// New returns a Guard. It copies what o refers to.
func New(o Options) *Guard {
	g := &Guard{public: ssrf.New(ssrf.WithDeniedV4Prefixes(alsoDenied)), own: own{list: net.InterfaceAddrs}}
	g.options.AllowCIDRs = slices.Clone(o.AllowCIDRs)
	g.options.AllowPorts = append([]uint16{80, 443}, o.AllowPorts...)
	g.options.DenyCIDRs = slices.Clone(o.DenyCIDRs)
	for _, host := range o.AllowHosts {
		g.options.AllowHosts = append(g.options.AllowHosts, canonical(host))
	}
	return g
}

// alsoDenied is public to the registries of IANA, on which package ssrf relies,
// and is not: the address at which Azure serves each virtual machine.
var alsoDenied = netip.MustParsePrefix("168.63.129.16/32")

// Error is what was refused. Its text may be shown to the owner of the URL: it
// says nothing of the network that the URL leads into.
type Error struct {
	text string
	// Addr is the address that was refused, for the operator. It is invalid if a
	// name or a port was.
	Addr netip.Addr
}

func (e *Error) Error() string { return e.text }

// CheckPort judges a port.
func (g *Guard) CheckPort(port uint16) error {
	if port != 0 && (slices.Contains(g.options.AllowPorts, port) || slices.Contains(g.options.AllowPorts, 0)) {
		return nil
	}
	return &Error{text: fmt.Sprintf("port %d is not allowed", port)}
}

// CheckHost judges a host as it is written in a URL, without brackets: an
// address in any spelling, or a name that can only be of a private network.
func (g *Guard) CheckHost(host string) error {
	name, trusted := canonical(host), g.trusts(host)
	if addr, err := netip.ParseAddr(name); err == nil {
		return g.check(addr, trusted)
	}
	if !trusted && !publicName(name) {
		return &Error{text: "the host is no public name"}
	}
	return nil
}

// CheckAddr judges an address. One that carries another, as those of tunnels
// and translators do, is as good as the worse of the two.
func (g *Guard) CheckAddr(addr netip.Addr) error { return g.check(addr, false) }

// check is CheckAddr, also for an address of a host that is trusted.
func (g *Guard) check(addr netip.Addr, trusted bool) error {
	bare := addr.Unmap().WithZone("")
	refused := &Error{text: "the address is not public", Addr: addr}
	if within(g.options.DenyCIDRs, bare) {
		return refused
	}
	if inner, ok := carried(bare); ok && g.check(inner, trusted) != nil {
		return refused
	}
	if trusted || within(g.options.AllowCIDRs, bare) {
		return nil
	}
	// A zone is of this machine: no public address has one.
	if !addr.IsValid() || addr.Zone() != "" || g.public.SafeAddr(bare) != nil || g.own.has(bare) {
		return refused
	}
	return nil
}

func (g *Guard) trusts(host string) bool {
	return slices.Contains(g.options.AllowHosts, canonical(host))
}

// canonical makes the spellings of a name one. A second trailing dot is a fault
// that stays.
func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// localNames end names that the public DNS does not have (RFC 6761, RFC 6762,
// and what ICANN keeps free, clouds and routers use).
var localNames = []string{
	".localhost", ".localdomain", ".local", ".internal", ".intranet", ".private", ".corp", ".home", ".home.arpa", ".lan",
}

// publicName reports whether the public DNS can have the name. Its last word
// does not begin with a digit there: "127.1" and "127.0.0.0x1" are addresses to
// some resolvers (URL Standard, "ends in a number").
func publicName(name string) bool {
	if len(name) > 253 || slices.ContainsFunc(localNames, func(end string) bool { return strings.HasSuffix("."+name, end) }) {
		return false
	}
	words := strings.Split(name, ".")
	for _, word := range words {
		if word == "" || len(word) > 63 || word[0] == '-' || word[len(word)-1] == '-' ||
			strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := words[len(words)-1]
	return len(words) > 1 && (last[0] < '0' || last[0] > '9')
}

// The carriers of IPv4 addresses that a host may have reason to allow; package
// ssrf refuses them all, but for those of ISATAP, which have any prefix.
var (
	nat64  = ssrf.IPv6NAT64Prefix               // RFC 6052
	sixTo4 = netip.MustParsePrefix("2002::/16") // RFC 3056
	teredo = netip.MustParsePrefix("2001::/32") // RFC 4380
	isatap = []byte{0, 0, 0x5e, 0xfe}           // RFC 5214, 6.1
)

// carried returns the IPv4 address in an IPv6 address.
func carried(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return addr, false
	}
	b := addr.As16()
	last := [4]byte(b[12:])
	switch {
	case nat64.Contains(addr):
		return netip.AddrFrom4(last), true
	case sixTo4.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:])), true
	case teredo.Contains(addr):
		for i := range last {
			last[i] ^= 0xff
		}
		return netip.AddrFrom4(last), true
	case b[8]&^2 == isatap[0] && slices.Equal(b[9:12], isatap[1:]):
		return netip.AddrFrom4(last), true
	}
	return addr, false
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// own are the addresses of this machine, which may be public: a service that
// listens on all of them is not meant for strangers.
type own struct {
	list  func() ([]net.Addr, error)
	mu    sync.Mutex
	read  time.Time
	addrs []netip.Addr
}

const ownFor = 30 * time.Second

// has reads the addresses again if they are old. If the system does not tell
// them, those that it told last count.
func (o *own) has(addr netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.read) > ownFor {
		o.read = time.Now()
		if addrs, err := o.list(); err == nil {
			o.addrs = ipsOf(addrs)
		}
	}
	return slices.Contains(o.addrs, addr)
}

func ipsOf(addrs []net.Addr) []netip.Addr {
	var ips []netip.Addr
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok {
				ips = append(ips, ip.Unmap())
			}
		}
	}
	return ips
}
