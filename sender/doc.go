// Package sender sends webhooks from a product's backend to its customers.
//
// The host calls [Sender].Send; Outhook finds the tenant's subscribed
// endpoints, signs, POSTs, retries on the schedule that the profile promises,
// and records every attempt in the host's [store.Store]. It runs inside the
// host's processes on Redis and the host's Store, with no service of its own.
//
// # The promise
//
// An event that Send accepted reaches every subscribed endpoint at least once,
// or ends as a recorded failure that the host can see and replay. Redis may
// lose everything and nothing is lost: it only holds wake-ups, and the workers'
// sweeper finds in the Store what has none.
//
// At least once means that a receiver may see an event twice, with the same
// webhook-id: after a worker died during an attempt or was cut off by a stop,
// or when the Store stayed away for minutes after one. Such an attempt is not
// recorded. So may it when Redis was emptied while a worker had the delivery.
// There is no order between events.
//
// # Using it
//
// One [Config] serves both sides:
//
//	s, err := sender.New(cfg)          // in the process that has events
//	receipt, err := s.Send(ctx, sender.Event{Tenant: "ws_1", Type: "jam.created", Payload: body})
//
//	err = sender.RunWorkers(ctx, cfg)  // in the process that delivers; may be the same
//
// Endpoints are created with [PutEndpoint], which checks them and makes their
// secrets; [RotateSecret] changes those, and [Ping] is the Test button.
// Config.Events tells customers which types of event there are.
// Deliveries and attempts are read from the Store. Failures are sent again
// with Resend and Replay, and in the background with [StartReplay].
//
// # In the host's transaction
//
// [SendIn] writes an event inside a transaction of the host's, so that it is
// committed or rolled back with the host's own rows, and [Wake] starts its
// deliveries after the commit.
//
// Package senderdev has a Config that needs nothing installed, and package
// sendertest what a host's tests need.
//
// # Endpoints that are slow, or ask for less
//
// No endpoint keeps the others waiting. Each has so many attempts at once in a
// process, which it earns by answering: a few at first, then up to
// Config.EndpointConcurrency, and a single one after an attempt that timed out,
// until it answers. An attempt that takes longer than 500 ms leaves its slot of
// Config.Concurrency to others. A rate limit (Endpoint.RateLimit,
// Profile.RateLimit) holds over all processes, and a Retry-After pauses the
// endpoint in all of them (Endpoint.PausedUntil).
//
// What its endpoint cannot take waits in the Store as a pending delivery that is
// overdue. It uses up no attempt, costs Redis nothing, and is started in the order
// in which it was due. An endpoint whose URL is changed, that is disabled or whose
// pause is ended in the Store is seen as it is within a second.
//
// # What an answer means
//
//	2xx                        succeeded, whatever the body
//	410                        failed, and the endpoint is disabled
//	429, 503 with Retry-After  tried again no sooner than it says; the endpoint is paused
//	anything else, no answer   tried again on the schedule
//
// Redirects are not followed. A profile's Judge changes the table.
//
// An attempt is one request on the wire. Its timeout covers all of it; once the
// status is there, it stands, and the body has two seconds more within the timeout:
// what has not come by then, or is more than Config.MaxResponseBody, is left, and
// Attempt.ResponseTruncated says so. A header has up to 16 KiB. What an attempt
// takes of memory is bounded, whatever the other side sends; GOMEMLIMIT bounds what
// many of them leave to the garbage collector.
//
// # Endpoints that fail
//
// Once a delivery is exhausted its endpoint is failing ([HookEndpointFailing]),
// until an attempt or a ping succeeds ([HookEndpointRecovered]). If every attempt
// has failed for Config.DisableAfter, and Config.DisableAfterDeliveries were
// exhausted, it is disabled ([HookEndpointDisabled]). The host enables it with
// PutEndpoint; what was canceled meanwhile can be replayed. The Store keeps all of
// it: workers share it, and it outlives them.
//
// # Statistics
//
// The workers have a Store that can (a [store.StatsRoller]) sum up attempts every
// minute, once they started 5 minutes ago, so that [store.Stats] of whole hours costs
// little, however many they are. An attempt that is recorded later than that, after
// younger ones were summed up, is in the delivery's history, and missing in
// statistics. What was summed up is still counted when Config.Retention has removed
// the records.
//
// # Bounds
//
// Config.MaxEndpoints, MaxPending and MaxPayload bound what one tenant can take of
// what all share. A host that sends events because of webhooks it received hands
// on their [Hops], so that a loop ends at Config.MaxHops.
//
// # Replays in the background
//
// What [StartReplay] starts is in the Store: RunWorkers carries it out, in whatever
// process, and goes on after a restart. It waits for endpoints that have enough to
// do, and leaves half of Config.MaxPending to Send. [CancelReplay] ends it.
//
// # Where requests go
//
// Tenants choose URLs, and requests come from inside the host's network. An
// address guard lets them go to public addresses only, over HTTPS, on ports 80
// and 443: [Transport] says what it judges, the fields UnsafeAllow… of [Config]
// what can be permitted. It is part of Outhook's own transport and of those
// that [NewTransport] makes, and of no other.
package sender
