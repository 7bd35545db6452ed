package testenv

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// DNS starts a name server on loopback and returns a resolver that asks it
// alone. zone gets a name without its last dot and how often its addresses of
// one family were asked for before; it returns addresses, or, to alias the
// name, another name. An empty list is an answer without addresses.
func DNS(tb testing.TB, zone func(name string, before int) []string) *net.Resolver {
	tb.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &dnsServer{zone: zone, asked: map[string]int{}}
	var serving sync.WaitGroup
	serving.Go(func() { s.serve(conn) })
	tb.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

const (
	typeA     = 1
	typeCNAME = 5
	typeAAAA  = 28
)

type dnsServer struct {
	zone  func(name string, before int) []string
	asked map[string]int
}

func (s *dnsServer) serve(conn net.PacketConn) {
	query := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(query)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if answer := s.answer(query[:n]); err == nil && answer != nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// answer returns the answer to a query with one question (RFC 1035, 4).
func (s *dnsServer) answer(query []byte) []byte {
	const head = 12
	var words []string
	at := head
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end >= len(query) {
			return nil
		}
		words = append(words, strings.ToLower(string(query[at+1:end])))
		at = end
	}
	if at+5 > len(query) {
		return nil
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	records, count := s.records(strings.Join(words, "."), kind, 0)
	answer := append([]byte{}, query[:2]...)
	answer = append(answer, 0x81, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0)
	answer = append(answer, query[head:at+5]...)
	return append(answer, records...)
}

// records returns the records of a name and, if it is an alias, of its target.
func (s *dnsServer) records(name string, kind uint16, depth int) ([]byte, int) {
	key := name + "/" + string(rune(kind))
	before := s.asked[key]
	s.asked[key]++
	var out []byte
	count := 0
	add := func(kind uint16, data []byte) {
		out = append(out, wireName(name)...)
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 0) // class IN, not to be cached
		out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
		out = append(out, data...)
		count++
	}
	for _, value := range s.zone(name, before) {
		addr, err := netip.ParseAddr(value)
		switch {
		case err != nil && depth < 8:
			add(typeCNAME, wireName(value))
			more, n := s.records(value, kind, depth+1)
			return append(out, more...), count + n
		case kind == typeA && addr.Is4(), kind == typeAAAA && addr.Is6():
			add(kind, addr.AsSlice())
		}
	}
	return out, count
}

func wireName(name string) []byte {
	var out []byte
	for word := range strings.SplitSeq(name, ".") {
		out = append(append(out, byte(len(word))), word...)
	}
	return append(out, 0)
}
