package exampletest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Attempt is one line of output of examples/jam and examples/jasper.
type Attempt struct {
	Delivery      *string    `json:"delivery"`
	Event         *string    `json:"event"`
	Endpoint      *string    `json:"endpoint"`
	Attempt       *int       `json:"attempt"`
	ScheduledAt   *time.Time `json:"scheduled_at"`
	StartedAt     *time.Time `json:"started_at"`
	EndedAt       *time.Time `json:"ended_at"`
	Status        *int       `json:"status"`
	ErrorClass    *string    `json:"error_class"`
	Error         *string    `json:"error"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
}

// attemptKeys are the keys that every line has.
var attemptKeys = []string{
	"attempt", "delivery", "ended_at", "endpoint", "error", "error_class", "event",
	"next_attempt_at", "scheduled_at", "started_at", "status",
}

// ParseAttempt reads a line. It must have all keys and no others, times in
// UTC, and null for the next attempt alone.
func ParseAttempt(t *testing.T, line string) Attempt {
	t.Helper()
	var values map[string]any
	var a Attempt
	for _, v := range []any{&values, &a} {
		if err := json.Unmarshal([]byte(line), v); err != nil {
			t.Fatalf("%q is no line of JSON: %v", line, err)
		}
	}
	if keys := slices.Sorted(maps.Keys(values)); !slices.Equal(keys, attemptKeys) {
		t.Fatalf("%s: keys %q, want %q", line, keys, attemptKeys)
	}
	for key, value := range values {
		text, isText := value.(string)
		if value == nil && key != "next_attempt_at" || isText && strings.HasSuffix(key, "_at") && !strings.HasSuffix(text, "Z") {
			t.Fatalf("%s: %s is %v", line, key, value)
		}
	}
	return a
}
