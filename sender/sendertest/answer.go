package sendertest

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Answer is how a [Receiver] answers one request. gone is closed when the
// Receiver closes: an Answer that takes its time must end then.
type Answer func(w http.ResponseWriter, req *http.Request, gone <-chan struct{})

// Status answers with a status and no body.
func Status(code int) Answer { return Body(code, "") }

// Body answers with a status and a body.
func Body(code int, body string) Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // the sender may be gone, and is free to
	}
}

// Redirect answers 302 to another URL, where a sender must not go.
func Redirect(to string) Answer {
	return func(w http.ResponseWriter, req *http.Request, _ <-chan struct{}) {
		http.Redirect(w, req, to, http.StatusFound)
	}
}

// Throttle answers 429 with Retry-After in seconds.
func Throttle(retryAfter time.Duration) Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

// Hang never answers: it holds the request until the sender or the Receiver
// goes away.
func Hang() Answer {
	return func(_ http.ResponseWriter, req *http.Request, gone <-chan struct{}) {
		select {
		case <-req.Context().Done():
		case <-gone:
		}
	}
}

// Delay waits before it answers.
func Delay(wait time.Duration, then Answer) Answer {
	return func(w http.ResponseWriter, req *http.Request, gone <-chan struct{}) {
		if pause(wait, req, gone) {
			then(w, req, gone)
		}
	}
}

// Reset breaks the connection off with a TCP reset.
func Reset() Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler) // HTTP/2: resets the stream
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // close with RST; otherwise an orderly close must do
		}
		_ = conn.Close()
	}
}

// HugeBody answers with a status and a body of n bytes.
func HugeBody(code, n int) Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.WriteHeader(code)
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		for n > 0 {
			written, err := w.Write(chunk[:min(n, len(chunk))])
			if err != nil {
				return // the sender has read enough
			}
			n -= written
		}
	}
}

// SlowBody answers with a status at once, and then with one byte of body after
// every pause, without end.
func SlowBody(code int, every time.Duration) Answer {
	return func(w http.ResponseWriter, req *http.Request, gone <-chan struct{}) {
		w.WriteHeader(code)
		flush := http.NewResponseController(w).Flush
		for flush() == nil && pause(every, req, gone) {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}

// pause waits, and reports false if the sender or the Receiver goes away.
func pause(wait time.Duration, req *http.Request, gone <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
	case <-gone:
	}
	return false
}
