package sender_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// goodConfig is the smallest Config. Nothing in these tests contacts Redis.
func goodConfig(t *testing.T) sender.Config {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	return sender.Config{Store: memstore.New(), Redis: client}
}

func TestConfigDefaultsAreGood(t *testing.T) {
	t.Parallel()
	if _, err := sender.New(goodConfig(t)); err != nil {
		t.Error(err)
	}
}

func TestConfigFaultsNameFieldAndBound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(c *sender.Config)
		want   string
	}{
		"Store":         {func(c *sender.Config) { c.Store = nil }, "Config.Store is nil, must be a store.Store"},
		"Redis":         {func(c *sender.Config) { c.Redis = nil }, "Config.Redis is nil, must be a redis.UniversalClient"},
		"nil Store":     {func(c *sender.Config) { c.Store = (*memstore.Store)(nil) }, "Config.Store is nil"},
		"nil Redis":     {func(c *sender.Config) { c.Redis = (*redis.Client)(nil) }, "Config.Redis is nil"},
		"Queue":         {func(c *sender.Config) { c.Queue = "a b" }, `Config.Queue is "a b", must be 1 to 64 letters`},
		"Shards":        {func(c *sender.Config) { c.Shards = 65 }, "Config.Shards is 65, must be 1 to 64"},
		"Concurrency":   {func(c *sender.Config) { c.Concurrency = -1 }, "Config.Concurrency is -1, must be 1 to 100000"},
		"Shutdown":      {func(c *sender.Config) { c.ShutdownTimeout = -1 }, "Config.ShutdownTimeout is -1ns, must be more than 0"},
		"Sweep":         {func(c *sender.Config) { c.SweepInterval = time.Millisecond }, "Config.SweepInterval is 1ms, must be 1s to 1h"},
		"Retention":     {func(c *sender.Config) { c.Retention = time.Second }, "Config.Retention is 1s, must be 0, or at least 1h"},
		"BodyRetention": {func(c *sender.Config) { c.BodyRetention = -1 }, "Config.BodyRetention is -1ns, must be 0, or at least 1h"},
		"no Purger": {func(c *sender.Config) {
			c.Store, c.Retention = struct{ store.Store }{c.Store}, time.Hour
		}, "Config.Retention is 1h0m0s, and the struct { store.Store } in Config.Store removes nothing"},
		"MaxPayload":    {func(c *sender.Config) { c.MaxPayload = 1 << 30 }, "Config.MaxPayload is 1073741824, must be 1 to 16777216 bytes"},
		"MaxResponse":   {func(c *sender.Config) { c.MaxResponseBody = -2 }, "Config.MaxResponseBody is -2, must be -1 to 1048576"},
		"MaxRetryAfter": {func(c *sender.Config) { c.MaxRetryAfter = -2 }, "Config.MaxRetryAfter is -2ns, must be more than 0, or -1"},
		"DisableAfter":  {func(c *sender.Config) { c.DisableAfter = time.Second }, "Config.DisableAfter is 1s, must be at least 1m, or -1"},
		"DisableAfterDeliveries": {func(c *sender.Config) {
			c.DisableAfterDeliveries = -1
		}, "Config.DisableAfterDeliveries is -1, must be 1 to 1000"},
		"UserAgent":      {func(c *sender.Config) { c.UserAgent = "a\nb" }, `Config.UserAgent is "a\nb", must be`},
		"hook":           {func(c *sender.Config) { c.Hooks = []sender.Hook{nil} }, "Config.Hooks[0] has the type <nil>, without a method of a hook"},
		"other hook":     {func(c *sender.Config) { c.Hooks = []sender.Hook{t} }, "Config.Hooks[0] has the type *testing.T"},
		"signing":        {func(c *sender.Config) { c.Profile.Signing = signing.SHA256("a b") }, "Config.Profile.Signing is faulty"},
		"retry":          {func(c *sender.Config) { c.Profile.Retry = retry.Schedule{} }, "Config.Profile.Retry is faulty"},
		"timeout":        {func(c *sender.Config) { c.Profile.Timeout = time.Hour }, "Config.Profile.Timeout is 1h0m0s, must be 100ms to 1m0s"},
		"IDHeader":       {func(c *sender.Config) { c.Profile.IDHeader = "a b" }, `Config.Profile.IDHeader is "a b", must be a header name`},
		"IDHeader taken": {func(c *sender.Config) { c.Profile.IDHeader = "webhook-id" }, "which is set otherwise"},
		"TypeHeader":     {func(c *sender.Config) { c.Profile.TypeHeader = "host" }, "Config.Profile.TypeHeader"},
		"same header": {func(c *sender.Config) {
			c.Profile.IDHeader, c.Profile.TypeHeader = "X-A", "x-a"
		}, `Config.Profile.TypeHeader is "x-a", as is IDHeader`},
		"profile name": {func(c *sender.Config) { c.Profiles = map[string]sender.Profile{"": {}} }, "Config.Profiles[]"},
		"profile": {func(c *sender.Config) {
			c.Profiles = map[string]sender.Profile{"x": {Timeout: -1}}
		}, "Config.Profiles[x].Timeout is -1ns"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := goodConfig(t)
			test.change(&cfg)
			_, err := sender.New(cfg)
			var field *sender.FieldError
			if !errors.As(err, &field) || !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New = %v, want a FieldError with %q", err, test.want)
			}
		})
	}
}

func TestConfigReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := sender.New(sender.Config{Shards: -1, Profile: sender.Profile{Timeout: -1}})
	for _, field := range []string{"Config.Store", "Config.Redis", "Config.Shards", "Config.Profile.Timeout"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not in the error: %v", field, err)
		}
	}
}

func TestPutEndpointMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	ctx := t.Context()
	given := store.Endpoint{Tenant: tenant, URL: "https://example.com/in"}
	e, err := sender.PutEndpoint(ctx, cfg, given)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(e.ID, "ep_") || len(e.Secrets) != 1 || e.Version != 1 || e.CreatedAt.IsZero() || given.Secrets != nil {
		t.Errorf("endpoint = %+v", e)
	}
	if err := signing.StandardWebhooks().CheckSecret(e.Secrets[0].Value); err != nil {
		t.Errorf("the secret made is not usable: %v", err)
	}
	stale := e
	e.Disabled, e.DisabledReason = true, "by the customer"
	if e, err = sender.PutEndpoint(ctx, cfg, e); err != nil || e.DisabledAt.IsZero() || e.Version != 2 {
		t.Errorf("disabled: %+v, %v", e, err)
	}
	if _, err := sender.PutEndpoint(ctx, cfg, stale); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale write = %v, want ErrConflict", err)
	}
	e.Disabled = false
	if e, err = sender.PutEndpoint(ctx, cfg, e); err != nil || !e.DisabledAt.IsZero() || e.DisabledReason != "" {
		t.Errorf("enabled: %+v, %v", e, err)
	}
	again := given
	again.ID = e.ID
	if _, err := sender.PutEndpoint(ctx, cfg, again); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second endpoint of that ID = %v, want ErrExists", err)
	}
	if _, err := sender.PutEndpoint(ctx, sender.Config{}, given); !errors.Is(err, sender.ErrInvalid) {
		t.Errorf("without a Config = %v, want ErrInvalid", err)
	}
}

func TestEndpointFaultsNameFieldAndBound(t *testing.T) {
	t.Parallel()
	many := http.Header{}
	for i := range 51 {
		many.Set(fmt.Sprintf("X-%d", i), "1")
	}
	header := func(name, value string) func(*store.Endpoint) {
		return func(e *store.Endpoint) { e.Headers = http.Header{name: {value}} }
	}
	url := func(url string) func(*store.Endpoint) {
		return func(e *store.Endpoint) { e.URL = url }
	}
	secret := func(value string) func(*store.Endpoint) {
		return func(e *store.Endpoint) { e.Secrets = []store.Secret{{Value: value}} }
	}
	tests := map[string]struct {
		change func(e *store.Endpoint)
		want   string
	}{
		"id":                     {func(e *store.Endpoint) { e.ID = "a.b" }, `Endpoint.ID is "a.b", must be`},
		"tenant":                 {func(e *store.Endpoint) { e.Tenant = "" }, `Endpoint.Tenant is "", must be`},
		"no URL":                 {url(""), "Endpoint.URL is 0 bytes, must be 1 to 2048"},
		"long URL":               {url("https://example.com/" + strings.Repeat("x", 2048)), "must be 1 to 2048"},
		"no scheme":              {url("example.com"), "Endpoint.URL cannot be parsed, must be an absolute https URL"},
		"unparsable":             {url("https://exa mple.com"), "Endpoint.URL cannot be parsed"},
		"no host":                {url("https:///in"), "Endpoint.URL cannot be parsed"},
		"http":                   {url("http://example.com"), `has the scheme "http", must be an https URL`},
		"ftp":                    {url("ftp://example.com"), `has the scheme "ftp"`},
		"user":                   {url("https://me:hunter2@example.com"), "has a user name"},
		"fragment":               {url("https://example.com/#x"), "has a fragment"},
		"localhost":              {url("https://LocalHost./x"), "names this machine or a private network"},
		"sub of localhost":       {url("https://a.localhost/x"), "names this machine"},
		"loopback":               {url("https://127.0.0.1/x"), "names this machine"},
		"loopback v6":            {url("https://[::1]:8443/x"), "names this machine"},
		"mapped loopback":        {url("https://[::ffff:127.0.0.1]/x"), "names this machine"},
		"private":                {url("https://10.1.2.3/x"), "names this machine or a private network"},
		"metadata":               {url("https://169.254.169.254/x"), "names this machine or a private network"},
		"unspecified":            {url("https://0.0.0.0/x"), "names this machine"},
		"description":            {func(e *store.Endpoint) { e.Description = strings.Repeat("x", 1025) }, "Endpoint.Description is 1025 bytes"},
		"description of garbage": {func(e *store.Endpoint) { e.Description = "\xff" }, "Endpoint.Description is 1 bytes, must be at most 1024 bytes of UTF-8"},
		"reason with NUL":        {func(e *store.Endpoint) { e.Disabled, e.DisabledReason = true, "\x00" }, "Endpoint.DisabledReason"},
		"URL of garbage":         {url("https://example.com/\xff"), "Endpoint.URL is 21 bytes, must be 1 to 2048 bytes of UTF-8"},
		"value of garbage":       {header("X-A", "\xff"), "Endpoint.Headers[X-A]"},
		"many types":             {func(e *store.Endpoint) { e.EventTypes = make([]string, 101) }, "Endpoint.EventTypes is 101 patterns, must be at most 100"},
		"pattern":                {func(e *store.Endpoint) { e.EventTypes = []string{"a", "a*"} }, `Endpoint.EventTypes[1] is "a*"`},
		"inner star":             {func(e *store.Endpoint) { e.EventTypes = []string{"a.*.b"} }, "Endpoint.EventTypes[0]"},
		"timeout":                {func(e *store.Endpoint) { e.Timeout = time.Hour }, "Endpoint.Timeout is 1h0m0s, must be 0 for the profile's, or 100ms to 1m0s"},
		"negative timeout":       {func(e *store.Endpoint) { e.Timeout = -1 }, "Endpoint.Timeout"},
		"profile":                {func(e *store.Endpoint) { e.Profile = "x" }, `Endpoint.Profile is "x", must be empty, or the name of a profile in Config.Profiles`},
		"empty secret":           {secret(""), "Endpoint.Secrets[0] is not usable"},
		"bare prefix":            {secret("whsec_"), "Endpoint.Secrets[0]"},
		"short secret":           {secret("whsec_aHVudGVyMg=="), "Endpoint.Secrets[0]"},
		"unparsable secret":      {secret("whsec_%%%hunter2%%%"), "Endpoint.Secrets[0]"},
		"many secrets":           {func(e *store.Endpoint) { e.Secrets = make([]store.Secret, 11) }, "Endpoint.Secrets is 11 secrets, must be 1 to 10"},
		"many headers":           {func(e *store.Endpoint) { e.Headers = many }, "Endpoint.Headers is 51 headers, must be at most 50"},
		"large headers": {func(e *store.Endpoint) {
			e.Headers = http.Header{"X-A": {strings.Repeat("x", 4096)}, "X-B": {strings.Repeat("x", 4096)}, "X-C": {strings.Repeat("x", 4096)}, "X-D": {strings.Repeat("x", 4085)}}
		}, "Endpoint.Headers is 16385 bytes of names and values, must be at most 16384"},
		"header name":          {header("a b", "x"), "Endpoint.Headers[a b] is no header name"},
		"long header name":     {header(strings.Repeat("x", 257), "x"), "is no header name, must be a header name of at most 256 characters"},
		"header name of lines": {header("a\nb", "x"), "Endpoint.Headers[a b] is no header name"},
		"header with '_'":      {header("webhook_signature", "x"), "Endpoint.Headers[webhook_signature] is reserved"},
		"header injection":     {header("X-A", "x\r\nHost: y"), "Endpoint.Headers[X-A] has a value that cannot be sent"},
		"empty value":          {header("X-A", ""), "Endpoint.Headers[X-A]"},
		"long value":           {header("X-A", strings.Repeat("x", 4097)), "Endpoint.Headers[X-A]"},
		"Host":                 {header("host", "x"), "Endpoint.Headers[host] is reserved"},
		"Content-Length":       {header("Content-Length", "1"), "is reserved"},
		"Transfer-Encoding":    {header("transfer-encoding", "chunked"), "is reserved"},
		"signature":            {header("webhook-signature", "v1,x"), "is reserved"},
		"timestamp":            {header("WEBHOOK-TIMESTAMP", "1"), "is reserved"},
		"other product's":      {header("svix-id", "x"), "is reserved"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := goodConfig(t)
			e := store.Endpoint{ID: "ep_1", Tenant: tenant, URL: "https://example.com/in"}
			test.change(&e)
			_, err := sender.PutEndpoint(t.Context(), cfg, e)
			var field *sender.FieldError
			if !errors.As(err, &field) || !errors.Is(err, sender.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("PutEndpoint = %v, want a FieldError with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
			if _, err := cfg.Store.GetEndpoint(t.Context(), tenant, "ep_1"); !errors.Is(err, store.ErrNotFound) {
				t.Error("something was written")
			}
		})
	}
}

func TestEndpointReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := sender.PutEndpoint(t.Context(), goodConfig(t), store.Endpoint{
		ID: ".", Profile: "x", URL: "http://me@127.0.0.1:0/#x", Timeout: -1,
		Headers: http.Header{"a b": {"x"}, "Host": {"x"}, "X": {"\r\n"}},
	})
	for _, want := range []string{
		"Endpoint.ID", "Endpoint.Tenant", "scheme", "user name", "fragment", "port 0", "private network", "Endpoint.Timeout",
		"Endpoint.Profile", "Headers[a b]", "Headers[Host]", "Headers[X]",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestEndpointHeadersOfTheProfileAreReserved(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	cfg.Profile = sender.Profile{Signing: signing.SHA256("X-Jasper-Signature"), IDHeader: "X-Event", TypeHeader: "X-Type"}
	for _, name := range []string{"x-jasper-signature", "X-EVENT", "x-type"} {
		_, err := sender.PutEndpoint(t.Context(), cfg, store.Endpoint{
			Tenant: tenant, URL: "https://example.com", Headers: http.Header{name: {"x"}},
		})
		if !errors.Is(err, sender.ErrInvalid) {
			t.Errorf("%s: PutEndpoint = %v, want ErrInvalid", name, err)
		}
	}
}

func TestGoodEndpointsAreAccepted(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	for _, e := range []store.Endpoint{
		{URL: "https://example.com:443/a/b?token=x", EventTypes: []string{"*", "a", "a.b-c", "a.b.*"}},
		{URL: "https://[2606:4700::1111]/", Timeout: 100 * time.Millisecond},
		{URL: "https://xn--mnchen-3ya.example/", Headers: http.Header{"Authorization": {"Bearer x"}, "X-Tab": {"a\tb"}, "X-Utf8": {"ü"}}},
		{URL: "https://8.8.8.8", Timeout: time.Minute, Description: strings.Repeat("x", 1024)},
	} {
		e.Tenant = "Ünïcode/tenant 1"
		if _, err := sender.PutEndpoint(t.Context(), cfg, e); err != nil {
			t.Errorf("PutEndpoint(%s) = %v", e.URL, err)
		}
	}
}

// onlyFailing and onlyRecovered are hooks of one method each.
type (
	onlyFailing   struct{}
	onlyRecovered struct{}
)

func (onlyFailing) EndpointFailing(context.Context, sender.EndpointFailing)       {}
func (onlyRecovered) EndpointRecovered(context.Context, sender.EndpointRecovered) {}

func TestHooksOfHealthAreHooks(t *testing.T) {
	t.Parallel()
	cfg := goodConfig(t)
	cfg.Hooks = []sender.Hook{onlyFailing{}, onlyRecovered{}}
	if _, err := sender.New(cfg); err != nil {
		t.Error(err)
	}
}
