package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/internal/testenv"
)

// binary is the service as a user builds it.
var binary string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(buildMain{testenv.WithMySQL(testenv.WithPostgres(m))})
}

// buildMain builds the service before the tests.
type buildMain struct{ m interface{ Run() int } }

func (b buildMain) Run() int {
	dir, err := os.MkdirTemp("", "outhook-service-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "service")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	return b.m.Run()
}
