package sender

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/internal/guard"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// Version is the version of Outhook, as the default User-Agent names it.
const Version = "0.1.0"

// Config is what [New] and [RunWorkers] need: give both the same one, so that
// the process that sends and the process that delivers cannot disagree. The
// zero value of every optional field is its default.
type Config struct {
	// Store keeps endpoints, events, deliveries and attempts. Required.
	Store store.Store

	// Redis carries the wake-ups. Required. It may be shared with the host, may
	// lose everything, and is never closed by Outhook. The host closes it only
	// after RunWorkers has returned: asynq panics in a goroutine of its own when
	// the client is closed under it, which ends the process. Outhook uses the
	// keys "asynq:*" and "outhook:*" in it; its maxmemory-policy should be
	// noeviction. go-redis prints failures to connect through a logger of its
	// own: redis.SetLogger. Set its ContextTimeoutEnabled, without which it
	// ignores deadlines.
	Redis redis.UniversalClient

	// Profile serves the endpoints that name none. Its zero fields have the
	// defaults that [Profile] documents.
	Profile Profile

	// Profiles serve the endpoints that name one, by Endpoint.Profile.
	Profiles map[string]Profile

	// Events are the types of event that the host sends, up to 1000, in the order
	// in which customers are to see them; a group is where its first type is. They
	// are for customers to read. Optional: without it, and of what it lacks, events
	// are sent all the same.
	Events []EventType

	// RefuseUnknownEvents makes Events binding: an event to be sent or pinged whose
	// Type is not in there is refused, with a *FieldError of Event.Type. The type
	// "webhook.test", which Ping has by default, is always known. What was accepted
	// before is still delivered, resent and replayed, and endpoints may subscribe
	// to any type. It needs Events.
	RefuseUnknownEvents bool

	// Queue begins the names of the queues in Redis. Two products that share a
	// Redis and not a Store need two names.
	// Defaults to "outhook".
	Queue string

	// Shards is the number of queues, 1 to 64. More of them take more tasks per
	// second from Redis, and cost more round trips while idle. asynq's tools show
	// each as a server with room for more tasks than Concurrency: most only wait.
	// Defaults to 4.
	Shards int

	// Concurrency is the number of attempts that RunWorkers makes at once in
	// this process, 1 to 100000, without those that are slow.
	// Defaults to 64.
	Concurrency int

	// SlowConcurrency is the number of attempts in this process, beside those,
	// that have waited for an answer for 500 ms, and as many again are for
	// endpoints that let the last one time out; 1 to 100000. Each takes 40 to 80 KB
	// of memory and its payload.
	// Defaults to 8 times Concurrency.
	SlowConcurrency int

	// EndpointConcurrency is the number of attempts at once to one endpoint in
	// this process, at most Concurrency. An endpoint earns them by answering; one
	// that lets an attempt time out gets one at a time until it answers.
	// Defaults to half of Concurrency.
	EndpointConcurrency int

	// ShutdownTimeout bounds how long RunWorkers waits for attempts under way
	// once its context is done. Those that take longer are cut off, which is no
	// failed attempt: they are made again.
	// Defaults to the longest timeout of the profiles plus 5 s.
	ShutdownTimeout time.Duration

	// SweepInterval is how often RunWorkers looks in the Store for deliveries
	// that are overdue and have no task in Redis, and how long overdue they
	// must be. It is at least 1 s.
	// Defaults to 5 s.
	SweepInterval time.Duration

	// Retention is how long an event is kept after it was sent, with its
	// deliveries and attempts; as long as one of the deliveries is pending, all
	// of it stays. RunWorkers removes what is older in small batches. It is at
	// least 1 h, and the Store must be a store.Purger. An event id that is sent
	// again after its event was removed is delivered again.
	// Zero keeps everything.
	Retention time.Duration

	// BodyRetention is how long payloads and the bodies of answers are kept, if
	// that is shorter: the records stay, but can no longer be resent or replayed.
	// The same rules hold as for Retention.
	// Zero keeps them as long as the records.
	BodyRetention time.Duration

	// MaxHops bounds Event.Hops, 1 to 100: how many webhooks may lead to an event
	// that is sent, one causing the next. It ends loops of products that are
	// subscribed to each other.
	// Defaults to 8.
	MaxHops int

	// MaxEndpoints is how many endpoints a tenant may have: PutEndpoint creates no
	// more. Those who create some at the same time may go over it. The special
	// value -1 bounds nothing.
	// Defaults to 1000.
	MaxEndpoints int

	// MaxPending is how many pending deliveries a tenant may have: Send accepts
	// nothing more for it until some have ended. Pending are also those that wait
	// for their next attempt. They are counted at most once a second for each
	// tenant and Sender, which adds what it accepts meanwhile: what ends in that
	// second still counts, and several processes may go over it by what they
	// accept in that second. An event with more deliveries than this is never
	// accepted. Resend and Replay are not bound.
	// Zero bounds nothing.
	MaxPending int

	// MaxPayload is the largest payload that Send accepts, in bytes, up to
	// 16 MiB.
	// Defaults to 1 MiB.
	MaxPayload int

	// MaxResponseBody is how much of an answer's body is recorded, in bytes, up
	// to 1 MiB, of what comes within 2 s after the status. The special value -1
	// records none.
	// Defaults to 16 KiB.
	MaxResponseBody int

	// MaxRetryAfter bounds the wait that an endpoint can ask for with
	// Retry-After (RFC 9110, 10.2.3) on a 429 or 503. The special value -1
	// ignores the header.
	// Defaults to 1 h.
	MaxRetryAfter time.Duration

	// DisableAfter is how long every attempt to an endpoint must have failed for it
	// to be disabled, with a reason, counted from the first delivery that was
	// exhausted (store.Endpoint.FailingSince). It is looked at when another is
	// exhausted. It is at least 1 m. The special value -1 disables none in this way.
	// Defaults to 120 h.
	DisableAfter time.Duration

	// DisableAfterDeliveries is how many of the endpoint's deliveries must have
	// been exhausted in that time as well, 1 to 1000: a few failures in a week say
	// little of an endpoint that gets little.
	// Defaults to 10.
	DisableAfterDeliveries int

	// UserAgent is sent with each request.
	// Defaults to "Outhook/" and the Version.
	UserAgent string

	// Transport makes the requests, one RoundTrip per attempt: redirects are
	// never followed. Set it to one that NewTransport made with other options, or
	// that wraps such a one: one of the host's own has no address guard, only the
	// checks of the endpoint's URL. It must be safe for concurrent use.
	// Defaults to NewTransport(cfg, TransportOptions{}).
	Transport http.RoundTripper

	// TransportFor, if set, gives an endpoint a transport of its own, such as one
	// with a client certificate. It is called before each attempt, concurrently;
	// connections are kept in the transport, so that an endpoint needs the same
	// one each time. Nil without an error stands for Transport. After an error
	// the attempt has failed; the error is logged and not recorded.
	TransportFor func(ctx context.Context, e store.Endpoint) (http.RoundTripper, error)

	// UnsafeAllowLocal permits http:// URLs, every port, and every address: this
	// machine and private networks, too. It is for development and tests: in
	// production it lets a tenant aim requests at the host's own network. The
	// fields that follow make smaller holes.
	UnsafeAllowLocal bool

	// UnsafeAllowHTTP permits http:// URLs. What is sent can be read on its way.
	UnsafeAllowHTTP bool

	// UnsafeAllowCIDRs are networks that requests may go to though they are not
	// public. Every tenant can reach all that listens there on a permitted port.
	// In a network that has only IPv6 and reaches IPv4 through DNS64 and NAT64,
	// 64:ff9b::/96 is needed; the IPv4 addresses in it are still judged.
	UnsafeAllowCIDRs []netip.Prefix

	// UnsafeAllowHosts are hosts that requests may go to whatever their names
	// resolve to, each as it stands in URLs, without a port. Whoever can change
	// such a name's records chooses the address.
	UnsafeAllowHosts []string

	// UnsafeAllowPorts are ports beside 80 and 443. The special value 0 permits
	// all: a tenant can then look for other services on public addresses, in the
	// host's name.
	UnsafeAllowPorts []uint16

	// DenyCIDRs are networks that requests must not go to, whatever else permits
	// them, but for UnsafeAllowLocal: public addresses that firewalls open to the host alone, the
	// addresses under which it is known outside, and a NAT64 prefix of its own.
	DenyCIDRs []netip.Prefix

	// Logger gets what is worth knowing to an operator; no secret, payload or
	// answer is ever logged. net/http prints through the standard logger when a
	// receiver sends what nobody asked for, with up to 4 KB of it: log.SetOutput.
	// Defaults to no logging.
	Logger *slog.Logger

	// Hooks are told what happens. Each must implement at least one of the
	// Hook interfaces of this package.
	Hooks []Hook

	guard *guard.Guard // nil if UnsafeAllowLocal; made by withDefaults
}

// Profile is what a product's webhook page promises to receivers. The zero
// value is Standard Webhooks as its specification recommends it.
type Profile struct {
	// Signing signs each attempt.
	// Defaults to signing.StandardWebhooks().
	Signing signing.Scheme

	// Retry says when the next attempt is.
	// Defaults to retry.StandardWebhooks().
	Retry retry.Policy

	// Judge says what an answer means.
	// Defaults to retry.DefaultJudge: 2xx succeeds, 410 disables the endpoint,
	// all else is tried again.
	Judge retry.Judge

	// Timeout bounds a whole attempt, from the name lookup to the last byte of
	// the answer, from 100 ms to MaxTimeout. An endpoint may have its own.
	// Defaults to 15 s.
	Timeout time.Duration

	// RateLimit bounds how often each endpoint is sent to, over all processes.
	// An endpoint may have its own. What is over the limit waits in the Store and
	// uses up no attempt. Pings are not counted.
	// Defaults to no bound.
	RateLimit store.RateLimit

	// IDHeader, if set, is a header that carries the event's id, for schemes
	// that send none themselves: the same in every attempt, so that receivers
	// can tell duplicates.
	IDHeader string

	// TypeHeader, if set, is a header that carries the event's type.
	TypeHeader string
}

const (
	minTimeout = 100 * time.Millisecond
	// MaxTimeout is the longest timeout that a profile or endpoint may have.
	MaxTimeout = 60 * time.Second

	maxConcurrency = 100_000
)

// withDefaults returns a copy in which no field is zero that has a default.
func (c Config) withDefaults() Config {
	c.Profile = c.Profile.withDefaults()
	c.Profiles = maps.Clone(c.Profiles)
	for name, p := range c.Profiles {
		c.Profiles[name] = p.withDefaults()
	}
	c.Events = slices.Clone(c.Events) // not the bytes: a Sender uses the names alone
	c.Queue = cmp.Or(c.Queue, "outhook")
	c.Shards = cmp.Or(c.Shards, 4)
	c.Concurrency = cmp.Or(c.Concurrency, 64)
	c.SlowConcurrency = cmp.Or(c.SlowConcurrency, min(8*c.Concurrency, maxConcurrency))
	c.EndpointConcurrency = cmp.Or(c.EndpointConcurrency, (c.Concurrency+1)/2)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, c.longestTimeout()+5*time.Second)
	c.SweepInterval = cmp.Or(c.SweepInterval, 5*time.Second)
	c.MaxHops = cmp.Or(c.MaxHops, 8)
	c.MaxEndpoints = cmp.Or(c.MaxEndpoints, 1000)
	c.MaxPayload = cmp.Or(c.MaxPayload, 1<<20)
	c.MaxResponseBody = cmp.Or(c.MaxResponseBody, 16<<10)
	c.MaxRetryAfter = cmp.Or(c.MaxRetryAfter, time.Hour)
	c.DisableAfter = cmp.Or(c.DisableAfter, 5*24*time.Hour)
	c.DisableAfterDeliveries = cmp.Or(c.DisableAfterDeliveries, 10)
	c.UserAgent = cmp.Or(c.UserAgent, "Outhook/"+Version)
	c.Hooks = slices.Clone(c.Hooks)
	c.guard = c.newGuard()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// SignsWithOld reports whether requests also carry a signature by an endpoint's old
// secrets while they live, so that its receiver has time to change over after
// [RotateSecret]: what signing.SignsWithOld says of the profile's scheme.
func (p Profile) SignsWithOld() bool { return signing.SignsWithOld(p.Signing) }

func (p Profile) withDefaults() Profile {
	if p.Signing == nil {
		p.Signing = signing.StandardWebhooks()
	}
	if p.Retry == nil {
		p.Retry = retry.StandardWebhooks()
	}
	if p.Judge == nil {
		p.Judge = retry.DefaultJudge
	}
	p.Timeout = cmp.Or(p.Timeout, 15*time.Second)
	return p
}

func (c Config) longestTimeout() time.Duration {
	longest := c.Profile.Timeout
	for _, p := range c.Profiles {
		longest = max(longest, p.Timeout)
	}
	return longest
}

// validate reports every fault at once. c has its defaults.
func (c Config) validate() error {
	var f faults
	if isNil(c.Store) {
		f.add("Config.Store", "is nil", "a store.Store, such as memstore.New()")
	}
	if isNil(c.Redis) {
		f.add("Config.Redis", "is nil", "a redis.UniversalClient, such as redis.NewClient(…)")
	}
	c.validateEvents(&f)
	f.check(validName(c.Queue, 64), "Config.Queue", fmt.Sprintf("%q", c.Queue), nameBound(64))
	f.check(within(c.Shards, 1, 64), "Config.Shards", c.Shards, "1 to 64")
	f.check(within(c.Concurrency, 1, maxConcurrency), "Config.Concurrency", c.Concurrency, "1 to 100000")
	f.check(within(c.SlowConcurrency, 1, maxConcurrency), "Config.SlowConcurrency", c.SlowConcurrency, "1 to 100000")
	f.check(within(c.EndpointConcurrency, 1, c.Concurrency), "Config.EndpointConcurrency", c.EndpointConcurrency,
		fmt.Sprintf("1 to %d (Config.Concurrency)", c.Concurrency))
	f.check(c.ShutdownTimeout > 0, "Config.ShutdownTimeout", c.ShutdownTimeout, "more than 0")
	f.check(within(c.SweepInterval, time.Second, time.Hour), "Config.SweepInterval", c.SweepInterval, "1s to 1h")
	c.checkRetention(&f, "Config.Retention", c.Retention)
	c.checkRetention(&f, "Config.BodyRetention", c.BodyRetention)
	f.check(within(c.MaxHops, 1, 100), "Config.MaxHops", c.MaxHops, "1 to 100")
	f.check(within(c.MaxEndpoints, 1, 1_000_000) || c.MaxEndpoints == -1, "Config.MaxEndpoints", c.MaxEndpoints, "1 to 1000000, or -1")
	f.check(c.MaxPending >= 0, "Config.MaxPending", c.MaxPending, "0 or more")
	f.check(within(c.MaxPayload, 1, 16<<20), "Config.MaxPayload", c.MaxPayload, "1 to 16777216 bytes")
	f.check(within(c.MaxResponseBody, -1, 1<<20), "Config.MaxResponseBody", c.MaxResponseBody, "-1 to 1048576 bytes")
	f.check(c.MaxRetryAfter > 0 || c.MaxRetryAfter == -1, "Config.MaxRetryAfter", c.MaxRetryAfter, "more than 0, or -1")
	f.check(c.DisableAfter >= time.Minute || c.DisableAfter == -1, "Config.DisableAfter", c.DisableAfter, "at least 1m, or -1")
	f.check(within(c.DisableAfterDeliveries, 1, 1000), "Config.DisableAfterDeliveries", c.DisableAfterDeliveries, "1 to 1000")
	f.check(validHeaderValue(c.UserAgent), "Config.UserAgent", fmt.Sprintf("%q", c.UserAgent), headerValueBound)
	c.validateGuard(&f)
	for i, hook := range c.Hooks {
		if !implementsHook(hook) {
			f.add(fmt.Sprintf("Config.Hooks[%d]", i), fmt.Sprintf("has the type %T, without a method of a hook", hook),
				"an implementation of at least one of the sender.Hook… interfaces")
		}
	}
	c.Profile.validate(&f, "Config.Profile")
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		field := fmt.Sprintf("Config.Profiles[%s]", name)
		f.check(validName(name, 64), field, "a name that is not allowed", nameBound(64))
		c.Profiles[name].validate(&f, field)
	}
	return f.err()
}

func (c Config) checkRetention(f *faults, field string, value time.Duration) {
	if value == 0 {
		return
	}
	f.check(value >= time.Hour, field, value, "0, or at least 1h")
	if _, ok := store.As[store.Purger](c.Store); !ok && !isNil(c.Store) {
		f.add(field, fmt.Sprintf("is %s, and the %T in Config.Store removes nothing", value, c.Store), "0, or the Store a store.Purger")
	}
}

// isNil sees a nil pointer in an interface, too: a store that could not be
// opened, and whose error was not looked at.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	return v == nil || value.Kind() == reflect.Pointer && value.IsNil()
}

func (p Profile) validate(f *faults, field string) {
	if err := signing.Validate(p.Signing); err != nil {
		f.add(field+".Signing", fmt.Sprintf("is faulty (%v)", err), "a valid scheme")
	}
	if err := retry.Validate(p.Retry); err != nil {
		f.add(field+".Retry", fmt.Sprintf("is faulty (%v)", err), "a valid policy")
	}
	f.check(within(p.Timeout, minTimeout, MaxTimeout), field+".Timeout", p.Timeout, "100ms to 1m0s")
	validateRate(f, field+".RateLimit", p.RateLimit)
	p.validateHeader(f, field+".IDHeader", p.IDHeader)
	p.validateHeader(f, field+".TypeHeader", p.TypeHeader)
	if p.IDHeader != "" && http.CanonicalHeaderKey(p.IDHeader) == http.CanonicalHeaderKey(p.TypeHeader) {
		f.add(field+".TypeHeader", fmt.Sprintf("is %q, as is IDHeader", p.TypeHeader), "another name")
	}
}

func (p Profile) validateHeader(f *faults, field, name string) {
	switch {
	case name == "":
	case !validHeaderName(name):
		f.add(field, fmt.Sprintf("is %q", name), headerNameBound)
	case protocolHeader(name) || schemeHeader(p.Signing, name):
		f.add(field, fmt.Sprintf("is %q, which is set otherwise", name), "another name")
	}
}

// profile returns the profile that serves e, and whether there is one.
func (c Config) profile(e store.Endpoint) (Profile, bool) {
	if e.Profile == "" {
		return c.Profile, true
	}
	p, ok := c.Profiles[e.Profile]
	return p, ok
}

// rateLimit returns the limit that holds for e.
func (c Config) rateLimit(e store.Endpoint) store.RateLimit {
	if e.RateLimit.PerSecond > 0 {
		return e.RateLimit
	}
	p, _ := c.profile(e)
	return p.RateLimit
}

func validateRate(f *faults, field string, r store.RateLimit) {
	f.check(r.PerSecond == 0 || within(r.PerSecond, 0.001, 100_000), field+".PerSecond", r.PerSecond, "0, or 0.001 to 100000")
	f.check(within(r.Burst, 0, 100_000), field+".Burst", r.Burst, "0 to 100000")
}

func within[T cmp.Ordered](value, low, high T) bool { return low <= value && value <= high }
