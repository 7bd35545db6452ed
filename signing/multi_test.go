package signing_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/outhook/outhook/signing"
)

var hexSecret = strings.Repeat("0123456789abcdef", 4)

func TestMultiSharesOneSecret(t *testing.T) {
	t.Parallel()
	s := signing.Multi(signing.StandardWebhooks(), signing.SHA256("x-legacy"))
	if err := signing.Validate(s); err != nil {
		t.Fatal(err)
	}
	h := mustSign(t, s, vectorMessage(), vectorSecret)
	want := http.Header{
		"Webhook-Id":        {vectorID},
		"Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {vectorV1},
		"X-Legacy":          {"sha256=80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c"}, // Python's hmac module
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("Sign = %v\nwant   %v", h, want)
	}
	if got, want := s.HeaderNames(), []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "X-Legacy"}; !slices.Equal(got, want) {
		t.Errorf("HeaderNames = %q, want %q", got, want)
	}
}

func TestMultiGivesEachSchemeItsSecrets(t *testing.T) {
	t.Parallel()
	s := signing.Multi(signing.StandardWebhooks(), signing.SHA256(githubHeader))
	m := vectorMessage()
	m.Payload = []byte(githubPayload)
	h := mustSign(t, s, m, vectorSecretKey, githubSecret)
	if got := h.Get(githubHeader); got != githubSignature {
		t.Errorf("%s = %q, want %q", githubHeader, got, githubSignature)
	}
	if got := h.Get("webhook-signature"); !strings.HasPrefix(got, "v1a,") || strings.Contains(got, " ") {
		t.Errorf("webhook-signature = %q, want one v1a signature", got)
	}
	if err := signing.Verify(s, h, m.Payload, []string{vectorPublicKey, githubSecret}, anyTime); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

func TestMultiNeedsASecretForEachScheme(t *testing.T) {
	t.Parallel()
	s := signing.Multi(signing.StandardWebhooks(), signing.SHA256("X-Legacy"))
	for name, tt := range map[string]struct {
		secret, lacking string
	}{
		"no secret for SHA256":           {vectorSecretKey, "SHA256(X-Legacy)"},
		"no secret for StandardWebhooks": {githubSecret, "StandardWebhooks(webhook-)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := s.CheckSecret(tt.secret); err != nil {
				t.Errorf("CheckSecret: %v", err)
			}
			err := signing.CheckSecrets(s, []string{tt.secret})
			if !errors.Is(err, signing.ErrNoSecret) || !strings.Contains(err.Error(), tt.lacking) {
				t.Errorf("CheckSecrets: %v, want ErrNoSecret of %s", err, tt.lacking)
			}
			_, err = s.Sign(t.Context(), vectorMessage(), []string{tt.secret})
			if !errors.Is(err, signing.ErrNoSecret) || !strings.Contains(err.Error(), tt.lacking) {
				t.Errorf("Sign: %v, want ErrNoSecret of %s", err, tt.lacking)
			}
		})
	}
	if err := signing.CheckSecrets(s, []string{vectorSecretKey, hexSecret}); err != nil {
		t.Errorf("CheckSecrets of a list that serves both: %v", err)
	}
	err := s.CheckSecret(vectorPublicKey)
	checkReason(t, err, "public key")
	if !strings.Contains(err.Error(), "StandardWebhooks") || !strings.Contains(err.Error(), "SHA256") {
		t.Errorf("CheckSecret: %v, want the reasons of both", err)
	}
}

func TestMultiVerifyRequiresEveryScheme(t *testing.T) {
	t.Parallel()
	s := signing.Multi(signing.StandardWebhooks(), signing.SHA256("X-Legacy"))
	for _, name := range []string{"Webhook-Signature", "X-Legacy"} {
		h := mustSign(t, s, vectorMessage(), vectorSecret)
		h.Del(name)
		if err := signing.Verify(s, h, []byte(vectorPayload), []string{vectorSecret}, anyTime); !errors.Is(err, signing.ErrMissingHeader) {
			t.Errorf("without %s: %v, want ErrMissingHeader", name, err)
		}
	}
	custom := signing.Multi(signing.StandardWebhooks(), bare{})
	if err := signing.Verify(custom, signatureHeader(vectorV1), []byte(vectorPayload), []string{vectorSecret}, anyTime); !errors.Is(err, signing.ErrNoVerifier) {
		t.Errorf("a scheme that cannot verify: %v, want ErrNoVerifier", err)
	}
}

func TestMultiFaulty(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scheme signing.Scheme
		want   []string
	}{
		"nothing":     {signing.Multi(), []string{"without a scheme"}},
		"nil":         {signing.Multi(signing.StandardWebhooks(), nil), []string{"scheme 2", "nil"}},
		"faulty":      {signing.Multi(signing.SHA256(""), nil), []string{"scheme 1", "scheme 2"}},
		"same header": {signing.Multi(signing.SHA256("X-A"), signing.SHA256("x-a")), []string{"SHA256(X-A) and SHA256(x-a)", "header X-A"}},
		"nested": {
			signing.Multi(signing.StandardWebhooks(), signing.Multi(signing.SHA256("X-A"), signing.StandardWebhooks())),
			[]string{"StandardWebhooks(webhook-) and Multi(SHA256(X-A), StandardWebhooks(webhook-))", "Webhook-Id"},
		},
		"custom": {signing.Multi(bare{names: []string{"x-a"}}, signing.SHA256("X-A")), []string{"signing_test.bare and SHA256(X-A)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := signing.Validate(tt.scheme)
			for _, text := range tt.want {
				if want == nil || !strings.Contains(want.Error(), text) {
					t.Errorf("Validate = %v, want %q in it", want, text)
				}
			}
			_, signErr := tt.scheme.Sign(t.Context(), vectorMessage(), []string{vectorSecret})
			_, newErr := tt.scheme.NewSecret()
			checker, ok := tt.scheme.(signing.SecretsChecker)
			if !ok {
				t.Fatal("Multi is no SecretsChecker")
			}
			for method, err := range map[string]error{
				"Sign":         signErr,
				"NewSecret":    newErr,
				"CheckSecret":  tt.scheme.CheckSecret(vectorSecret),
				"CheckSecrets": checker.CheckSecrets([]string{vectorSecret}),
				"Verify":       signing.Verify(tt.scheme, nil, nil, []string{vectorSecret}, anyTime),
			} {
				if !errors.Is(err, want) {
					t.Errorf("%s: %v, want what Validate says", method, err)
				}
			}
			if names := tt.scheme.HeaderNames(); names != nil {
				t.Errorf("HeaderNames = %q, want none", names)
			}
		})
	}
}

func TestMultiCustomScheme(t *testing.T) {
	t.Parallel()
	failure := errors.New("the KMS is away")
	for name, tt := range map[string]struct {
		sign func([]string) (http.Header, error)
		want string
	}{
		"fails":             {func([]string) (http.Header, error) { return nil, failure }, "signing_test.bare: the KMS is away"},
		"sets what it hid":  {func([]string) (http.Header, error) { return http.Header{"webhook-id": {"x"}}, nil }, "Webhook-Id is already set"},
		"sets what it told": {func(s []string) (http.Header, error) { return http.Header{"x-custom": {s[0]}}, nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signing.Multi(signing.StandardWebhooks(), bare{names: []string{"X-Custom"}, sign: tt.sign})
			h, err := s.Sign(t.Context(), vectorMessage(), []string{vectorSecret})
			if tt.want == "" {
				if err != nil || h.Get("X-Custom") != vectorSecret {
					t.Errorf("Sign = %v, %v", h, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Sign: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMultiChecksSecretsOfItsSchemes(t *testing.T) {
	t.Parallel()
	inner := signing.Multi(signing.SHA256("X-A"), signing.StandardWebhooks())
	s := signing.Multi(inner, bare{names: []string{"X-B"}})
	err := signing.CheckSecrets(s, []string{githubSecret})
	if !errors.Is(err, signing.ErrNoSecret) || !strings.Contains(err.Error(), "StandardWebhooks(webhook-)") {
		t.Errorf("CheckSecrets: %v, want ErrNoSecret of the inner StandardWebhooks", err)
	}
}

func TestSignsWithOld(t *testing.T) {
	t.Parallel()
	one := signing.SHA256("X-Signature")
	for name, tt := range map[string]struct {
		scheme signing.Scheme
		want   bool
	}{
		"Standard Webhooks":   {signing.StandardWebhooks(), true},
		"SHA256":              {one, false},
		"with PreviousHeader": {signing.SHA256("X-Signature", signing.PreviousHeader("X-Signature-Previous")), true},
		"Multi":               {signing.Multi(one, signing.StandardWebhooks()), true},
		"Multi of one":        {signing.Multi(one), false},
		"nil":                 {nil, true}, // a profile's default
	} {
		if got := signing.SignsWithOld(tt.scheme); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
