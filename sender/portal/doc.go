// Package portal is what a host's customers see of their webhooks: pages on which
// they add endpoints, read what was delivered, and send it again, and the same as
// a JSON API for hosts that draw their own.
//
// It is for a host that has [sender] at work already. [New] makes an
// [net/http.Handler], which the host mounts under a path of its own and behind its
// own login:
//
//	h, err := portal.New(portal.Config{Sender: cfg, Authorize: authorize})
//	mux.Handle("/settings/webhooks/", http.StripPrefix("/settings/webhooks", h))
//
// # Who sees what
//
// Config.Authorize asks the host's session whose request it is, and returns an
// [Access]: one tenant, and what may be done ([Permission]). All that is shown or
// changed is that tenant's; an id of another one is answered like one that does not
// exist. The portal keeps no session and sets no cookie.
//
// # How it is protected
//
// Everything is in the binary: nothing is loaded from another host, and the
// Content-Security-Policy permits nothing else, no script in a page, and no frame
// around it. Forms are taken from the same origin alone
// ([net/http.CrossOriginProtection]): a proxy in front has to leave the headers
// Sec-Fetch-Site, Origin and Host as they are. Whatever customers and strangers
// wrote is escaped, and characters that would hide or turn text are made visible;
// bodies are downloaded as files that no browser shows. Secrets are shown on
// request, to whom has [Secrets]; the values of headers never are. An answer is
// bounded in its size by pages, a request in its size and time.
//
// # What it costs
//
// A page is a few reads of the Store, each of which an index answers in
// store/sqlstore, and statistics are read from sums of hours that RunWorkers keeps:
// with a million deliveries of the tenant in PostgreSQL the slowest page takes some
// 20 ms. A Store of the host's that computes no statistics (store.StatsSource) has
// all attempts read for them, for up to three seconds; then a page comes without.
//
// The pages work without JavaScript, with times in UTC; with it, lists refresh
// themselves, the Test button answers in place, and times are in the reader's zone,
// also those to fill in. They follow WCAG 2.2 AA, by keyboard, with a screen reader,
// on a phone, in light and dark.
//
// # The API
//
// It is below api/v1/ of the same handler, with the same Authorize: every action of
// the pages, lists by cursor, errors as application/problem+json (RFC 9457).
// api/v1/openapi.json describes it (OpenAPI 3.1).
//
// # What the products promise
//
// The webhook pages of Jam and Jasper, row by row, and the tests that do what they
// say in a browser (examples/internal/browser):
//
//	Jam, "Creating a webhook"
//	  Settings → Webhooks → Manage         Endpoints              TestJamAddEndpointAndCaptureAJam
//	  Add Endpoint, URL, events, confirm   Add an endpoint        TestJamAddEndpointAndCaptureAJam
//	  the signing secret (whsec_…)         an endpoint, Reveal    TestJamAddEndpointAndCaptureAJam
//	  enabled by default                   an endpoint            TestJamAddEndpointAndCaptureAJam
//	Jam, "Webhook Portal"
//	  delivery logs for each attempt       a delivery, Attempts   TestJamDeliveryLogsForEachAttempt
//	  replay for failed deliveries         a delivery, Replay     TestJamReplayAfterFixingYourConsumer
//	                                       Replays                TestJamReplayOfWhatFailedSinceATime
//	  signing secret                       an endpoint, Reveal    TestJamAddEndpointAndCaptureAJam
//	  success rate, statistics over time   an endpoint            TestJamSuccessRateAndStatisticsOverTime
//	  full payload inspection              a delivery             TestJamFullPayloadInspection
//	Jasper, "Setting Up Webhooks"
//	  Settings → Webhooks → Add Webhook    Add an endpoint        TestJasperAddWebhookWithDescriptionAndEvents
//	  URL, events, description, save       Add an endpoint        TestJasperAddWebhookWithDescriptionAndEvents
//	  several, with different events       Endpoints              TestJasperAddWebhookWithDescriptionAndEvents
//	Jasper, "Verifying Signatures"
//	  the secret in webhook settings       an endpoint, Reveal    TestJasperRotateSecret
//	Jasper, "Delivery Logs"
//	  request payload                      a delivery, Payload    TestJasperDeliveryLogs
//	  response status and body             a delivery, Response   TestJasperDeliveryLogs
//	  retry attempts, timestamps           a delivery, Attempts   TestJasperDeliveryLogs
//	Jasper, "Testing Webhooks"
//	  the Test button                      an endpoint, Test      TestJasperTestButton
//
// The catalog of events with examples is each document's list of events and
// payloads (sender.Config.Events).
package portal
