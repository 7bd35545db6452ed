// Drills break what Outhook runs on, under load and for real, and count what
// became of every event that was accepted: none may be lost, none may wait for
// ever, and none may arrive twice unless an attempt was under way at the fault.
//
//	make drills          all of them, about a quarter of an hour
//	make drills-short    the most telling ones, smaller
//
// It needs redis-server and PostgreSQL, which it starts for itself. The program
// is all the processes of a drill: the first argument says which. "drill", the
// default, conducts; the others are started by it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// roles are the processes of a drill.
var roles = map[string]func(ctx context.Context, args []string) error{
	"drill":    conduct,
	"receiver": receive,
	"worker":   work,
	"send":     send,
	"proxy":    proxy,
}

func main() {
	role, args := "drill", os.Args[1:]
	if len(args) > 0 && roles[args[0]] != nil {
		role, args = args[0], args[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := roles[role](ctx, args)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		os.Exit(1)
	}
}
