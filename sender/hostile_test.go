package sender_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/store"
)

// hostile is a receiver and what becomes of an attempt at it. An attempt with a
// class has failed, one without has succeeded.
type hostile struct {
	serve  func(v *visit)
	class  store.ErrorClass
	status int
	text   string           // is in the error, or if there is none in the recorded body
	cut    bool             // ResponseTruncated
	within time.Duration    // of the attempt; 900 ms if not set
	silent bool             // it may be that no request reaches it
	or     store.ErrorClass // what it may also be: two things happen at once
	tls    *tls.Config
	https  bool // it is dialed with TLS; without a config for it, it speaks none
}

// The bounds of an attempt that is not over at once: its timeout, and the time
// that a body may take. Both leave a second to a busy machine.
const (
	byTimeout  = 2 * time.Second // the timeout is 1 s, and 10 s where the body is what is slow
	byBodyTime = 3 * time.Second
)

const ok = "HTTP/1.1 200 OK\r\n"

// hostileHTTP1 are receivers without TLS.
var hostileHTTP1 = map[string]hostile{
	// Connections.
	"accepts and is silent":            {serve: func(v *visit) { v.hang() }, class: "timeout", text: "no answer within 1s", within: byTimeout},
	"accepts and closes":               {serve: func(*visit) {}, class: "reset", silent: true},
	"accepts and resets":               {serve: (*visit).reset, class: "reset", or: "connect", silent: true},
	"takes the request and closes":     {serve: answers(""), class: "reset", text: "EOF"},
	"takes the request and resets":     {serve: begins("", (*visit).reset), class: "reset"},
	"takes the request and is silent":  {serve: begins("", (*visit).hang), class: "timeout", within: byTimeout},
	"greets as a mail server":          {serve: func(v *visit) { v.say("220 mail ESMTP\r\n"); v.hang() }, class: "protocol", or: "reset", silent: true},
	"never reads":                      {serve: (*visit).deaf, class: "timeout", within: byTimeout, silent: true},
	"two answers at once":              {serve: answers(strings.Repeat(ok+"Content-Length: 1\r\n\r\na", 2)), status: 200, text: "a"},
	"keeps the connection and is rude": {serve: begins(ok+"Content-Length: 1\r\n\r\na", func(v *visit) { v.flood("x") }), status: 200, text: "a"},

	// Status lines.
	"words":                        {serve: answers("lorem ipsum\r\n\r\n"), class: "protocol"},
	"bytes that are no text":       {serve: answers("\xff\xfe\x00\x80\r\n\r\n"), class: "protocol"},
	"HTML without a head":          {serve: answers("<html><body>It works!</body></html>"), class: "protocol"},
	"a TLS alert":                  {serve: answers("\x15\x03\x01\x00\x02\x02\x28\r\n"), class: "protocol"},
	"HTTP/2 unasked":               {serve: answers(frame(frameSettings, 0, 0, "") + "\r\n"), class: "protocol"},
	"the words of a TLS error":     {serve: answers("tls: bad certificate\r\n\r\n"), class: "protocol"},
	"version 9.9":                  {serve: answers("HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"), status: 200},
	"version x.y":                  {serve: answers("HTTP/x.y 200 OK\r\n\r\n"), class: "protocol"},
	"status of letters":            {serve: answers("HTTP/1.1 abc OK\r\n\r\n"), class: "protocol"},
	"status of four digits":        {serve: answers("HTTP/1.1 2000 OK\r\n\r\n"), class: "protocol"},
	"status 000":                   {serve: answers("HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n"), class: "protocol", text: "status 000"},
	"status 999":                   {serve: answers("HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"), class: "status", status: 999},
	"no reason":                    {serve: answers("HTTP/1.1 204\r\n\r\n"), status: 204},
	"a reason that is no text":     {serve: answers("HTTP/1.1 500 \xff\x00\x1b[31m\r\nContent-Length: 0\r\n\r\n"), class: "status", status: 500, text: "answered 500 Internal Server Error"},
	"endless status line":          {serve: begins(ok[:12], func(v *visit) { v.flood("x") }), class: "protocol", text: "exceeded"},
	"status line that drips":       {serve: begins(ok[:12], func(v *visit) { v.drip("x") }), class: "timeout", within: byTimeout},
	"connection cut in the status": {serve: answers("HTTP/1.1 2"), class: "protocol"},

	// Headers.
	"endless header value":            {serve: begins(ok+"X: ", func(v *visit) { v.flood("x") }), class: "protocol", text: "exceeded"},
	"endless header name":             {serve: begins(ok, func(v *visit) { v.flood("x") }), class: "protocol", text: "exceeded"},
	"endless header lines":            {serve: begins(ok, func(v *visit) { v.flood("X: y\r\n") }), class: "protocol", text: "exceeded"},
	"header lines that drip":          {serve: begins(ok, func(v *visit) { v.drip("X: y\r\n") }), class: "timeout", within: byTimeout},
	"a thousand header lines":         {serve: answers(ok + lines(1000) + "Content-Length: 1\r\n\r\na"), status: 200, text: "a"},
	"a thousand lines of one name":    {serve: answers(ok + strings.Repeat("X: y\r\n", 1000) + "Content-Length: 1\r\n\r\na"), status: 200, text: "a"},
	"header line without colon":       {serve: answers(ok + "hello\r\n\r\n"), class: "protocol"},
	"header name that is no text":     {serve: answers(ok + "X-\xff\x80: y\r\nContent-Length: 0\r\n\r\n"), class: "protocol"},
	"header value that is no text":    {serve: answers(ok + "X: \xff\xfe\u202e\u0085\r\nContent-Length: 0\r\n\r\n"), status: 200},
	"header value with an escape":     {serve: answers(ok + "X: \x1b[31m\r\nContent-Length: 0\r\n\r\n"), class: "protocol"},
	"header value with NUL":           {serve: answers(ok + "X: a\x00b\r\nContent-Length: 0\r\n\r\n"), class: "protocol"},
	"folded header":                   {serve: answers(ok + "X: a\r\n b\r\nContent-Length: 1\r\n\r\na"), status: 200, text: "a"},
	"connection cut in the header":    {serve: answers(ok + "X: y\r\n"), class: "reset"},
	"connection cut in a header line": {serve: answers(ok + "X: y\r\nY"), class: "protocol"},
	"connection reset in the header":  {serve: begins(ok+"X: y\r\n", (*visit).reset), class: "reset"},
	"credentials sent back":           {serve: echo, class: "protocol", text: "[redacted]"},
	"credentials sent back as text":   {serve: echoHeader, status: 200},
	"credentials sent back in a body": {serve: echoBody, status: 200, text: "[redacted]", cut: true},

	// Answers before the answer (RFC 9110, 15.2).
	"103 and then 200":        {serve: answers("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n"), status: 200},
	"100 and no more":         {serve: answers("HTTP/1.1 100 Continue\r\n\r\n"), class: "reset"},
	"endless 100s":            {serve: begins("", func(v *visit) { v.flood("HTTP/1.1 100 Continue\r\n\r\n") }), class: "protocol", text: "exceeded"},
	"100s that drip":          {serve: begins("", func(v *visit) { v.drip("HTTP/1.1 100 Continue\r\n\r\n") }), class: "timeout", within: byTimeout},
	"101 and silence":         {serve: begins("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", (*visit).hang), class: "status", status: 101},
	"101 and endless chatter": {serve: begins("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", func(v *visit) { v.flood("x") }), class: "status", status: 101},

	// Lengths (RFC 9112, 6).
	"Content-Length of letters":         {serve: answers(ok + "Content-Length: ten\r\n\r\n"), class: "protocol"},
	"Content-Length below zero":         {serve: answers(ok + "Content-Length: -1\r\n\r\n"), class: "protocol"},
	"Content-Length beyond all bounds":  {serve: answers(ok + "Content-Length: 99999999999999999999\r\n\r\n"), class: "protocol"},
	"two Content-Lengths":               {serve: answers(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), class: "protocol"},
	"Content-Length too large, cut":     {serve: answers(ok + "Content-Length: 10\r\n\r\nabc"), status: 200, text: "abc", cut: true},
	"Content-Length too large, silence": {serve: begins(ok+"Content-Length: 10\r\n\r\nabc", (*visit).hang), status: 200, text: "abc", cut: true, within: byBodyTime},
	"Content-Length too small":          {serve: answers(ok + "Content-Length: 3\r\n\r\nabcdef"), status: 200, text: "abc"},
	"Content-Length and chunks":         {serve: answers(ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), status: 200, text: "abc"},
	"encoding that nobody knows":        {serve: answers(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n"), class: "protocol"},

	// Chunks (RFC 9112, 7.1).
	"chunk size of letters":           {serve: answers(ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc"), status: 200, cut: true},
	"chunk size beyond all bounds":    {serve: answers(ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc"), status: 200, cut: true},
	"chunk of the largest size":       {serve: begins(ok+"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", func(v *visit) { v.flood("x") }), status: 200, text: "xxx", cut: true},
	"chunk without end":               {serve: answers(ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n"), status: 200, text: "abc", cut: true},
	"chunks of a byte that never end": {serve: begins(ok+"Transfer-Encoding: chunked\r\n\r\n", func(v *visit) { v.flood("1\r\nx\r\n") }), status: 200, cut: true},
	"endless chunk extension":         {serve: begins(ok+"Transfer-Encoding: chunked\r\n\r\n1;", func(v *visit) { v.flood("x") }), status: 200, cut: true},
	"chunks that drip":                {serve: begins(ok+"Transfer-Encoding: chunked\r\n\r\n", func(v *visit) { v.drip("1\r\nx\r\n") }), status: 200, text: "xxx", cut: true, within: byBodyTime},
	"endless trailer":                 {serve: begins(ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n", func(v *visit) { v.flood("X: y\r\n") }), status: 200, cut: true},
	"trailer that drips":              {serve: begins(ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n", func(v *visit) { v.drip("X: y\r\n") }), status: 200, cut: true, within: byBodyTime},

	// Bodies.
	"endless body":                {serve: begins(ok+"\r\n", func(v *visit) { v.flood("x") }), status: 200, text: "xxx", cut: true},
	"endless body of 500":         {serve: begins("HTTP/1.1 500 No\r\n\r\n", func(v *visit) { v.flood("x") }), class: "status", status: 500, cut: true},
	"endless body of a redirect":  {serve: begins("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", func(v *visit) { v.flood("x") }), class: "status", status: 302, cut: true},
	"body that drips":             {serve: begins(ok+"\r\n", func(v *visit) { v.drip("x") }), status: 200, text: "xxx", cut: true, within: byBodyTime},
	"body of 500 that drips":      {serve: begins("HTTP/1.1 500 No\r\n\r\n", func(v *visit) { v.drip("x") }), class: "status", status: 500, cut: true, within: byBodyTime},
	"body that drips at its end":  {serve: begins(ok+"\r\n"+strings.Repeat("x", 20<<10), func(v *visit) { v.drip("x") }), status: 200, text: "xxx", cut: true},
	"body that never begins":      {serve: begins(ok+"\r\n", (*visit).hang), status: 200, cut: true, within: byBodyTime},
	"reset in the body":           {serve: begins(ok+"Content-Length: 10\r\n\r\nabc", (*visit).reset), status: 200, cut: true},
	"reset in the body of 500":    {serve: begins("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nabc", (*visit).reset), class: "status", status: 500, cut: true},
	"204 with a body":             {serve: answers("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc"), status: 204},
	"304 with a body":             {serve: answers("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc"), class: "status", status: 304},
	"compressed bomb":             {serve: answers(ok + "Content-Encoding: gzip\r\n\r\n" + bomb(32<<20)), status: 200, text: "\x1f\x8b", cut: true},
	"compressed that is not":      {serve: answers(ok + "Content-Encoding: gzip\r\n\r\nabc"), status: 200, text: "abc"},
	"body that is no text":        {serve: answers(ok + "\r\n\xff\x00\xfe"), status: 200, text: "\xff\x00\xfe"},
	"Retry-After beyond all time": {serve: answers("HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n"), class: "status", status: 503},
}

// bomb is so many zeros, compressed.
func bomb(size int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, size))
	_ = z.Close()
	return b.String()
}

// mostLines is how many short lines of header net/http takes from a receiver.
const mostLines = (16<<10 - 100) / len("a00:\r\n")

const (
	credential         = "hunter2hunter2"
	shortestCredential = 8
)

// echo answers with the endpoint's credential where a status should be.
func echo(v *visit) {
	v.request()
	v.say(strings.TrimPrefix(v.header.Get("Authorization"), "Bearer ") + "\r\n\r\n")
}

func echoHeader(v *visit) {
	v.request()
	v.say(ok + "X-Echo: you sent " + v.header.Get("Authorization") + "\r\nContent-Length: 0\r\n\r\n")
}

// echoBody fills all that is kept of a body with the credential.
func echoBody(v *visit) {
	v.request()
	body := strings.Repeat(v.header.Get("Authorization")+"\n", 2000)
	v.say(ok + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// TestHostileAnswersAllocateLittle: an attempt at any of these receivers ends in
// time, as what it is, after one request, with a record that any store can keep.
// It counts what the whole process holds, the receivers included.
func TestHostileAnswersAllocateLittle(t *testing.T) {
	f := newFixture(t)
	stop := watchHeap(t, 64<<20)
	defer stop()
	t.Run("receivers", func(t *testing.T) {
		a := newAuthority(t)
		for _, suite := range []map[string]hostile{hostileHTTP1, hostileTLS(a), hostileHTTP2(a)} {
			for name, h := range suite {
				t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
					t.Parallel()
					h.check(t, f, a)
				})
			}
		}
	})
}

func (h hostile) check(t *testing.T, f *fixture, a authority) {
	t.Helper()
	s := newStranger(t, h.tls, h.serve)
	cfg := f.cfg
	transport := sender.NewHTTPTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: a.pool}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Transport = transport
	e := store.Endpoint{
		Tenant: tenant, URL: "http://" + s.addr() + "/in?q=1", Timeout: time.Second,
		Headers: http.Header{"Authorization": {"Bearer " + credential}, "Idempotency-Key": {"1"}},
	}
	if h.tls != nil || h.https {
		e.URL = strings.Replace(e.URL, "http:", "https:", 1)
	}
	if h.within == byBodyTime {
		e.Timeout = 10 * time.Second
	}
	e, err := sender.PutEndpoint(f.ctx, cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	event := sender.Event{Tenant: tenant, Payload: []byte(`{"n":1}`)}
	if h.silent {
		event.Payload = bytes.Repeat([]byte("x"), 1<<20) // more than fits into buffers
	}
	got, err := sender.Ping(f.ctx, cfg, e.ID, event)
	if err != nil {
		t.Fatal(err)
	}
	within := max(h.within, 900*time.Millisecond)
	if h.or != "" && got.ErrorClass == h.or {
		h.class, h.status, h.text = h.or, 0, ""
	}
	if got.Succeeded != (h.class == "") || got.ErrorClass != h.class || got.Status != h.status || got.ResponseTruncated != h.cut {
		t.Errorf("succeeded %v, status %d, cut %v, error %s %q; want status %d, cut %v, error %q",
			got.Succeeded, got.Status, got.ResponseTruncated, got.ErrorClass, got.Error, h.status, h.cut, h.class)
	}
	if said := got.Error + string(got.ResponseBody); !strings.Contains(said, h.text) {
		t.Errorf("error and body are %.100q, without %q", said, h.text)
	}
	if took := got.Duration(); took > within {
		t.Errorf("the attempt took %s, want at most %s", took, within)
	}
	if n := s.requests.Load(); n > 1 || n == 0 && !h.silent {
		t.Errorf("%d requests on the wire", n)
	}
	t.Logf("%-8s %3d %6s %q", got.ErrorClass, got.Status, got.Duration().Round(time.Millisecond), got.Error)
	checkStorable(t, got)
}

// checkStorable: what a stranger sent is bounded, fits into any database, and
// gives no credential away.
func checkStorable(t *testing.T, a store.Attempt) {
	t.Helper()
	if len(a.ResponseBody) > 16<<10 || len(a.Error) > 600 {
		t.Errorf("%d bytes of body, %d of error", len(a.ResponseBody), len(a.Error))
	}
	lines, size, text := 0, 0, a.Error+a.RemoteAddr
	for name, values := range a.ResponseHeader {
		for _, value := range values {
			lines, size, text = lines+1, size+len(name)+len(value), text+name+value
		}
	}
	if lines > 100 || size > 16<<10 {
		t.Errorf("%d lines of header, %d bytes", lines, size)
	}
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\x7f\n\r\u0085\u202e\u2028") {
		t.Errorf("not fit to be shown: %q", text)
	}
	if bytes.Contains(a.ResponseBody, []byte(credential[:shortestCredential])) {
		t.Errorf("the endpoint's credential is in the body, which ends with %q", a.ResponseBody[max(len(a.ResponseBody)-50, 0):])
	}
	if strings.Contains(text, credential) {
		t.Errorf("the endpoint's credential is in %q", text)
	}
	if _, err := json.Marshal(a); err != nil {
		t.Error(err)
	}
}

// watchHeap fails the test if the heap grows by more than limit until stop.
func watchHeap(t *testing.T, limit int64) (stop func()) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	start, top := read(), int64(0)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			top = max(top, read()-start)
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		t.Logf("the heap grew by up to %d KiB", top>>10)
		if top > limit {
			t.Errorf("the heap grew by %d KiB, want at most %d", top>>10, limit>>10)
		}
	}
}
