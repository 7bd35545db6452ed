//go:build !unix

package testenv

import "os"

// Sending either fails: these systems cannot freeze a process.
var (
	freezeSignal = os.Interrupt
	thawSignal   = os.Interrupt
)
