package signing_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/outhook/outhook/signing"
)

func ExampleStandardWebhooks() {
	scheme := signing.StandardWebhooks()
	header, err := scheme.Sign(context.Background(), signing.Message{
		ID:        "msg_p5jXN8AQM9LWM0D4loKWxJek",
		Timestamp: time.Unix(1614265330, 0),
		Payload:   []byte(`{"test": 2432232314}`),
	}, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range scheme.HeaderNames() {
		fmt.Printf("%s: %s\n", name, header.Get(name))
	}
	// Output:
	// Webhook-Id: msg_p5jXN8AQM9LWM0D4loKWxJek
	// Webhook-Timestamp: 1614265330
	// Webhook-Signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

// While a customer changes the secret, the request carries a signature by each. A rotation may also lead from a symmetric
// secret to an ed25519 key, of which the customer only ever gets the public half.
func ExampleStandardWebhooks_rotation() {
	scheme := signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix))
	const (
		newest = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
		old    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	)
	header, err := scheme.Sign(context.Background(), signing.Message{
		ID:        "msg_p5jXN8AQM9LWM0D4loKWxJek",
		Timestamp: time.Unix(1614265330, 0),
		Payload:   []byte(`{"test": 2432232314}`),
	}, []string{newest, old})
	if err != nil {
		fmt.Println(err)
		return
	}
	for signature := range strings.FieldsSeq(header.Get("svix-signature")) {
		fmt.Println(signature)
	}
	public, err := signing.PublicKey(newest)
	fmt.Println(public, err)
	// Output:
	// v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
	// whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4= <nil>
}

func ExampleSHA256() {
	scheme := signing.SHA256("X-Hub-Signature-256")
	header, err := scheme.Sign(context.Background(), signing.Message{Payload: []byte("Hello, World!")},
		[]string{"It's a Secret to Everybody"})
	fmt.Println(header.Get("X-Hub-Signature-256"), err)
	// Output:
	// sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17 <nil>
}

// One header has room for one signature, so a rotation needs a second one.
func ExamplePreviousHeader() {
	scheme := signing.SHA256("X-Jasper-Signature", signing.PreviousHeader("X-Jasper-Signature-Previous"))
	message := signing.Message{Payload: []byte(`{"event":"content.created"}`)}
	header, err := scheme.Sign(context.Background(), message, []string{"the-secret-of-today", "your-webhook-secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(header), "headers during the rotation")
	fmt.Println(header.Get("X-Jasper-Signature-Previous"))
	// Output:
	// 2 headers during the rotation
	// sha256=4b2add1e6648253e8cb496dfed247f1d52aced880919743195f53231a7aed5d6
}

// A receiver verifies the body as it came, before it reads it.
func ExampleVerify() {
	scheme := signing.StandardWebhooks()
	secret, err := scheme.NewSecret()
	if err != nil {
		fmt.Println(err)
		return
	}

	// readme:begin receiver
	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		if err := signing.Verify(scheme, r.Header, body, []string{secret}, signing.VerifyOptions{}); err != nil {
			http.Error(w, "not authenticated", http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	// readme:end receiver

	ctx, body := context.Background(), `{"type":"jam.created"}`
	message := signing.Message{ID: "evt_1", Timestamp: time.Now(), Payload: []byte(body)}
	header, err := scheme.Sign(ctx, message, []string{secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, sent := range []string{body, strings.ToUpper(body)} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhooks", strings.NewReader(sent))
		r.Header = header
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, r)
		fmt.Println(sent, w.Code)
	}
	// Output:
	// {"type":"jam.created"} 204
	// {"TYPE":"JAM.CREATED"} 401
}

// A product changes from a header of its own to Standard Webhooks: each receiver finds what it looks for.
func ExampleMulti() {
	scheme := signing.Multi(signing.StandardWebhooks(), signing.SHA256("X-Jasper-Signature"))
	if err := signing.Validate(scheme); err != nil {
		fmt.Println(err)
		return
	}
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	header, err := scheme.Sign(context.Background(), signing.Message{
		ID:        "msg_p5jXN8AQM9LWM0D4loKWxJek",
		Timestamp: time.Unix(1614265330, 0),
		Payload:   []byte(`{"test": 2432232314}`),
	}, []string{secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(header.Get("Webhook-Signature"))
	fmt.Println(header.Get("X-Jasper-Signature"))
	// Output:
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
	// sha256=80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c
}

// kms stands for a service that signs with keys it does not hand out.
type kms map[string][]byte

func (k kms) mac(ctx context.Context, key string, payload []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, k[key])
	h.Write(payload)
	return h.Sum(nil), nil
}

// kmsScheme signs with a key that stays in the KMS: the endpoint's secret is the key's name.
type kmsScheme struct{ kms kms }

func (s kmsScheme) Sign(ctx context.Context, m signing.Message, secrets []string) (http.Header, error) {
	mac, err := s.kms.mac(ctx, secrets[0], m.Payload)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	return http.Header{"X-Signature": {hex.EncodeToString(mac)}}, nil
}

func (kmsScheme) HeaderNames() []string { return []string{"X-Signature"} }

func (kmsScheme) NewSecret() (string, error) {
	return "", errors.New("kms: keys are made by the operator")
}

func (s kmsScheme) CheckSecret(name string) error {
	if _, ok := s.kms[name]; !ok {
		return &signing.SecretError{Reason: "names no key of the KMS"}
	}
	return nil
}

func ExampleScheme() {
	var scheme signing.Scheme = kmsScheme{kms{"keys/acme": []byte("It's a Secret to Everybody")}}
	fmt.Println(signing.CheckSecrets(scheme, []string{"keys/other"}))

	header, err := scheme.Sign(context.Background(), signing.Message{Payload: []byte("Hello, World!")}, []string{"keys/acme"})
	fmt.Println(header.Get("X-Signature"), err)
	// Output:
	// secret 1 of 1: signing: the secret names no key of the KMS
	// 757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17 <nil>
}
