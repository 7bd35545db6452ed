// Package testenv gives tests the servers and programs that they need: a Redis
// of their own, whose death and silence they decide. Only tests import it.
//
// What is not installed is replaced by a fake or skipped, and the test log says
// so. With OUTHOOK_REQUIRE_SERVERS=1, as in "make test", it is a failure: there,
// no suite passes by not running.
package testenv

import (
	"fmt"
	"os"
	"testing"
)

const requireServers = "OUTHOOK_REQUIRE_SERVERS"

// reportFile names a file that gets a line for each thing that is worth reading
// though the tests pass: go test shows nothing of a package that passes.
const reportFile = "OUTHOOK_TEST_REPORT"

// Reportf logs what a test measured. It is in the test's log, and in the file
// that OUTHOOK_TEST_REPORT names, which "make test" prints when it is done.
func Reportf(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf(format, args...)
	say(t.Name() + ": " + fmt.Sprintf(format, args...))
}

// say writes a line to the report, or to stderr if there is none.
func say(line string) {
	out := os.Stderr
	if name := os.Getenv(reportFile); name != "" {
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			fmt.Fprintf(os.Stderr, "testenv: %s: %v\n", reportFile, err)
			return
		}
		defer file.Close()
		out = file
	}
	fmt.Fprintf(out, "testenv: %s\n", line)
}

// Require skips the test unless ok. Under OUTHOOK_REQUIRE_SERVERS=1 it fails it
// instead. what names the thing that is missing and how says how to get it, as in
//
//	_, err := exec.LookPath("node")
//	testenv.Require(t, "node", err == nil, "apt-get install nodejs")
func Require(t testing.TB, what string, ok bool, how string) {
	t.Helper()
	switch {
	case ok:
	case required():
		t.Fatalf("%s is required: %s, or unset %s", what, how, requireServers)
	default:
		say(fmt.Sprintf("%s: SKIPPED, not tested: %s is missing: %s", t.Name(), what, how))
		t.Skipf("SKIPPED, not tested: %s is missing: %s", what, how)
	}
}

func required() bool { return os.Getenv(requireServers) == "1" }
