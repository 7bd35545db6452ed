package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

func TestSubscribes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		patterns  string
		eventType string
		want      bool
	}{
		{"", "review.completed", true},
		{"*", "review.completed", true},
		{"*", "", true},
		{"review.completed", "review.completed", true},
		{"review.completed", "review.completed.v2", false},
		{"review.completed", "Review.Completed", false},
		{"review.*", "review.completed", true},
		{"review.*", "review.comment.added", true},
		{"review.*", "review", false},
		{"review.*", "reviewer.added", false},
		{"review.*", "a.review.completed", false},
		{"review*", "review.completed", false},
		{"review*", "review*", true},
		{".*", ".hidden", true},
		{"**", "review.completed", false},
		{"*.completed", "review.completed", false},
		{"jam.created review.*", "review.completed", true},
		{"jam.created review.*", "jam.created", true},
		{"jam.created review.*", "jam.deleted", false},
	} {
		e := store.Endpoint{EventTypes: strings.Fields(tc.patterns), Disabled: true}
		if got := e.Subscribes(tc.eventType); got != tc.want {
			t.Errorf("%q subscribes to %q: got %t, want %t", tc.patterns, tc.eventType, got, tc.want)
		}
	}
}

func TestSecretActive(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, tc := range []struct {
		expires time.Time
		want    bool
	}{
		{time.Time{}, true},
		{now.Add(1), true},
		{now, false},
		{now.Add(-1), false},
	} {
		if got := (store.Secret{ExpiresAt: tc.expires}).Active(now); got != tc.want {
			t.Errorf("expires at %s: got %t, want %t", tc.expires, got, tc.want)
		}
	}
}

// TestSecretsStaySecret prints an endpoint in every way that a host might by
// accident. Only %w of what is no error is missing: fmt then asks no method at
// all, and go vet refuses it.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	secret := store.Secret{Value: "whsec_hush", ExpiresAt: time.Now()}
	e := store.Endpoint{ID: "ep_1", Tenant: "ws_1", URL: "https://example.com", Secrets: []store.Secret{secret}}
	job := store.Job{Endpoint: &e}

	var out bytes.Buffer
	for _, v := range []any{
		secret, &secret, e, &e,
		[]store.Endpoint{e},
		[]*store.Endpoint{&e},
		job, &job,
		struct{ Secret *store.Secret }{&secret},
		[]*store.Secret{&secret},
		map[string]*store.Endpoint{"x": &e},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s", "%!"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
		for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(h).Info("a log line", "value", v)
		}
	}
	for _, leak := range []string{"whsec_hush", "hush", fmt.Sprintf("%x", "hush")} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the output contains %q:\n%s", leak, out.String())
		}
	}
	if got := fmt.Sprint(secret) + secret.String(); got != "[redacted][redacted]" {
		t.Errorf("a secret prints as %q", got)
	}
	if got := fmt.Sprintf("%+v", e); !strings.Contains(got, "URL:https://example.com") {
		t.Errorf("an endpoint prints as %q, without its fields", got)
	}
}

func TestEndpointLogsWithoutHeaders(t *testing.T) {
	t.Parallel()
	e := store.Endpoint{
		ID: "ep_1", Tenant: "ws_1", URL: "https://example.com",
		Headers: http.Header{"Authorization": {"Bearer hush"}},
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("Sent", "endpoint", e)
	if got := out.String(); strings.Contains(got, "hush") || !strings.Contains(got, `"endpoint":{"id":"ep_1","tenant":"ws_1","url":"https://example.com"}`) {
		t.Errorf("got %s", got)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	start := time.Now()
	a := store.Attempt{StartedAt: start, EndedAt: start.Add(1500 * time.Millisecond)}
	if got := a.Duration(); got != 1500*time.Millisecond {
		t.Errorf("got %s", got)
	}
}

// TestClone fills every field, and looks for memory that the clone shares:
// also in a field that is added later.
func TestClone(t *testing.T) {
	t.Parallel()
	t.Run("Endpoint", func(t *testing.T) { t.Parallel(); checkClone(t, store.Endpoint.Clone) })
	t.Run("Event", func(t *testing.T) { t.Parallel(); checkClone(t, store.Event.Clone) })
	t.Run("Attempt", func(t *testing.T) { t.Parallel(); checkClone(t, store.Attempt.Clone) })
	// Stores copy a Delivery by assignment.
	t.Run("Delivery", func(t *testing.T) {
		t.Parallel()
		checkClone(t, func(d store.Delivery) store.Delivery { return d })
	})
}

func checkClone[T any](t *testing.T, clone func(T) T) {
	t.Helper()
	var zero, v T
	if got := clone(zero); !reflect.DeepEqual(got, zero) {
		t.Errorf("the clone of a zero value is %+v", got)
	}
	fill(t, reflect.ValueOf(&v).Elem())
	c := clone(v)
	if !reflect.DeepEqual(c, v) {
		t.Errorf("the clone differs:\ngot  %+v\nwant %+v", c, v)
	}
	shared(t, reflect.TypeFor[T]().Name(), reflect.ValueOf(c), reflect.ValueOf(v))
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 2)))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 2))
		fill(t, v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, elem)
		v.SetMapIndex(key, elem)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Uint8:
		v.SetUint(1)
	default:
		t.Fatalf("cannot fill a %s; teach fill", v.Type())
	}
}

func shared(t *testing.T, path string, a, b reflect.Value) {
	t.Helper()
	switch a.Kind() {
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range a.NumField() {
			shared(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Slice:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
		shared(t, path+"[0]", a.Index(0), b.Index(0))
	case reflect.Map:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
		for _, key := range a.MapKeys() {
			shared(t, path+"["+key.String()+"]", a.MapIndex(key), b.MapIndex(key))
		}
	case reflect.Pointer, reflect.Interface, reflect.Chan, reflect.Func:
		t.Fatalf("%s is a %s; teach shared", path, a.Type())
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://example.com/a":             "https://example.com/a",
		"https://example.com/a?token=x":     "https://example.com/a?[redacted]",
		"https://me:secret@example.com/a?b": "[redacted]",
		"https://exa mple.com":              "[redacted]",
		"":                                  "",
	} {
		if got := store.RedactURL(raw); got != want {
			t.Errorf("RedactURL(%q) = %q, want %q", raw, got, want)
		}
	}
}
