// Jasper sends one event to one or more URLs the way Jasper's webhook page
// promises: signed in X-Jasper-Signature, 30 seconds per attempt, and attempts
// immediately and then after 1, 10 and 60 seconds. It needs nothing running.
// From the root of the repository:
//
//	go run ./examples/jasper -to https://example.com/webhook
//	go run ./examples/jasper -allow-local -to http://127.0.0.1:8080/ -event team.member_added
//	go run ./examples/jasper -to https://example.com/webhook -secret your-webhook-secret -data body.json
//
// Each attempt is one line of JSON on stdout as soon as it has ended, with the
// keys delivery, event, endpoint, attempt, scheduled_at, started_at, ended_at,
// status, error_class, error and next_attempt_at. The first -to is the endpoint
// ep_1, the second ep_2, and so on.
//
//	-to URL         where to send; repeat it for several
//	-secret S       what to sign with, 16 to 256 characters; repeat it during a
//	                rotation, the newest first: the header has room for a
//	                signature of that one alone. Defaults to a new one, shown
//	                on stderr
//	-event TYPE     one of the 17 on the page; -h lists them. Defaults to
//	                review.completed
//	-data FILE      what to send, byte for byte; - is stdin. Defaults to an
//	                example of the event with every field
//	-redis URL      a Redis, in which it uses a queue of its own, of which some
//	                counters stay. Defaults to one inside the process
//	-allow-local    permit http URLs, this machine and private networks
//	-timeout D      of one attempt, 100ms to 1m. Defaults to 30s
//
// The exit code is 0 if every delivery succeeded, 1 if one did not (or SIGINT
// or SIGTERM came before), and 2 if nothing was sent because of the flags.
package main

import (
	"fmt"
	"os"

	"github.com/outhook/outhook/examples/internal/jasper"
	"github.com/outhook/outhook/examples/internal/sendonce"
)

func main() {
	examples, err := jasper.Examples()
	if err != nil {
		fmt.Fprintln(os.Stderr, "jasper:", err)
		os.Exit(1)
	}
	os.Exit(sendonce.Main(sendonce.Product{
		Name:     "jasper",
		Profile:  jasper.Profile(),
		Examples: examples,
	}))
}
