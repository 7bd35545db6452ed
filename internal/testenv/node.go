package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// RequireNode requires Node, and the npm packages of dir's package-lock.json. npm
// installs them if it has not since that file changed.
func RequireNode(t testing.TB, dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		_, err := exec.LookPath(tool)
		Require(t, tool, err == nil, "install Node 22 or newer")
	}
	packages.Lock()
	defer packages.Unlock()
	err, tried := packages.installed[dir]
	if !tried {
		err = npmInstall(dir)
		packages.installed[dir] = err
	}
	if err != nil {
		t.Log(err)
		Require(t, "the npm packages", false, "run npm ci in "+dir)
	}
}

// packages are the directories that npm was tried in.
var packages = struct {
	sync.Mutex
	installed map[string]error
}{installed: map[string]error{}}

func npmInstall(dir string) error {
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	installed, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return nil
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}
