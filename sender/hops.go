package sender

import (
	"net/http"
	"strconv"
	"strings"
)

// hopsHeader is sent with each request: how many webhooks there have been, one
// causing the next, with this one.
const hopsHeader = "Outhook-Hops"

// mostHops is what a larger number in the header is taken for: more than any
// Config.MaxHops.
const mostHops = 1000

// Hops returns what the header of a webhook's request says for Event.Hops of an
// event that the webhook causes: how many webhooks there have been, with that one,
// at most 1000. A request that is no webhook of an Outhook, or whose header makes
// no sense, has 0.
//
// The header is not signed. Who changes it can end a chain of webhooks, or let it
// run on, as whoever sends the events by hand can.
func Hops(h http.Header) int {
	hops := 0
	for _, value := range h.Values(hopsHeader) { // a proxy may have added one
		for part := range strings.SplitSeq(value, ",") {
			hops = max(hops, parseHops(strings.TrimSpace(part)))
		}
	}
	return hops
}

func parseHops(text string) int {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil { // out of range
		return mostHops
	}
	return min(n, mostHops)
}
