package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the root of the repository, seen from this package.
const root = "../.."

// updating reports whether tests write what they would compare.
func updating() bool { return os.Getenv("UPDATE_GOLDEN") == "1" }

func mustRead(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil
}

// files returns the paths of all files of the repository that have one of the
// extensions, nested modules included.
func files(t *testing.T, extensions ...string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "coverage", "node_modules", "testdata"}, entry.Name()):
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(extensions, path.Ext(name)):
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// packages returns the files of each package, without tests, by directory.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	dirs := map[string][]string{}
	for _, name := range files(t, ".go") {
		if !strings.HasSuffix(name, "_test.go") {
			dirs[path.Dir(name)] = append(dirs[path.Dir(name)], name)
		}
	}
	return dirs
}
