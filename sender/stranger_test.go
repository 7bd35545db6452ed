package sender_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stranger is a receiver that keeps to no protocol. It counts the requests that
// reach it, over all connections.
type stranger struct {
	listener net.Listener
	requests atomic.Int32
	serving  sync.WaitGroup
	over     chan struct{} // closed when the test is
	mu       sync.Mutex
	open     []net.Conn
}

// visit is a connection to a stranger.
type visit struct {
	net.Conn
	in      *bufio.Reader
	s       *stranger
	header  http.Header   // of the last request over HTTP/1
	streams chan uint32   // of the requests over HTTP/2
	gone    chan struct{} // closed once nothing more can be read from HTTP/2
}

// newStranger serves each connection, over TLS if there is a config for it,
// until the test ends.
func newStranger(t *testing.T, config *tls.Config, serve func(v *visit)) *stranger {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{listener: listener, over: make(chan struct{})}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.serve(conn, config, serve) })
		}
	})
	t.Cleanup(func() {
		close(s.over)
		listener.Close()
		s.hangUp()
		s.serving.Wait()
	})
	return s
}

func (s *stranger) serve(conn net.Conn, config *tls.Config, serve func(v *visit)) {
	defer conn.Close()
	s.mu.Lock()
	s.open = append(s.open, conn)
	s.mu.Unlock()
	if config != nil {
		over := tls.Server(conn, config)
		if over.HandshakeContext(context.Background()) != nil {
			return
		}
		conn = over
	}
	serve(&visit{Conn: conn, in: bufio.NewReader(conn), s: s})
}

// hangUp closes the connections that were made so far.
func (s *stranger) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.open {
		conn.Close()
	}
}

func (s *stranger) addr() string { return s.listener.Addr().String() }

// request reads a whole request of HTTP/1, and reports whether there was one.
func (v *visit) request() bool {
	req, err := http.ReadRequest(v.in)
	if err != nil {
		return false
	}
	v.s.requests.Add(1)
	v.header = req.Header
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// hang says no more, but counts what else comes.
func (v *visit) hang() {
	for v.request() {
	}
}

// deaf neither reads nor says anything.
func (v *visit) deaf() { <-v.s.over }

func (v *visit) say(text string) bool {
	_, err := io.WriteString(v, text)
	return err == nil
}

// flood repeats text as fast as it can, at most 64 MiB of it.
func (v *visit) flood(text string) {
	block := strings.Repeat(text, 1+(32<<10)/len(text))
	for range (64 << 20) / len(block) {
		if !v.say(block) {
			return
		}
	}
}

// drip repeats text slowly, for at most 30 s.
func (v *visit) drip(text string) {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if <-tick.C; !v.say(text) {
			return
		}
	}
}

// reset closes the connection with an RST.
func (v *visit) reset() {
	_ = v.Conn.(*net.TCPConn).SetLinger(0)
	v.Close()
}

// answers reads a request, answers with text and closes.
func answers(text string) func(v *visit) {
	return func(v *visit) {
		v.request()
		v.say(text)
	}
}

// begins reads a request, begins an answer with text, and goes on with rest.
func begins(text string, rest func(v *visit)) func(v *visit) {
	return func(v *visit) {
		v.request()
		v.say(text)
		rest(v)
	}
}

// Frames of HTTP/2 (RFC 9113, 6).
const (
	frameData = iota
	frameHeaders
	_
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	_
	frameContinuation
)

const (
	endStream  = 0x1
	endHeaders = 0x4
)

func frame(kind, flags byte, stream uint32, payload string) string {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

func words(values ...uint32) string {
	var b []byte
	for _, value := range values {
		b = binary.BigEndian.AppendUint32(b, value)
	}
	return string(b)
}

// setting is one parameter of a SETTINGS frame.
func setting(id uint16, value uint32) string {
	return string(binary.BigEndian.AppendUint16(nil, id)) + words(value)
}

// status is a header block of a status alone (RFC 7541, 6.2.2 and the static
// table's entry 8).
func status(code string) string { return "\x08\x03" + code }

// field is a literal field, not indexed, of a short name and value.
func field(name, value string) string {
	return "\x00" + string([]byte{byte(len(name))}) + name + string([]byte{byte(len(value))}) + value
}

// http2 is a server that says hello with the settings and calls serve with the
// stream of the first request. It reads, and counts, all that comes.
func http2(settings string, serve func(v *visit, stream uint32)) func(v *visit) {
	return func(v *visit) {
		v.streams, v.gone = make(chan uint32, 100), make(chan struct{})
		v.s.serving.Go(v.readFrames)
		if v.say(frame(frameSettings, 0, 0, settings)) {
			select {
			case stream := <-v.streams:
				serve(v, stream)
			case <-v.gone:
			}
		}
		<-v.gone
	}
}

// says is a server of HTTP/2 that answers the first request with frames.
func says(frames func(stream uint32) string) func(v *visit) {
	return http2("", func(v *visit, stream uint32) { v.say(frames(stream)) })
}

func (v *visit) readFrames() {
	defer close(v.gone)
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	if _, err := io.ReadFull(v.in, make([]byte, len(preface))); err != nil {
		return
	}
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(v.in, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, v.in, size); err != nil {
			return
		}
		if head[3] == frameHeaders {
			v.s.requests.Add(1)
			v.streams <- binary.BigEndian.Uint32(head[5:])
		}
	}
}

// lines are many header lines, each with a name of its own.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s:\r\n", strconv.FormatInt(int64(i+36*36*10), 36)) // "a00:"
	}
	return b.String()
}
