// Package testenv gives tests the servers and programs that they need: a Redis
// of their own, whose death and silence they decide. Only tests import it.
//
// What is not installed is replaced by a fake or skipped, and the test log says
// so. With OUTHOOK_REQUIRE_SERVERS=1, as in "make test", it is a failure: there,
// no suite passes by not running.
package testenv

import (
	"os"
	"testing"
)

const requireServers = "OUTHOOK_REQUIRE_SERVERS"

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
		t.Skipf("SKIPPED, not tested: %s is missing: %s", what, how)
	}
}

func required() bool { return os.Getenv(requireServers) == "1" }
