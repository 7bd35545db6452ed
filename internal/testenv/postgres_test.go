package testenv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
)

// A directory that is named must have it: another one would hide the typing error.
func TestNamedPostgresIsMissing(t *testing.T) {
	t.Setenv("OUTHOOK_POSTGRES_BIN", t.TempDir())
	end := runFake(t, func(t testing.TB) { testenv.Postgres(t) })
	if !end.failed || !strings.HasPrefix(end.message, "OUTHOOK_POSTGRES_BIN: ") {
		t.Errorf("ended with %+v, want a failure that names the variable", end)
	}
}

// This package's TestMain does not end a server: none is started.
func TestPostgresNeedsItsTestMain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "initdb"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OUTHOOK_POSTGRES_BIN", dir)
	end := runFake(t, func(t testing.TB) { testenv.Postgres(t) })
	if !end.failed || !strings.Contains(end.message, "testenv.WithPostgres") {
		t.Errorf("ended with %+v, want a failure that says what is missing", end)
	}
}
