package main

import (
	"os"
	"strings"
	"testing"

	"github.com/outhook/outhook/examples/internal/exampletest"
)

func TestMain(m *testing.M) { os.Exit(exampletest.Main(m)) }

func TestQuickstart(t *testing.T) {
	t.Parallel()
	got := exampletest.Run(t, "")
	exampletest.WantCode(t, got, 0)
	lines := got.Lines()
	last := lines[len(lines)-1]
	if want := "All 4 deliveries succeeded, in 6 attempts. Every signature verified."; last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
	flaky := 0
	for _, line := range lines {
		if !strings.Contains(line, " ep_flaky ") {
			continue
		}
		want := []string{" 1        500     yes ", " 2        500     yes ", " 3        200     yes "}[flaky]
		wait := []string{" in 1s", " in 10s", " -"}[flaky]
		if !strings.Contains(line, want) || !strings.HasSuffix(line, wait) {
			t.Errorf("line %q, want %q and %q at its end", line, want, wait)
		}
		flaky++
	}
	if flaky != 3 || len(lines) != 9 {
		t.Errorf("%d lines, %d of them of the flaky endpoint; want 9 and 3:\n%s", len(lines), flaky, got.Stdout)
	}
}
