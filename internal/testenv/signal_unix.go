//go:build unix

package testenv

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

const (
	freezeSignal = syscall.SIGSTOP
	thawSignal   = syscall.SIGCONT
	quitSignal   = syscall.SIGQUIT // PostgreSQL's immediate shutdown
)

// asServerUser adds to attr, which may be nil, that the process is not root's:
// databases refuse to run as root. The user is the one that its package made.
func asServerUser(name string, attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	uid, gid, err := serverUser(name)
	if err != nil || os.Geteuid() != 0 {
		return attr // the program itself says best what it lacks
	}
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr
}

// giveToServerUser makes dir that of the user that the server runs as.
func giveToServerUser(name, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := serverUser(name)
	if err != nil {
		return fmt.Errorf("the server does not run as root: %w", err)
	}
	return os.Chown(dir, uid, gid)
}

func serverUser(name string) (uid, gid int, err error) {
	account, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(account.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(account.Gid)
	return uid, gid, err
}
