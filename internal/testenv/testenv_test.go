package testenv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRequireOK(t *testing.T) {
	t.Parallel()
	end := runFake(t, func(t testing.TB) { testenv.Require(t, "node", true, "install it") })
	if end != (ending{}) {
		t.Errorf("Require of what is there ended the test: %+v", end)
	}
}

// Without the switch, what is missing is skipped, and the reason is in the log.
func TestRequireSkips(t *testing.T) {
	t.Setenv("OUTHOOK_REQUIRE_SERVERS", "")
	t.Setenv("OUTHOOK_TEST_REPORT", os.DevNull) // it skips nothing real
	end := runFake(t, func(t testing.TB) { testenv.Require(t, "node", false, "apt-get install nodejs") })
	want := ending{skipped: true, message: "SKIPPED, not tested: node is missing: apt-get install nodejs"}
	if end != want {
		t.Errorf("ended with %+v, want %+v", end, want)
	}
}

func TestReportReachesItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report")
	t.Setenv("OUTHOOK_TEST_REPORT", file)
	testenv.Reportf(t, "p50 %d ms", 3)
	testenv.Reportf(t, "p99 %d ms", 7)
	got, err := os.ReadFile(file)
	want := "testenv: TestReportReachesItsFile: p50 3 ms\ntestenv: TestReportReachesItsFile: p99 7 ms\n"
	if err != nil || string(got) != want {
		t.Errorf("report = %q, %v; want %q", got, err, want)
	}
}

func TestRequireFails(t *testing.T) {
	t.Setenv("OUTHOOK_REQUIRE_SERVERS", "1")
	end := runFake(t, func(t testing.TB) { testenv.Require(t, "node", false, "apt-get install nodejs") })
	want := ending{failed: true, message: "node is required: apt-get install nodejs, or unset OUTHOOK_REQUIRE_SERVERS"}
	if end != want {
		t.Errorf("ended with %+v, want %+v", end, want)
	}
}

// ending is how a test that runFake ran came out.
type ending struct {
	failed, skipped bool
	message         string
}

// fakeTB is a test whose failure and skipping are looked at, not passed on.
type fakeTB struct {
	testing.TB
	cleanups []func()
	logs     []string
	end      ending
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *fakeTB) Logf(format string, args ...any) {
	f.logs = append(f.logs, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.end.failed = true
	f.end.message = fmt.Sprintf(format, args...)
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fakeTB) Skipf(format string, args ...any) {
	f.end.skipped = true
	f.end.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// runFake runs body as a test and then its cleanups, and says how it ended.
func runFake(t *testing.T, body func(testing.TB)) ending {
	t.Helper()
	f := &fakeTB{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			for _, cleanup := range slices.Backward(f.cleanups) {
				cleanup()
			}
		}()
		body(f)
	})
	wg.Wait()
	if f.end.message == "" && len(f.logs) > 0 {
		f.end.message = strings.Join(f.logs, "\n")
	}
	return f.end
}
