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

func asServerUser(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }

func giveToServerUser(string) error { return nil }
