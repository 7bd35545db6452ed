// Jam sends one event to one or more URLs the way Jam's webhook page promises:
// Standard Webhooks under the svix-* header names, 15 seconds per attempt, and
// attempts immediately and then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and
// 10 h. It needs nothing running. From the root of the repository:
//
//	go run ./examples/jam -to https://example.com/webhook
//	go run ./examples/jam -allow-local -to http://127.0.0.1:8080/ -event intercom.recorder.opted_out
//	go run ./examples/jam -to https://example.com/webhook -secret whsec_NEW… -secret whsec_OLD… -data body.json
//
// Each attempt is one line of JSON on stdout as soon as it has ended, with the
// keys delivery, event, endpoint, attempt, scheduled_at, started_at, ended_at,
// status, error_class, error and next_attempt_at. The first -to is the endpoint
// ep_1, the second ep_2, and so on.
//
//	-to URL         where to send; repeat it for several
//	-secret S       what to sign with (whsec_… or whsk_…); repeat it during a
//	                rotation, the newest first. Defaults to a new one, shown on
//	                stderr
//	-event TYPE     jam.created (the default), intercom.recorder.recorded or
//	                intercom.recorder.opted_out
//	-data FILE      what to send, byte for byte; - is stdin. Defaults to an
//	                example of the event with every field
//	-redis URL      a Redis, in which it uses a queue of its own, of which some
//	                counters stay. Defaults to one inside the process
//	-allow-local    permit http URLs, this machine and private networks
//	-timeout D      of one attempt, 100ms to 1m. Defaults to 15s
//
// The exit code is 0 if every delivery succeeded, 1 if one did not (or SIGINT
// or SIGTERM came before), and 2 if nothing was sent because of the flags.
package main

import (
	"fmt"
	"os"

	"github.com/outhook/outhook/examples/internal/jam"
	"github.com/outhook/outhook/examples/internal/sendonce"
)

func main() {
	examples, err := jam.Examples()
	if err != nil {
		fmt.Fprintln(os.Stderr, "jam:", err)
		os.Exit(1)
	}
	os.Exit(sendonce.Main(sendonce.Product{
		Name:     "jam",
		Profile:  jam.Profile(),
		Examples: examples,
	}))
}
