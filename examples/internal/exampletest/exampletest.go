// Package exampletest runs an example as a user does: as a process.
package exampletest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binary is the command of the package under test, once Main has built it.
var binary string

// Main builds the command of the package under test and runs the tests. It is
// for TestMain, and returns the exit code.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "example")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	return m.Run()
}

// Result is what a process left.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Lines returns the lines of Stdout.
func (r Result) Lines() []string {
	if r.Stdout == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
}

// Run runs the command to its end.
func Run(t *testing.T, stdin string, args ...string) Result {
	t.Helper()
	return Start(t, stdin, args...).Wait(t)
}

// WantCode fails the test if the exit code is another.
func WantCode(t *testing.T, got Result, want int) {
	t.Helper()
	if got.Code != want {
		t.Fatalf("exit code %d, want %d; stdout:\n%sstderr:\n%s", got.Code, want, got.Stdout, got.Stderr)
	}
}

// Process is a command that runs.
type Process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	read   []byte
	stderr bytes.Buffer
}

// Start starts the command. It is killed if it outlives the test.
func Start(t *testing.T, stdin string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.CommandContext(t.Context(), binary, args...)}
	p.cmd.Stdin = strings.NewReader(stdin)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ReadLine waits for the next line of what the process prints.
func (p *Process) ReadLine(t *testing.T) string {
	t.Helper()
	line, err := p.stdout.ReadBytes('\n')
	p.read = append(p.read, line...)
	if err != nil {
		t.Fatalf("no line after %q: %v", p.read, err)
	}
	return string(line)
}

// Signal sends a signal to the process.
func (p *Process) Signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Wait waits for the end of the process.
func (p *Process) Wait(t *testing.T) Result {
	t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	err = p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return Result{
		Code:   p.cmd.ProcessState.ExitCode(),
		Stdout: string(append(p.read, rest...)),
		Stderr: p.stderr.String(),
	}
}
