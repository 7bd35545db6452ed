package testenv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outhook/outhook/internal/testenv"
)

// A directory that is named must have it: another one would hide the typing error.
func TestNamedMySQLIsMissing(t *testing.T) {
	t.Setenv("OUTHOOK_MYSQL_BIN", t.TempDir())
	end := runFake(t, func(t testing.TB) { testenv.MySQL(t) })
	if !end.failed || !strings.HasPrefix(end.message, "OUTHOOK_MYSQL_BIN: ") {
		t.Errorf("ended with %+v, want a failure that names the variable", end)
	}
}

// This package's TestMain does not end a server: none is started.
func TestMySQLNeedsItsTestMain(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"mariadbd", "mariadb"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OUTHOOK_MYSQL_BIN", dir)
	end := runFake(t, func(t testing.TB) { testenv.MySQL(t) })
	if !end.failed || !strings.Contains(end.message, "testenv.WithMySQL") {
		t.Errorf("ended with %+v, want a failure that says what is missing", end)
	}
}
