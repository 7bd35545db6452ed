package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// patience bounds each wait for a server. A start takes about 10 ms; on a
	// machine in the middle of a build it takes longer.
	patience = 10 * time.Second
	// serverPatience is longer: a start of a database takes about a second.
	serverPatience = time.Minute
	tick           = 2 * time.Millisecond
)

var errPortTaken = errors.New("the port is taken")

// Process is a child process that a goroutine waits for.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// StartProcess starts a program whose output goes to logFile. It dies with this
// process, on Linux.
func StartProcess(logFile, binary string, args ...string) (*Process, error) {
	return startProcessAs(dieWithParent(), "", logFile, binary, args...)
}

// startProcessAs starts it with the attributes, in dir unless that is empty.
func startProcessAs(attr *syscall.SysProcAttr, dir, logFile, binary string, args ...string) (*Process, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr, cmd.Dir = attr, dir
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		// On Linux the process is killed when the thread that started it ends:
		// this goroutine keeps that thread until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ProcessState has what there is to know
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// says waits until the log has the words with which a database says that it is
// ready.
func (p *Process) says(ctx context.Context, logFile, words string) error {
	for {
		text, err := os.ReadFile(logFile)
		switch {
		case err != nil:
			return err
		case bytes.Contains(text, []byte(words)):
			return nil
		case p.ended() && bytes.Contains(text, []byte("Address already in use")):
			return errPortTaken
		case p.ended():
			return fmt.Errorf("it ended at once; its log:\n%s", text)
		case wait(ctx) != nil:
			return fmt.Errorf("it does not start; its log:\n%s", text)
		}
	}
}

// Pid returns the id of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// State says how the process ended. It is called after Done.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Signal sends a signal. The error says that the process has ended.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill ends the process, frozen or not, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // the only error is that it has ended
	<-p.done
}

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// FreePort returns a port that nobody listens on. It is below the ports that
// kernels give to outgoing connections: one of those could take the port while
// the server is stopped, or even be connected to itself by a client that dials.
func FreePort(ctx context.Context) (int, error) {
	port := 15_000 + rand.IntN(15_000)
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	return port, listener.Close()
}

// wait lets a moment pass, or returns the error of ctx.
func wait(ctx context.Context) error {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
