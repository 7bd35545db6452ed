package signing_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/signing"
)

func signatureHeader(signatures string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", vectorID)
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", signatures)
	return h
}

func TestStandardWebhooksVerify(t *testing.T) {
	t.Parallel()
	secrets := []string{vectorSecret, vectorPublicKey}
	wrong := "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	for name, tt := range map[string]struct {
		signatures string
		secrets    []string
		want       error
	}{
		"v1":                        {vectorV1, secrets, nil},
		"v1a by public key":         {vectorV1a, secrets, nil},
		"v1a by secret key":         {vectorV1a, []string{vectorSecretKey}, nil},
		"second secret":             {vectorV1, []string{otherSecret, vectorSecret}, nil},
		"among others":              {wrong + " v2,abc " + vectorV1 + " " + wrong, secrets, nil},
		"spaces":                    {"  " + wrong + "  " + vectorV1 + " ", secrets, nil},
		"32nd":                      {strings.Repeat(wrong+" ", 31) + vectorV1, secrets, nil},
		"beside an unusable secret": {vectorV1, []string{"unusable", vectorSecret}, nil},

		"33rd":              {strings.Repeat(wrong+" ", 32) + vectorV1, secrets, signing.ErrNoMatchingSignature},
		"wrong":             {wrong, secrets, signing.ErrNoMatchingSignature},
		"wrong secret":      {vectorV1, []string{otherSecret}, signing.ErrNoMatchingSignature},
		"no version":        {strings.TrimPrefix(vectorV1, "v1,"), secrets, signing.ErrNoMatchingSignature},
		"unknown version":   {"v3" + strings.TrimPrefix(vectorV1, "v1"), secrets, signing.ErrNoMatchingSignature},
		"v1 called v1a":     {"v1a" + strings.TrimPrefix(vectorV1, "v1"), secrets, signing.ErrNoMatchingSignature},
		"v1a called v1":     {"v1" + strings.TrimPrefix(vectorV1a, "v1a"), secrets, signing.ErrNoMatchingSignature},
		"v1a cut":           {vectorV1a[:40], secrets, signing.ErrNoMatchingSignature},
		"v1a no base64":     {"v1a,%%%", secrets, signing.ErrNoMatchingSignature},
		"v1a line break":    {vectorV1a + "\n", secrets, signing.ErrNoMatchingSignature},
		"partial":           {"v1,", secrets, signing.ErrNoMatchingSignature},
		"spaces alone":      {"   ", secrets, signing.ErrNoMatchingSignature},
		"empty":             {"", secrets, signing.ErrMissingHeader},
		"endless":           {strings.Repeat("x", 5000), secrets, signing.ErrMalformedHeader},
		"no secrets":        {vectorV1, nil, signing.ErrNoSecret},
		"unusable secret":   {vectorV1, []string{"unusable"}, signing.ErrNoMatchingSignature},
		"broken public key": {vectorV1a, []string{"whpk_" + b64(31)}, signing.ErrNoMatchingSignature},
		"no public key":     {vectorV1a, []string{"whpk_%"}, signing.ErrNoMatchingSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := signing.Verify(signing.StandardWebhooks(), signatureHeader(tt.signatures), []byte(vectorPayload), tt.secrets, anyTime)
			if !errors.Is(err, tt.want) {
				t.Errorf("Verify: %v, want %v", err, tt.want)
			}
		})
	}
}

// A secret that cannot be used is passed over, but named when nothing else verifies.
func TestVerifyTellsUnusableSecret(t *testing.T) {
	t.Parallel()
	err := signing.Verify(signing.StandardWebhooks(), signatureHeader(vectorV1), []byte(vectorPayload), []string{otherSecret, "unusable"}, anyTime)
	checkReason(t, err, "24 to 64 bytes")
	if err == nil || !strings.Contains(err.Error(), "secret 2 of 2") {
		t.Errorf("Verify: %v, want the place of the secret", err)
	}
}

func TestStandardWebhooksVerifyHeaders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(http.Header)
		want   error
	}{
		"no id":              {func(h http.Header) { h.Del("webhook-id") }, signing.ErrMissingHeader},
		"no timestamp":       {func(h http.Header) { h.Del("webhook-timestamp") }, signing.ErrMissingHeader},
		"no signature":       {func(h http.Header) { h.Del("webhook-signature") }, signing.ErrMissingHeader},
		"two ids":            {func(h http.Header) { h.Add("webhook-id", "msg_2") }, signing.ErrMalformedHeader},
		"two timestamps":     {func(h http.Header) { h.Add("webhook-timestamp", "1") }, signing.ErrMalformedHeader},
		"two signatures":     {func(h http.Header) { h.Add("webhook-signature", vectorV1) }, signing.ErrMalformedHeader},
		"id with full stop":  {func(h http.Header) { h.Set("webhook-id", "msg.1") }, signing.ErrMalformedHeader},
		"id too long":        {func(h http.Header) { h.Set("webhook-id", strings.Repeat("x", 257)) }, signing.ErrMalformedHeader},
		"timestamp, text":    {func(h http.Header) { h.Set("webhook-timestamp", "now") }, signing.ErrMalformedHeader},
		"timestamp, plus":    {func(h http.Header) { h.Set("webhook-timestamp", "+1614265330") }, signing.ErrMalformedHeader},
		"timestamp, zero":    {func(h http.Header) { h.Set("webhook-timestamp", "01614265330") }, signing.ErrMalformedHeader},
		"timestamp, minus":   {func(h http.Header) { h.Set("webhook-timestamp", "-1614265330") }, signing.ErrMalformedHeader},
		"timestamp, decimal": {func(h http.Header) { h.Set("webhook-timestamp", "1614265330.5") }, signing.ErrMalformedHeader},
		"timestamp, huge":    {func(h http.Header) { h.Set("webhook-timestamp", "9999999999999999999") }, signing.ErrMalformedHeader},
		"timestamp, longer":  {func(h http.Header) { h.Set("webhook-timestamp", strings.Repeat("1", 99)) }, signing.ErrMalformedHeader},
		"other timestamp":    {func(h http.Header) { h.Set("webhook-timestamp", "1614265331") }, signing.ErrNoMatchingSignature},
		"last second of all": {func(h http.Header) { h.Set("webhook-timestamp", "9223372036854775807") }, signing.ErrNoMatchingSignature},
		"other id":           {func(h http.Header) { h.Set("webhook-id", "msg_2") }, signing.ErrNoMatchingSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := signatureHeader(vectorV1)
			tt.change(h)
			err := signing.Verify(signing.StandardWebhooks(), h, []byte(vectorPayload), []string{vectorSecret}, anyTime)
			if !errors.Is(err, tt.want) {
				t.Errorf("Verify: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestVerifyTolerance(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tolerance time.Duration
		age       time.Duration
		want      error
	}{
		"now":                    {0, 0, nil},
		"5 minutes old":          {0, 5 * time.Minute, nil},
		"5 minutes ahead":        {0, -5 * time.Minute, nil},
		"older":                  {0, 5*time.Minute + 1, signing.ErrTimestamp},
		"further ahead":          {0, -5*time.Minute - 1, signing.ErrTimestamp},
		"own tolerance":          {time.Second, time.Second, nil},
		"own tolerance exceeded": {time.Second, 2 * time.Second, signing.ErrTimestamp},
		"not checked":            {-1, 1000 * time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Unix(vectorUnix, 0).Add(tt.age)
			err := signing.Verify(signing.StandardWebhooks(), signatureHeader(vectorV1), []byte(vectorPayload), []string{vectorSecret},
				signing.VerifyOptions{Tolerance: tt.tolerance, Now: func() time.Time { return now }})
			if !errors.Is(err, tt.want) {
				t.Errorf("Verify: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestVerifyDefaultsToTheClock(t *testing.T) {
	t.Parallel()
	s := signing.StandardWebhooks()
	m := vectorMessage()
	old := mustSign(t, s, m, vectorSecret)
	if err := signing.Verify(s, old, m.Payload, []string{vectorSecret}, signing.VerifyOptions{}); !errors.Is(err, signing.ErrTimestamp) {
		t.Errorf("a request of 2021: %v, want ErrTimestamp", err)
	}
	m.Timestamp = time.Now()
	fresh := mustSign(t, s, m, vectorSecret)
	if err := signing.Verify(s, fresh, m.Payload, []string{vectorSecret}, signing.VerifyOptions{}); err != nil {
		t.Errorf("a request of now: %v", err)
	}
}

// With several prefixes Verify takes the first whose headers are all there.
func TestVerifyChoosesPrefix(t *testing.T) {
	t.Parallel()
	both := signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixWebhook, signing.PrefixSvix))
	verify := func(h http.Header) error {
		return signing.Verify(both, h, []byte(vectorPayload), []string{vectorSecret}, anyTime)
	}
	svix := mustSign(t, signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix)), vectorMessage(), vectorSecret)
	if err := verify(svix); err != nil {
		t.Errorf("svix-* alone: %v", err)
	}
	for _, absent := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		h := signatureHeader(otherV1)
		h.Del(absent)
		maps.Copy(h, svix)
		if err := verify(h); err != nil {
			t.Errorf("svix-* and webhook-* without %s: %v", absent, err)
		}
	}
	if err := verify(http.Header{}); !errors.Is(err, signing.ErrMissingHeader) || !strings.Contains(err.Error(), "webhook-id") {
		t.Errorf("no headers: %v, want the missing webhook-id", err)
	}
	forged := mustSign(t, both, vectorMessage(), vectorSecret)
	forged.Set("webhook-signature", otherV1)
	if err := verify(forged); !errors.Is(err, signing.ErrNoMatchingSignature) {
		t.Errorf("a wrong signature under the first prefix: %v", err)
	}
}

func TestSHA256Verify(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		values  []string
		payload string
		secrets []string
		want    error
	}{
		"match":            {[]string{githubSignature}, githubPayload, []string{githubSecret}, nil},
		"second secret":    {[]string{githubSignature}, githubPayload, []string{strings.Repeat("x", 20), githubSecret}, nil},
		"unusable secret":  {[]string{githubSignature}, githubPayload, []string{"short", githubSecret}, nil},
		"other payload":    {[]string{githubSignature}, "Hello, World", []string{githubSecret}, signing.ErrNoMatchingSignature},
		"other secret":     {[]string{githubSignature}, githubPayload, []string{strings.Repeat("x", 20)}, signing.ErrNoMatchingSignature},
		"short secret":     {[]string{githubSignature}, githubPayload, []string{"short"}, signing.ErrNoMatchingSignature},
		"no secret":        {[]string{githubSignature}, githubPayload, nil, signing.ErrNoSecret},
		"upper case":       {[]string{"sha256=" + strings.ToUpper(githubSignature[7:])}, githubPayload, []string{githubSecret}, signing.ErrNoMatchingSignature},
		"no prefix":        {[]string{githubSignature[7:]}, githubPayload, []string{githubSecret}, signing.ErrNoMatchingSignature},
		"cut":              {[]string{githubSignature[:70]}, githubPayload, []string{githubSecret}, signing.ErrNoMatchingSignature},
		"longer":           {[]string{githubSignature + "0"}, githubPayload, []string{githubSecret}, signing.ErrMalformedHeader},
		"twice":            {[]string{githubSignature, githubSignature}, githubPayload, []string{githubSecret}, signing.ErrMalformedHeader},
		"empty":            {[]string{""}, githubPayload, []string{githubSecret}, signing.ErrMissingHeader},
		"absent":           {nil, githubPayload, []string{githubSecret}, signing.ErrMissingHeader},
		"public key known": {[]string{githubSignature}, githubPayload, []string{vectorPublicKey}, signing.ErrNoMatchingSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{githubHeader: tt.values}
			err := signing.Verify(signing.SHA256(githubHeader), h, []byte(tt.payload), tt.secrets, signing.VerifyOptions{})
			if !errors.Is(err, tt.want) {
				t.Errorf("Verify: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestVerifyWithoutVerifier(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]signing.Scheme{"bare": bare{}, "nil": nil} {
		if err := signing.Verify(s, nil, nil, []string{"x"}, anyTime); !errors.Is(err, signing.ErrNoVerifier) {
			t.Errorf("%s: %v, want ErrNoVerifier", name, err)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := signing.Validate(nil); err == nil {
		t.Error("nil: no error")
	}
	if err := signing.Validate(bare{}); err != nil {
		t.Errorf("a scheme that is no Validator: %v", err)
	}
}
