package guard

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
)

var errStopped = errors.New("stopped by the test, before the connect")

// sockets counts the connects that a Dialer is about to make. Only those to
// loopback are made: no packet of a test leaves this machine.
type sockets struct {
	mu       sync.Mutex
	connects []netip.AddrPort
}

func (s *sockets) connecting(addr netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connects = append(s.connects, addr)
	if addr.Addr().IsLoopback() {
		return nil
	}
	return errStopped
}

// take returns the connects since it was last called.
func (s *sockets) take() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.connects
	s.connects = nil
	return taken
}

func newDialer(o Options, resolver *net.Resolver) (*Dialer, *sockets) {
	s := &sockets{}
	return &Dialer{Guard: New(o), Resolver: resolver, connecting: s.connecting}, s
}

func dial(t *testing.T, d *Dialer, host, port string) error {
	t.Helper()
	conn, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
	if conn != nil {
		_ = conn.Close()
	}
	return err
}

// closedDoor listens on a loopback address and fails the test if anybody comes.
func closedDoor(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	l := listen(t, address)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
			t.Errorf("%s accepted a connection", l.Addr())
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
	})
	return l
}

func listen(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

func portOf(l net.Listener) (uint16, string) {
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	return port, strconv.Itoa(int(port))
}

// Each address of the tables is dialled as it is and through a name, alone and
// beside a public one, and what reaches the system call is counted.
func TestDialReachesPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	var answer atomic.Pointer[[]string]
	d, sockets := newDialer(Options{}, testenv.DNS(t, func(string, int) []string { return *answer.Load() }))
	refused := func(what, host string) {
		var e *Error
		if err := dial(t, d, host, "443"); !errors.As(err, &e) {
			t.Errorf("%s: dial = %v, want it refused", what, err)
		}
		if made := sockets.take(); len(made) > 0 {
			t.Errorf("%s: connects to %v", what, made)
		}
	}
	each(forbidden, func(_, text string) {
		refused(text, text)
		addr := netip.MustParseAddr(text)
		if addr.Zone() != "" {
			return // no answer has one
		}
		for _, mixed := range [][]string{{text}, {text, "8.8.8.8"}, {"8.8.8.8", text}, {"2606:4700::1", text}, {"8.8.8.8", "2606:4700::1", text, "1.1.1.1"}} {
			answer.Store(&mixed)
			refused(strings.Join(mixed, " "), "hooks.example.com")
		}
	})
	each(public, func(_, text string) {
		want := []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(text).Unmap(), 443)}
		answer.Store(&[]string{text})
		for _, host := range []string{text, "hooks.example.com", "HOOKS.example.com."} {
			if err := dial(t, d, host, "443"); !errors.Is(err, errStopped) {
				t.Errorf("%s as %s: dial = %v, want it let through", text, host, err)
			}
			if made := sockets.take(); !slices.Equal(made, want) {
				t.Errorf("%s as %s: connects to %v", text, host, made)
			}
		}
	})
}

// A name that changes its address between the check and the connect gains
// nothing: there is one lookup, and what it answered is dialled.
func TestRebinding(t *testing.T) {
	t.Parallel()
	inside := []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254"}
	door := closedDoor(t, "127.0.0.1:0")
	port, portText := portOf(door)
	var lookups atomic.Int32
	d, sockets := newDialer(Options{AllowPorts: []uint16{port}}, testenv.DNS(t, func(_ string, before int) []string {
		lookups.Add(1)
		if before%2 == 0 {
			return []string{"93.184.215.14"}
		}
		return []string{inside[before/2%len(inside)]}
	}))
	for range 2 * len(inside) {
		if err := dial(t, d, "rebind.example.com", portText); !errors.Is(err, errStopped) {
			t.Errorf("the public answer: %v, want it let through", err)
		}
		if n := lookups.Swap(0); n != 2 { // A and AAAA
			t.Errorf("%d queries for one dial, want 2", n)
		}
		if made := sockets.take(); len(made) != 1 || made[0].Addr() != netip.MustParseAddr("93.184.215.14") {
			t.Errorf("connects to %v, want the address that was judged", made)
		}
		err := dial(t, d, "rebind.example.com", portText)
		var dns *net.DNSError
		if err == nil || errors.Is(err, errStopped) || errors.As(err, &dns) {
			t.Errorf("the inside answer: %v, want it refused", err)
		}
		if made := sockets.take(); len(made) > 0 {
			t.Errorf("connects to %v", made)
		}
		lookups.Store(0)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	d, sockets := newDialer(Options{}, testenv.DNS(t, func(name string, _ int) []string {
		return map[string][]string{
			"hooks.example.com":     {"edge.example.net"},
			"edge.example.net":      {"93.184.215.14", "2606:4700::1"},
			"sly.example.com":       {"two.example.com"},
			"two.example.com":       {"db.internal"},
			"db.internal":           {"10.0.0.7"},
			"self.example.com":      {"localhost"},
			"localhost":             {"127.0.0.1", "::1"},
			"127.0.0.1.nip.io":      {"127.0.0.1"},
			"none.example.com":      {},
			"many.example.com":      slices.Repeat([]string{"93.184.215.14"}, 40),
			"last.example.com":      append(slices.Repeat([]string{"93.184.215.14"}, 25), "10.0.0.1"),
			"one.corp.example.home": {"93.184.215.14"},
		}[name]
	}))
	for _, host := range []string{"sly.example.com", "self.example.com", "127.0.0.1.nip.io", "last.example.com", "localhost", "db.internal", "one.corp.example.home"} {
		var refused *Error
		if err := dial(t, d, host, "443"); !errors.As(err, &refused) {
			t.Errorf("%s: %v, want it refused", host, err)
		}
	}
	var dns *net.DNSError
	if err := dial(t, d, "none.example.com", "443"); !errors.As(err, &dns) {
		t.Errorf("no addresses: %v, want a DNSError", err)
	}
	if made := sockets.take(); len(made) > 0 {
		t.Errorf("connects to %v", made)
	}
	if err := dial(t, d, "hooks.example.com", "443"); !errors.Is(err, errStopped) {
		t.Errorf("an alias of a public host: %v", err)
	}
	if made := sockets.take(); len(made) != 2 || made[0].Addr().Is4() == made[1].Addr().Is4() {
		t.Errorf("connects to %v, want one of each family", made)
	}
	if err := dial(t, d, "many.example.com", "443"); !errors.Is(err, errStopped) {
		t.Errorf("many addresses: %v", err)
	}
	if made := sockets.take(); len(made) != maxConnects {
		t.Errorf("%d connects, want %d", len(made), maxConnects)
	}
}

// While answers change at random, no connect goes inside.
func TestManyDialsWhileAnswersChange(t *testing.T) {
	t.Parallel()
	door := closedDoor(t, "127.0.0.1:0")
	port, portText := portOf(door)
	answers := [][]string{{"127.0.0.1"}, {"8.8.8.8"}, {"8.8.8.8", "127.0.0.1"}, {"2606:4700::1", "::1"}, {"10.0.0.1"}, {"1.1.1.1"}, {"evil.example.com"}}
	var asked atomic.Int32
	d, sockets := newDialer(Options{AllowPorts: []uint16{port}}, testenv.DNS(t, func(string, int) []string {
		return answers[int(asked.Add(1))%len(answers)]
	}))
	var dials sync.WaitGroup
	for i := range 20 {
		dials.Go(func() {
			for range 20 {
				_ = dial(t, d, "host"+strconv.Itoa(i)+".example.com", portText)
			}
		})
	}
	dials.Wait()
	made := sockets.take()
	for _, addr := range made {
		if err := d.Guard.CheckAddr(addr.Addr()); err != nil {
			t.Errorf("a connect to %s: %v", addr, err)
		}
	}
	if len(made) == 0 {
		t.Error("no public address was reached")
	}
}

// The last wall alone: what was let through by mistake is not connected to.
func TestConnectJudgesAgain(t *testing.T) {
	t.Parallel()
	door := closedDoor(t, "127.0.0.1:0")
	d, sockets := newDialer(Options{}, nil)
	for _, target := range []string{door.Addr().String(), "10.0.0.1:443", "[::1]:443", "[::ffff:127.0.0.1]:443"} {
		var refused *Error
		conn, err := d.connect(t.Context(), "tcp", netip.MustParseAddrPort(target), false)
		if conn != nil || !errors.As(err, &refused) || len(sockets.take()) > 0 {
			t.Errorf("connect to %s = %v, want it refused", target, err)
		}
	}
}

func TestHolesLeadWhereTheySay(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	port, portText := portOf(l)
	resolver := testenv.DNS(t, func(string, int) []string { return []string{"127.0.0.1"} })
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, test := range map[string]struct {
		o    Options
		host string
		want bool
	}{
		"CIDR":              {Options{AllowCIDRs: loopback, AllowPorts: []uint16{port}}, "a.example.com", true},
		"CIDR, literal":     {Options{AllowCIDRs: loopback, AllowPorts: []uint16{port}}, "127.0.0.1", true},
		"host":              {Options{AllowHosts: []string{"a.internal"}, AllowPorts: []uint16{0}}, "A.internal.", true},
		"host, literal":     {Options{AllowHosts: []string{"127.0.0.1"}, AllowPorts: []uint16{port}}, "127.0.0.1", true},
		"another host":      {Options{AllowHosts: []string{"a.example.com"}, AllowPorts: []uint16{port}}, "b.example.com", false},
		"another port":      {Options{AllowCIDRs: loopback}, "a.example.com", false},
		"denied, too":       {Options{AllowCIDRs: loopback, DenyCIDRs: loopback, AllowPorts: []uint16{port}}, "a.example.com", false},
		"host, denied":      {Options{AllowHosts: []string{"a.example.com"}, DenyCIDRs: loopback, AllowPorts: []uint16{port}}, "a.example.com", false},
		"host, not a port":  {Options{AllowHosts: []string{"a.example.com"}}, "a.example.com", false},
		"a name for a CIDR": {Options{AllowCIDRs: loopback, AllowPorts: []uint16{port}}, "localhost", false},
	} {
		d, _ := newDialer(test.o, resolver)
		err := dial(t, d, test.host, portText)
		var refused *Error
		if test.want && err != nil || !test.want && !errors.As(err, &refused) {
			t.Errorf("%s: %v, want it let through: %v", name, err, test.want)
		}
	}
}

func TestTheNextAddressIsTried(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.2:0")
	_, port := portOf(l)
	resolver := testenv.DNS(t, func(string, int) []string { return []string{"127.0.0.1", "127.0.0.2"} })
	for _, hangs := range []bool{false, true} {
		second := make(chan struct{})
		d := &Dialer{Resolver: resolver, Guard: New(Options{AllowHosts: []string{"a.example.com"}, AllowPorts: []uint16{0}})}
		d.connecting = func(addr netip.AddrPort) error {
			if addr.Addr() == netip.MustParseAddr("127.0.0.2") {
				close(second)
			} else if hangs {
				<-second
				return errStopped
			}
			return nil // nobody listens there
		}
		conn, err := d.DialContext(t.Context(), "tcp", "a.example.com:"+port)
		if err != nil {
			t.Fatalf("the first address hangs: %v: %v", hangs, err)
		}
		if conn.RemoteAddr().String() != l.Addr().String() {
			t.Errorf("connected to %s, want %s", conn.RemoteAddr(), l.Addr())
		}
		_ = conn.Close()
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d := &Dialer{Guard: New(Options{}), connecting: func(netip.AddrPort) error {
		cancel()
		return errStopped
	}}
	if conn, err := d.DialContext(ctx, "tcp", "8.8.8.8:443"); conn != nil || err == nil {
		t.Errorf("dial = %v, %v", conn, err)
	}
	if _, err := d.DialContext(ctx, "tcp", "a.example.com:443"); err == nil {
		t.Error("a dial with a context that has ended succeeded")
	}
	for _, address := range []string{"a.example.com", "a.example.com:https", "a.example.com:99999", ""} {
		if _, err := d.DialContext(t.Context(), "tcp", address); err == nil {
			t.Errorf("dial %q succeeded", address)
		}
	}
}

func TestDialIsTraced(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	_, port := portOf(l)
	d := &Dialer{
		Guard:    New(Options{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowPorts: []uint16{0}}),
		Resolver: testenv.DNS(t, func(string, int) []string { return []string{"127.0.0.1"} }),
	}
	var events []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		DNSStart:     func(i httptrace.DNSStartInfo) { events = append(events, "lookup "+i.Host) },
		DNSDone:      func(i httptrace.DNSDoneInfo) { events = append(events, "found "+i.Addrs[0].String()) },
		ConnectStart: func(_, addr string) { events = append(events, "connect "+addr) },
		ConnectDone:  func(_, addr string, err error) { events = append(events, "connected "+addr) },
	})
	conn, err := d.DialContext(ctx, "tcp", "a.example.com:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	// The last dot keeps the search domains of the host's network out.
	want := []string{"lookup a.example.com.", "found 127.0.0.1", "connect " + l.Addr().String(), "connected " + l.Addr().String()}
	if !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
}

func TestFamiliesTakeTurns(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": "", "1.1.1.1": "1.1.1.1", "1.1.1.1 2.2.2.2": "1.1.1.1 2.2.2.2",
		"2000::1 2000::2 2000::3 1.1.1.1": "2000::1 1.1.1.1 2000::2 2000::3",
		"1.1.1.1 2000::1 2000::2 2000::3": "1.1.1.1 2000::1 2000::2 2000::3",
		"1.1.1.1 2.2.2.2 2000::1 2000::2": "1.1.1.1 2000::1 2.2.2.2 2000::2",
	} {
		var addrs []netip.Addr
		for addr := range strings.FieldsSeq(given) {
			addrs = append(addrs, netip.MustParseAddr(addr))
		}
		var got []string
		for _, addr := range alternate(addrs) {
			got = append(got, addr.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s become %s, want %s", given, got, want)
		}
	}
}
