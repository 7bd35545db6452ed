package signing_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/outhook/outhook/signing"
)

func b64(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n))) }

func TestStandardWebhooksCheckSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ secret, reason string }{
		"vector":                  {vectorSecret, ""},
		"without a prefix":        {b64(32), ""},
		"24 bytes":                {"whsec_" + b64(24), ""},
		"64 bytes":                {"whsec_" + b64(64), ""},
		"ed25519 with public key": {vectorSecretKey, ""},
		"ed25519 seed":            {"whsk_" + b64(32), ""},

		"empty":             {"", "24 to 64 bytes"},
		"prefix alone":      {"whsec_", "24 to 64 bytes"},
		"23 bytes":          {"whsec_" + b64(23), "24 to 64 bytes"},
		"65 bytes":          {"whsec_" + b64(65), "24 to 64 bytes"},
		"unpadded":          {"whsec_" + strings.TrimRight(b64(25), "="), "padded base64"},
		"URL alphabet":      {"whsec_" + strings.Repeat("-_", 16), "padded base64"},
		"line break":        {vectorSecret + "\n", "padded base64"},
		"space":             {" " + vectorSecret, "padded base64"},
		"stray bits":        {"whsec_" + strings.Repeat("A", 41) + "B==", "padded base64"},
		"prefix twice":      {"whsec_" + vectorSecret, "padded base64"},
		"version in front":  {"v1," + vectorSecret, "padded base64"}, // Supabase's spelling, standard-webhooks issue 235
		"public key":        {vectorPublicKey, "needs the secret key"},
		"secret key, 31":    {"whsk_" + b64(31), "32 or 64 bytes"},
		"secret key, none":  {"whsk_", "32 or 64 bytes"},
		"secret key, pairs": {"whsk_" + b64(64), "public half does not belong"},
		"secret key, text":  {"whsk_%", "padded base64"},
		// Svix's own example of a faulty key (core/types/mod.rs).
		"secret key, svix": {"whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlaaaaaaaaaaAJ6p9lMicMFs6Kvg==", "public half does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkReason(t, signing.StandardWebhooks().CheckSecret(tt.secret), tt.reason)
		})
	}
}

// checkReason wants a *SecretError with a part of its reason, or no error for an empty reason.
func checkReason(t *testing.T, err error, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var refused *signing.SecretError
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, reason) {
		t.Errorf("error %v, want a SecretError that says %q", err, reason)
	}
}

func TestNewSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scheme signing.Scheme
		prefix string
		length int
	}{
		"StandardWebhooks": {signing.StandardWebhooks(), "whsec_", 6 + 44},
		"Asymmetric":       {signing.StandardWebhooks(signing.Asymmetric()), "whsk_", 5 + 88},
		"SHA256":           {signing.SHA256("X-Signature"), "", 64},
		"Multi":            {signing.Multi(signing.StandardWebhooks(), signing.SHA256("X-Signature")), "whsec_", 6 + 44},
		"Multi, SHA256":    {signing.Multi(signing.SHA256("X-Signature"), signing.StandardWebhooks()), "", 64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := mustNewSecret(t, tt.scheme)
			if !strings.HasPrefix(secret, tt.prefix) || len(secret) != tt.length {
				t.Errorf("NewSecret has %d characters, want %q and %d characters in all", len(secret), tt.prefix, tt.length)
			}
			if secret == mustNewSecret(t, tt.scheme) {
				t.Error("NewSecret returned the same secret twice")
			}
			if err := signing.CheckSecrets(tt.scheme, []string{secret}); err != nil {
				t.Errorf("CheckSecrets: %v", err)
			}
			h := mustSign(t, tt.scheme, vectorMessage(), secret)
			if err := signing.Verify(tt.scheme, h, []byte(vectorPayload), []string{secret}, anyTime); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	wh := func(prefix, keyHex string) string {
		raw, err := hex.DecodeString(keyHex)
		if err != nil {
			t.Fatal(err)
		}
		return prefix + base64.StdEncoding.EncodeToString(raw)
	}
	for name, tt := range map[string]struct{ secret, public, reason string }{
		"svix": {vectorSecretKey, vectorPublicKey, ""},
		// RFC 8032, section 7.1, tests 1 to 3: secret key (a seed) and public key.
		"RFC 8032 test 1": {
			wh("whsk_", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
			wh("whpk_", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), "",
		},
		"RFC 8032 test 2": {
			wh("whsk_", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
			wh("whpk_", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"), "",
		},
		"RFC 8032 test 3": {
			wh("whsk_", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
			wh("whpk_", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"), "",
		},
		"symmetric":  {vectorSecret, "", "no whsk_ prefix"},
		"public key": {vectorPublicKey, "", "no whsk_ prefix"},
		"broken":     {"whsk_" + b64(30), "", "32 or 64 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public, err := signing.PublicKey(tt.secret)
			checkReason(t, err, tt.reason)
			if public != tt.public {
				t.Errorf("PublicKey = %q, want %q", public, tt.public)
			}
		})
	}
}

func TestCheckSecrets(t *testing.T) {
	t.Parallel()
	s := signing.StandardWebhooks()
	if err := signing.CheckSecrets(s, []string{vectorSecretKey, vectorSecret}); err != nil {
		t.Error(err)
	}
	if err := signing.CheckSecrets(s, nil); !errors.Is(err, signing.ErrNoSecret) {
		t.Errorf("no secrets: %v, want ErrNoSecret", err)
	}
	if err := signing.CheckSecrets(s, make([]string, signing.MaxSecrets+1)); err == nil || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("33 secrets: %v, want the bound", err)
	}
	err := signing.CheckSecrets(s, []string{vectorSecret, "x"})
	checkReason(t, err, "padded base64")
	if !strings.HasPrefix(err.Error(), "secret 2 of 2: ") {
		t.Errorf("%v, want the place of the secret", err)
	}
}
