package main

import (
	"context"
	"errors"
	"flag"

	"github.com/outhook/outhook/sender"
)

// work is the role of a host's worker process: it delivers until SIGTERM.
func work(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	file := flags.String("setup", "", "file of the setup")
	name := flags.String("name", "", "of this process")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := loadSetup(*file)
	if err != nil {
		return err
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	return errors.Join(sender.RunWorkers(ctx, h.config(*name)), h.close())
}
