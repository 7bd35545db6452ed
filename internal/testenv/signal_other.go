//go:build !unix

package testenv

import (
	"os"
	"syscall"
)

// Sending either fails: these systems cannot freeze a process.
var (
	freezeSignal = os.Interrupt
	thawSignal   = os.Interrupt
	quitSignal   = os.Kill
)

// Nobody is root here.

func asServerUser(_ string, attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }

func giveToServerUser(_, _ string) error { return nil }
