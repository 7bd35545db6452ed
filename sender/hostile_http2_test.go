package sender_test

import (
	"strings"

	"github.com/outhook/outhook/store"
)

// hostileHTTP2 are receivers that agree to HTTP/2.
func hostileHTTP2(a authority) map[string]hostile {
	config := a.http2()
	with := func(class store.ErrorClass, status int, frames func(stream uint32) string) hostile {
		return hostile{serve: says(frames), class: class, status: status, tls: config}
	}
	resets := func(code uint32) hostile {
		return with("reset", 0, func(s uint32) string { return frame(frameReset, 0, s, words(code)) })
	}
	head := func(s uint32) string { return frame(frameHeaders, endHeaders, s, "\x88") } // :status 200
	all := map[string]hostile{
		"all is well": with("", 200, func(s uint32) string { return head(s) + frame(frameData, endStream, s, "hi") }),

		// Requests that are not taken: net/http would send them again.
		"GOAWAY, not processed":    with("reset", 0, func(uint32) string { return frame(frameGoAway, 0, 0, words(0, 0)) }),
		"GOAWAY, processed":        {serve: http2("", func(v *visit, s uint32) { v.say(frame(frameGoAway, 0, 0, words(s, 0))); v.Close() }), class: "reset", tls: config},
		"GOAWAY, calm down":        with("reset", 0, func(uint32) string { return frame(frameGoAway, 0, 0, words(0, 11)) }),
		"GOAWAY twice":             with("reset", 0, func(uint32) string { return strings.Repeat(frame(frameGoAway, 0, 0, words(0, 0)), 2) }),
		"stream refused":           resets(7),
		"stream reset, PROTOCOL":   resets(1),
		"stream reset, INTERNAL":   resets(2),
		"stream reset, CANCEL":     resets(8),
		"stream reset, NO_ERROR":   resets(0),
		"stream reset, HTTP/1.1":   resets(13),
		"stream reset, unknown":    resets(4711),
		"closed after the request": {serve: http2("", func(v *visit, _ uint32) { v.Close() }), class: "reset", tls: config},
		"closed before SETTINGS":   {serve: func(*visit) {}, class: "reset", silent: true, tls: config},

		// Frames that must not be.
		// net/http may find the connection useless before it has said why.
		"speaks HTTP/1.1":        {serve: func(v *visit) { v.say(ok + "\r\n"); v.deaf() }, class: "protocol", or: "reset", silent: true, tls: config},
		"frame of 16 MiB":        with("protocol", 0, func(s uint32) string { return "\xff\xff\xff" + head(s)[3:] }),
		"SETTINGS of odd size":   with("protocol", 0, func(uint32) string { return frame(frameSettings, 0, 0, "abcde") }),
		"PING of odd size":       with("protocol", 0, func(uint32) string { return frame(framePing, 0, 0, "abc") }),
		"PUSH_PROMISE":           with("protocol", 0, func(s uint32) string { return frame(framePush, endHeaders, s, words(2)+"\x88") }),
		"DATA before HEADERS":    with("protocol", 0, func(s uint32) string { return frame(frameData, endStream, s, "abc") }),
		"HEADERS without status": with("protocol", 0, func(s uint32) string { return frame(frameHeaders, endHeaders|endStream, s, field("a", "b")) }),
		"status of letters":      with("protocol", 0, func(s uint32) string { return frame(frameHeaders, endHeaders|endStream, s, status("abc")) }),
		"status 000":             with("protocol", 0, func(s uint32) string { return frame(frameHeaders, endHeaders|endStream, s, status("000")) }),
		"header in upper case":   with("protocol", 0, func(s uint32) string { return frame(frameHeaders, endHeaders|endStream, s, "\x88"+field("X", "b")) }),
		"HPACK that is none": with("protocol", 0, func(s uint32) string {
			return frame(frameHeaders, endHeaders|endStream, s, "\xff\xff\xff\xff\xff\xff\xff")
		}),
		"unknown frames": with("", 200, func(s uint32) string {
			return strings.Repeat(frame(0x42, 0xff, s, "abc"), 100) + frame(frameHeaders, endHeaders|endStream, s, "\x88")
		}),

		// Too much of everything.
		"HPACK bomb": with("protocol", 0, func(s uint32) string {
			// One field of 4 KB, put into the table and then named 16,000 times.
			return frame(frameHeaders, endHeaders, s, "\x88\x40\x01a\x7f\x81\x1e"+strings.Repeat("x", 3968)+strings.Repeat("\xbe", 12000))
		}),
		"endless CONTINUATION": {serve: http2("", func(v *visit, s uint32) {
			v.say(frame(frameHeaders, 0, s, "\x88"))
			v.flood(frame(frameContinuation, 0, s, strings.Repeat(field("a", "b"), 1000)))
		}), class: "protocol", tls: config},
		"CONTINUATION of nothing": {serve: http2("", func(v *visit, s uint32) {
			v.say(frame(frameHeaders, 0, s, "\x88"))
			v.drip(frame(frameContinuation, 0, s, ""))
		}), class: "timeout", within: byTimeout, tls: config},
		"endless 100s":     {serve: http2("", func(v *visit, s uint32) { v.flood(frame(frameHeaders, endHeaders, s, status("100"))) }), class: "protocol", tls: config},
		"100s that drip":   {serve: http2("", func(v *visit, s uint32) { v.drip(frame(frameHeaders, endHeaders, s, status("100"))) }), class: "timeout", within: byTimeout, tls: config},
		"endless SETTINGS": {serve: http2("", func(v *visit, _ uint32) { v.flood(frame(frameSettings, 0, 0, setting(4, 65535))) }), class: "timeout", within: byTimeout, tls: config},
		"endless PING":     {serve: http2("", func(v *visit, _ uint32) { v.flood(frame(framePing, 0, 0, "12345678")) }), class: "timeout", within: byTimeout, tls: config},

		// Nothing of anything.
		"silence":            {serve: http2("", func(*visit, uint32) {}), class: "timeout", within: byTimeout, tls: config},
		"no streams":         {serve: http2(setting(3, 0), func(*visit, uint32) {}), class: "timeout", within: byTimeout, tls: config},
		"no room for bodies": {serve: http2(setting(4, 0), func(*visit, uint32) {}), class: "timeout", within: byTimeout, tls: config},

		// Bodies.
		"body that drips": {serve: http2("", func(v *visit, s uint32) { v.say(head(s)); v.drip(frame(frameData, 0, s, "x")) }), status: 200, text: "xxx", cut: true, within: byBodyTime, tls: config},
		"endless body":    {serve: http2("", func(v *visit, s uint32) { v.say(head(s)); v.flood(frame(frameData, 0, s, strings.Repeat("x", 1<<14))) }), status: 200, text: "xxx", cut: true, tls: config},
		"empty DATA":      {serve: http2("", func(v *visit, s uint32) { v.say(head(s)); v.flood(frame(frameData, 0, s, "")) }), status: 200, cut: true, within: byBodyTime, tls: config},
		"reset in the body": {
			serve: says(func(s uint32) string {
				return head(s) + frame(frameData, 0, s, "abc") + frame(frameReset, 0, s, words(2))
			}),
			status: 200, cut: true, tls: config,
		},
		"GOAWAY in the body": {serve: http2("", func(v *visit, s uint32) {
			v.say(head(s) + frame(frameData, 0, s, "abc") + frame(frameGoAway, 0, 0, words(s, 2)))
			v.Close()
		}), status: 200, cut: true, tls: config},
		"body of another length": {serve: says(func(s uint32) string {
			return frame(frameHeaders, endHeaders, s, "\x88"+field("content-length", "10")) + frame(frameData, endStream, s, "abc")
		}), status: 200, text: "abc", cut: true, tls: config},
	}
	named := make(map[string]hostile, len(all))
	for name, h := range all {
		named["HTTP/2, "+name] = h
	}
	return named
}
