//go:build !linux

package testenv

import "syscall"

// dieWithParent has no means but on Linux: a test binary that dies without its
// cleanups leaves the child behind.
func dieWithParent() *syscall.SysProcAttr { return nil }

// frozen cannot be known but on Linux. It takes the moment for over.
func frozen(int) bool { return true }
