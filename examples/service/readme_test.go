package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
	"github.com/outhook/outhook/sender/sendertest"
)

// The walk of the README, as it stands there.
func TestReadme(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("curl")
	testenv.Require(t, "curl", err == nil, "apt-get install curl")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, walk, _ := strings.Cut(string(text), "```sh\n")
	walk, _, found := strings.Cut(walk, "```\n")
	if !found {
		t.Fatal("README.md has no sh block")
	}
	p := start(t, "-redis", "embedded", "-database", "sqlite:"+filepath.Join(t.TempDir(), "outhook.db"))
	receiver := sendertest.NewReceiver(t, nil)
	walk = strings.ReplaceAll(walk, "http://127.0.0.1:8080", p.base)
	walk = strings.ReplaceAll(walk, "http://127.0.0.1:9000", receiver.URL())

	bash := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", walk)
	var stderr bytes.Buffer
	bash.Stderr = &stderr
	out, err := bash.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("bash: %v\n%s\n%s", err, out, stderr.String())
	}
	answers := 0
	for line := range strings.Lines(string(out)) {
		var answer struct{ Type, Title string } // of a problem
		if err := json.Unmarshal([]byte(line), &answer); err != nil || answer.Title != "" {
			t.Errorf("answer %q: %v", line, err)
		}
		answers++
	}
	if want := strings.Count(walk, "\ncurl "); answers != want || want < 10 {
		t.Errorf("%d answers to %d commands:\n%s", answers, want, out)
	}
	for _, part := range []string{`"duplicate":true`, `"trigger":"test","succeeded":true`, `"payload":{"text":"{\"order\": 17}"`, `"old_secrets_until"`, `"status":"ok"`} {
		if !strings.Contains(string(out), part) {
			t.Errorf("no answer has %s:\n%s", part, out)
		}
	}
}
