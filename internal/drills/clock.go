package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// clockOffset is the environment variable that moves the clock of a program
// from buildWithClock: a duration.
const clockOffset = "OUTHOOK_DRILL_CLOCK"

// patchedNow replaces the head of time.Now. What the wall clock shows is moved,
// for everything in the program; monotonic time, and with it every timer, is not.
const patchedNow = `var drillOffset = func() int64 {
	text, _ := syscall.Getenv("` + clockOffset + `")
	if text == "" {
		return 0
	}
	d, err := ParseDuration(text)
	if err != nil {
		panic("` + clockOffset + `: " + err.Error())
	}
	return int64(d / Second)
}()

func Now() Time {
	sec, nsec, mono := runtimeNow()
	sec += drillOffset
`

const (
	originalNow    = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	originalImport = "import (\n"
)

// buildWithClock builds this program with a clock that can be set. Go programs
// read the clock without libc, so that no preloaded library could move it: the
// standard library itself is replaced, for this build.
func (b *bench) buildWithClock() (program string, err error) {
	root, err := exec.CommandContext(b.ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	source := string(text)
	if !strings.Contains(source, originalNow) || !strings.Contains(source, originalImport) {
		return "", fmt.Errorf("%s: time.Now is not as it was: adapt the drill's clock", original)
	}
	source = strings.Replace(source, originalImport, originalImport+"\t\"syscall\"\n", 1)
	source = strings.Replace(source, originalNow, patchedNow, 1)
	patched := filepath.Join(b.dir, "time.go")
	if err := os.WriteFile(patched, []byte(source), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: patched}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(b.dir, "drills-with-clock")
	// It takes a minute, the first time.
	build := exec.CommandContext(b.ctx, "go", "build", "-overlay", file, "-o", program, "github.com/outhook/outhook/internal/drills")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	return program, nil
}
