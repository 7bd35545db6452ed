package signing_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/outhook/outhook/signing"
)

func TestStandardWebhooksVectors(t *testing.T) {
	t.Parallel()
	seedOnly := "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
	for name, tt := range map[string]struct {
		secrets []string
		want    string
	}{
		"v1":                        {[]string{vectorSecret}, vectorV1},
		"v1 without a prefix":       {[]string{strings.TrimPrefix(vectorSecret, "whsec_")}, vectorV1},
		"v1a":                       {[]string{vectorSecretKey}, vectorV1a},
		"v1a from the seed alone":   {[]string{seedOnly}, vectorV1a},
		"rotation, newest first":    {[]string{otherSecret, vectorSecret}, otherV1 + " " + vectorV1},
		"from symmetric to ed25519": {[]string{vectorSecretKey, vectorSecret}, vectorV1a + " " + vectorV1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mustSign(t, signing.StandardWebhooks(), vectorMessage(), tt.secrets...)
			want := http.Header{
				"Webhook-Id":        {vectorID},
				"Webhook-Timestamp": {"1614265330"},
				"Webhook-Signature": {tt.want},
			}
			if !reflect.DeepEqual(h, want) {
				t.Errorf("Sign = %v\nwant   %v", h, want)
			}
		})
	}
}

func TestStandardWebhooksHeaderPrefix(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scheme signing.Scheme
		names  []string
	}{
		"default": {signing.StandardWebhooks(), []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}},
		"svix": {
			signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix)),
			[]string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"},
		},
		"both": {
			signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixWebhook, signing.PrefixSvix)),
			[]string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Svix-Id", "Svix-Timestamp", "Svix-Signature"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := signing.Validate(tt.scheme); err != nil {
				t.Fatalf("Validate: %v", err)
			}
			if got := tt.scheme.HeaderNames(); !slices.Equal(got, tt.names) {
				t.Errorf("HeaderNames = %q, want %q", got, tt.names)
			}
			h := mustSign(t, tt.scheme, vectorMessage(), vectorSecret)
			if len(h) != len(tt.names) {
				t.Errorf("Sign set %v, want exactly %q", h, tt.names)
			}
			for i, want := range []string{vectorID, "1614265330", vectorV1} {
				for _, name := range []string{tt.names[i], tt.names[len(tt.names)-3+i]} {
					if got := h[name]; !slices.Equal(got, []string{want}) {
						t.Errorf("%s = %q, want %q", name, got, want)
					}
				}
			}
		})
	}
}

func TestStandardWebhooksFaultyPrefix(t *testing.T) {
	t.Parallel()
	for name, prefixes := range map[string][]string{
		"none":       {},
		"empty":      {""},
		"no dash":    {"svix"},
		"no token":   {"we b-"},
		"line break": {"svix-\r\nx-"},
		"twice":      {"svix-", "Svix-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signing.StandardWebhooks(signing.HeaderPrefix(prefixes...))
			want := signing.Validate(s)
			if want == nil {
				t.Fatal("Validate found no fault")
			}
			if _, err := s.Sign(t.Context(), vectorMessage(), []string{vectorSecret}); !errors.Is(err, want) {
				t.Errorf("Sign: %v, want %v", err, want)
			}
			if err := signing.Verify(s, http.Header{}, nil, []string{vectorSecret}, anyTime); !errors.Is(err, want) {
				t.Errorf("Verify: %v, want %v", err, want)
			}
		})
	}
}

// An option keeps no slice of the caller's.
func TestHeaderPrefixCopies(t *testing.T) {
	t.Parallel()
	prefixes := []string{signing.PrefixSvix}
	option := signing.HeaderPrefix(prefixes...)
	s := signing.StandardWebhooks(option)
	prefixes[0] = "other-"
	s.HeaderNames()[0] = "X"
	if got := s.HeaderNames()[0]; got != "Svix-Id" {
		t.Errorf("HeaderNames()[0] = %q, want Svix-Id", got)
	}
}

func TestStandardWebhooksRefusesMessage(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*signing.Message){
		"empty id":    func(m *signing.Message) { m.ID = "" },
		"full stop":   func(m *signing.Message) { m.ID = "msg_1.2" },
		"space":       func(m *signing.Message) { m.ID = "msg 1" },
		"line break":  func(m *signing.Message) { m.ID = "msg\r\nX-Evil: 1" },
		"delete":      func(m *signing.Message) { m.ID = "msg\x7f" },
		"not ASCII":   func(m *signing.Message) { m.ID = "msg_ü" },
		"long id":     func(m *signing.Message) { m.ID = strings.Repeat("x", 257) },
		"before 1970": func(m *signing.Message) { m.Timestamp = time.Unix(-1, 0) },
		"no time":     func(m *signing.Message) { m.Timestamp = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := vectorMessage()
			change(&m)
			h, err := signing.StandardWebhooks().Sign(t.Context(), m, []string{vectorSecret})
			if !errors.Is(err, signing.ErrInvalidMessage) || h != nil {
				t.Errorf("Sign = %v, %v; want ErrInvalidMessage", h, err)
			}
		})
	}
}

func TestStandardWebhooksAcceptsMessage(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]signing.Message{
		"no payload":  {ID: "evt_0198", Timestamp: time.Unix(0, 0)},
		"binary":      {ID: "!~,", Timestamp: time.Unix(1<<40, 999), Payload: []byte("\x00\xff.\r\n")},
		"longest id":  {ID: strings.Repeat("x", 256), Timestamp: time.Unix(1, 0), Payload: []byte("{}")},
		"local time":  {ID: "evt_1", Timestamp: time.Unix(1614265330, 0).In(time.FixedZone("", 3600)), Payload: []byte("{}")},
		"big payload": {ID: "evt_1", Timestamp: time.Unix(1, 0), Payload: make([]byte, 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signing.StandardWebhooks()
			h := mustSign(t, s, m, vectorSecret, vectorSecretKey)
			if err := signing.Verify(s, h, m.Payload, []string{vectorSecret}, anyTime); err != nil {
				t.Errorf("v1: %v", err)
			}
			if err := signing.Verify(s, h, m.Payload, []string{vectorPublicKey}, anyTime); err != nil {
				t.Errorf("v1a: %v", err)
			}
			officialVerifies(t, h, m.Payload, vectorSecret)
		})
	}
}

// officialVerifies asks the Standard Webhooks project's own library.
func officialVerifies(tb testing.TB, h http.Header, payload []byte, secret string) {
	tb.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		tb.Fatalf("official library: %v", err)
	}
	if err := w.VerifyIgnoringTimestamp(payload, h); err != nil {
		tb.Errorf("official library: %v", err)
	}
}

func TestStandardWebhooksOfficialLibraryVerifiesRotation(t *testing.T) {
	t.Parallel()
	s := signing.StandardWebhooks()
	newest, old := mustNewSecret(t, s), mustNewSecret(t, s)
	m := signing.Message{ID: "evt_1", Timestamp: time.Now(), Payload: []byte(`{"type":"jam.created"}`)}
	h := mustSign(t, s, m, newest, vectorSecretKey, old)
	for _, secret := range []string{newest, old} {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(m.Payload, h); err != nil {
			t.Error(err)
		}
	}
}

func TestStandardWebhooksRefusesSecrets(t *testing.T) {
	t.Parallel()
	s := signing.StandardWebhooks()

	_, err := s.Sign(t.Context(), vectorMessage(), nil)
	if !errors.Is(err, signing.ErrNoSecret) {
		t.Errorf("no secrets: %v, want ErrNoSecret", err)
	}

	// One faulty secret fails the attempt: to sign with the others would hide it until the rotation ends.
	_, err = s.Sign(t.Context(), vectorMessage(), []string{vectorSecret, vectorPublicKey})
	var refused *signing.SecretError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "secret 2 of 2") {
		t.Errorf("public key: %v, want a SecretError of secret 2 of 2", err)
	}

	many := slices.Repeat([]string{vectorSecret}, signing.MaxSecrets)
	h := mustSign(t, s, vectorMessage(), many...)
	if n := len(strings.Fields(h.Get("webhook-signature"))); n != signing.MaxSecrets {
		t.Errorf("%d signatures, want %d", n, signing.MaxSecrets)
	}
	if _, err = s.Sign(t.Context(), vectorMessage(), append(many, vectorSecret)); err == nil {
		t.Error("33 secrets: no error")
	}
}

// The longest header that Sign makes is not too long for Verify.
func TestStandardWebhooksVerifiesItsLongestHeader(t *testing.T) {
	t.Parallel()
	s := signing.StandardWebhooks()
	other, err := signing.NewAsymmetricSecret()
	if err != nil {
		t.Fatal(err)
	}
	secrets := append(slices.Repeat([]string{other}, signing.MaxSecrets-1), vectorSecretKey)
	h := mustSign(t, s, vectorMessage(), secrets...)
	if err := signing.Verify(s, h, []byte(vectorPayload), []string{vectorPublicKey}, anyTime); err != nil {
		t.Error(err)
	}
}

func TestSignLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	s := signing.Multi(signing.StandardWebhooks(), signing.SHA256("X-Signature"))
	m := vectorMessage()
	m.Payload = slices.Grow(m.Payload, 64)
	secrets := []string{vectorSecret, otherSecret}
	h := mustSign(t, s, m, secrets...)
	if string(m.Payload) != vectorPayload || !slices.Equal(secrets, []string{vectorSecret, otherSecret}) {
		t.Error("Sign changed its arguments")
	}
	m.Payload[0] = 'X'
	if got := h.Get("webhook-signature"); got != vectorV1+" "+otherV1 {
		t.Errorf("signature %q depends on the payload after Sign", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := signing.Multi(signing.StandardWebhooks(), signing.SHA256("X-Signature", signing.PreviousHeader("X-Signature-Old")))
	m := vectorMessage()
	secrets := []string{vectorSecretKey, vectorSecret, otherSecret}
	want := mustSign(t, s, m, secrets...)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				h, err := s.Sign(context.Background(), m, secrets)
				if err != nil || !reflect.DeepEqual(h, want) {
					t.Errorf("Sign = %v, %v; want %v", h, err, want)
				}
				if err := signing.Verify(s, h, m.Payload, secrets, anyTime); err != nil {
					t.Errorf("Verify: %v", err)
				}
				h.Del("Webhook-Id") // the caller's to change
				_ = s.HeaderNames()
			}
		})
	}
	wg.Wait()
}
