package guard

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// dialTimeout bounds a lookup with all connects of its answer: net/http lets
	// a dial outlive the request that began it.
	dialTimeout = 30 * time.Second
	// A connect that hangs has company after attemptDelay (RFC 8305, 5).
	attemptDelay = 250 * time.Millisecond
	// An answer may have thousands of addresses.
	maxConnects = 8
)

// Dialer connects to what its Guard lets through. Events are traced as
// net.Dialer does (net/http/httptrace). It is safe for concurrent use.
type Dialer struct {
	Guard    *Guard
	Resolver *net.Resolver // nil is the system's
	// connecting, if a test sets it, is told of every connect that the Guard has
	// let through, and can stop it.
	connecting func(addr netip.AddrPort) error
}

// DialContext looks the host up, judges every address of the answer, and
// connects to those addresses, without another lookup. An answer in which one
// address is refused is refused as a whole: who mixes an inside address into it
// has nothing good in mind. Refusals are an *[Error].
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", portText, err)
	}
	if err := d.Guard.CheckPort(uint16(port)); err != nil {
		return nil, err
	}
	if err := d.Guard.CheckHost(host); err != nil {
		return nil, err
	}
	addrs, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	trusted := d.Guard.trusts(host)
	targets := make([]netip.AddrPort, len(addrs))
	for i, addr := range addrs {
		if d.Guard.check(addr, trusted) != nil {
			return nil, &Error{text: "the host's name has an address that is not public", Addr: addr}
		}
		targets[i] = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	}
	return d.race(ctx, network, targets[:min(len(targets), maxConnects)], trusted)
}

func (d *Dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(strings.TrimSuffix(host, ".")); err == nil {
		return []netip.Addr{addr}, nil
	}
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	if !d.Guard.trusts(host) {
		// The search domains are those of the host's own network.
		host = canonical(host) + "."
	}
	addrs, err := resolver.LookupNetIP(lookupTrace(ctx), "ip", host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return alternate(addrs), err
}

// lookupTrace returns ctx for a lookup: the connects of that are to name
// servers, and not to be traced as those to the host.
func lookupTrace(ctx context.Context) context.Context {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		return httptrace.WithClientTrace(valueless{ctx}, &httptrace.ClientTrace{DNSStart: trace.DNSStart, DNSDone: trace.DNSDone})
	}
	return ctx
}

// valueless is a context without its values, of which the trace is one that
// can only be added to.
type valueless struct{ context.Context }

func (valueless) Value(any) any { return nil }

// alternate orders the addresses so that the two families take turns, which
// else keep the order that the resolver gave them (RFC 8305, 4).
func alternate(addrs []netip.Addr) []netip.Addr {
	var first, second, all []netip.Addr
	for _, addr := range addrs {
		if addr.Unmap().Is4() == addrs[0].Unmap().Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	for i := range addrs {
		all = append(all, first[min(i, len(first)):min(i+1, len(first))]...)
		all = append(all, second[min(i, len(second)):min(i+1, len(second))]...)
	}
	return all
}

// race connects to one address after the other, the next one as soon as the
// last has failed or has taken attemptDelay. The first connection wins. It
// returns when no connect is under way.
func (d *Dialer) race(ctx context.Context, network string, targets []netip.AddrPort, trusted bool) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	var connects sync.WaitGroup
	defer connects.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result)
	next := time.NewTimer(0)
	defer next.Stop()
	var first error
	for started, failed := 0, 0; failed < len(targets); {
		select {
		case <-next.C:
			target := targets[started]
			started++
			connects.Go(func() {
				conn, err := d.connect(ctx, network, target, trusted)
				select {
				case results <- result{conn, err}:
				case <-ctx.Done():
					if conn != nil {
						_ = conn.Close()
					}
				}
			})
			if started < len(targets) {
				next.Reset(attemptDelay)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			failed++
			if first == nil {
				first = r.err
			}
			if started < len(targets) {
				next.Reset(0)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, first
}

// connect judges once more, right before the system call: whatever happens to
// the code above, no socket is connected to what is refused.
func (d *Dialer) connect(ctx context.Context, network string, target netip.AddrPort, trusted bool) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(address)
		if err == nil {
			err = d.Guard.check(addr.Addr(), trusted)
		}
		if err == nil && d.connecting != nil {
			err = d.connecting(addr)
		}
		return err
	}}
	return dialer.DialContext(ctx, network, target.String())
}
