package sender

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

const fuzzCredential = "s3cr3t-hunter2"

// checkFit: what is recorded of a stranger's header fits into any store.
func checkFit(t *testing.T, header http.Header) {
	t.Helper()
	lines, size := 0, 0
	for name, values := range header {
		for _, value := range values {
			lines, size = lines+1, size+len(name)+len(value)
			for _, text := range []string{name, value} {
				if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, fuzzCredential) {
					t.Errorf("%q: %q is not fit to be stored", name, value)
				}
			}
		}
	}
	if lines > maxRecordedHeaders || size > maxRecordedHeaderBytes {
		t.Errorf("%d lines, %d bytes", lines, size)
	}
	if _, err := json.Marshal(header); err != nil {
		t.Error(err)
	}
}

// FuzzRedactHeader: whatever a stranger puts into a header, credentials
// included, the copy is bounded, can be shown, and gives nothing away.
func FuzzRedactHeader(f *testing.F) {
	f.Add("X-Plain", "value", uint16(1))
	f.Add("Set-Cookie", "a=b", uint16(3))
	f.Add("x-\xff\x00", "\x1b[31m"+fuzzCredential, uint16(200))
	f.Add(fuzzCredential, strings.Repeat("ü", 3000), uint16(9))
	f.Fuzz(func(t *testing.T, name, value string, n uint16) {
		if len(name)+len(value) > 8<<10 { // net/http takes no more
			return
		}
		header := http.Header{name: {}}
		for i := range int(n % 300) {
			header[name] = append(header[name], value)
			header[name+string(rune('a'+i))] = []string{fuzzCredential + value, value + fuzzCredential}
		}
		few := fewer(header)
		lines := 0
		for _, values := range few {
			lines += len(values)
		}
		if lines > maxRecordedHeaders {
			t.Errorf("%d lines are kept", lines)
		}
		safe := redactHeader(few, fuzzCredential)
		checkFit(t, safe)
		for name, values := range safe {
			if sensitive(name) && strings.Join(values, "") != strings.Repeat(redacted, len(values)) {
				t.Errorf("%q: %q", name, values)
			}
		}
	})
}

// FuzzAnswer: bytes of a stranger, taken for an answer by the transport that
// serves in production, make a record that is bounded and whole.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 500 No\r\n\r\n\xff\x00", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", "HTTP/1.1 000 Zero\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + fuzzCredential + "\r\n\r\n", fuzzCredential + "\r\n\r\n", "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
	} {
		f.Add([]byte(answer))
	}
	const most = 100
	e := &engine{cfg: Config{
		MaxResponseBody: most, UnsafeAllowLocal: true,
		Profile: Profile{Signing: signing.StandardWebhooks(), Judge: retry.DefaultJudge, Timeout: 5 * time.Second},
	}.withDefaults()}
	e.log = e.cfg.Logger
	secret, err := e.cfg.Profile.Signing.NewSecret()
	if err != nil {
		f.Fatal(err)
	}
	job := store.Job{
		Delivery: store.Delivery{ID: "dlv_1", Tenant: "t", EventID: "evt_1", EndpointID: "ep_1"},
		Event:    &store.Event{ID: "evt_1", Payload: []byte("{}")},
		Endpoint: &store.Endpoint{
			ID: "ep_1", Tenant: "t", URL: "http://stranger.test/", Secrets: []store.Secret{{Value: secret}},
			Headers: http.Header{"Authorization": {"Bearer " + fuzzCredential}},
		},
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		transport := newHTTPTransport(1, nil)
		transport.DisableKeepAlives = true // net/http logs what comes after an answer
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				if req, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body)
					_, _ = far.Write(answer)
				}
			}()
			return near, nil
		}
		defer transport.CloseIdleConnections()
		a := e.attempt(context.Background(), transport, job).attempt
		checkFit(t, a.ResponseHeader)
		checkFit(t, http.Header{"Error": {a.Error}})
		if len(a.ResponseBody) > most || len(a.Error) > maxErrorText+len("…") {
			t.Errorf("%d bytes of body, %d of error", len(a.ResponseBody), len(a.Error))
		}
		if a.Succeeded != (a.ErrorClass == "") || a.Succeeded != (a.Status/100 == 2) || (a.Status == 0) != (a.ErrorClass != "" && a.ErrorClass != store.ErrorStatus) {
			t.Errorf("succeeded %v, status %d, %s %q", a.Succeeded, a.Status, a.ErrorClass, a.Error)
		}
		if a.ErrorClass == store.ErrorTimeout || a.ErrorClass == store.ErrorOther || a.ErrorClass == store.ErrorPanic {
			t.Errorf("%s %q", a.ErrorClass, a.Error)
		}
	})
}
