package testenv_test

import (
	"strings"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
)

// A browser that is named must be there: another one would hide the typing error.
func TestNamedChromiumIsMissing(t *testing.T) {
	t.Setenv("OUTHOOK_CHROMIUM", "no-such-browser")
	end := runFake(t, func(t testing.TB) { testenv.Chromium(t) })
	if !end.failed || !strings.HasPrefix(end.message, "OUTHOOK_CHROMIUM: ") {
		t.Errorf("ended with %+v, want a failure that names the variable", end)
	}
}

func TestChromiumIsMissing(t *testing.T) {
	t.Setenv("OUTHOOK_CHROMIUM", "")
	t.Setenv("OUTHOOK_REQUIRE_SERVERS", "1")
	t.Setenv("PATH", t.TempDir())
	end := runFake(t, func(t testing.TB) { testenv.Chromium(t) })
	want := ending{failed: true, message: "Chromium is required: apt-get install chromium, or unset OUTHOOK_REQUIRE_SERVERS"}
	if end != want {
		t.Errorf("ended with %+v, want %+v", end, want)
	}
}
