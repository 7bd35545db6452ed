package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// chromiumBinary names another browser than the one on PATH.
const chromiumBinary = "OUTHOOK_CHROMIUM"

// Chromium returns the path of the browser: the one in OUTHOOK_CHROMIUM, or
// chromium on PATH. Without one the test is skipped; under
// OUTHOOK_REQUIRE_SERVERS=1 it fails.
func Chromium(t testing.TB) string {
	t.Helper()
	name := os.Getenv(chromiumBinary)
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("%s: %v", chromiumBinary, err)
		}
		return path
	}
	path, err := exec.LookPath("chromium")
	Require(t, "Chromium", err == nil, "apt-get install chromium")
	return path
}
