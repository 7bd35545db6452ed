package testenv

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// dieWithParent asks the kernel to kill the child when the test binary dies
// without its cleanups: by a panic, by go test's -timeout, by kill -9.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// frozen reports whether the process has stopped running, which is a moment
// after it was told to.
func frozen(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	// The state follows the command's name, which is in parentheses.
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return bytes.HasPrefix(rest, []byte("T"))
}
