package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// options are the flags.
type options struct {
	listen      string
	redis       string
	database    string
	role        role
	allowLocal  bool
	demo        bool
	concurrency int
	keep        time.Duration
	logLevel    slog.Level
}

// role is what a process does.
type role string

const (
	web    role = "web"
	worker role = "worker"
	both   role = "all"
)

func (r role) serves() bool { return r != worker }

func (r role) delivers() bool { return r != web }

// The values of -redis and -database for something inside the process.
const (
	embedded = "embedded"
	memory   = "memory"
)

// parse reads the flags. The help that -h asks for goes to out.
func parse(args []string, out io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("service", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is reported by the caller
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` where HTTP is served")
	fs.StringVar(&o.redis, "redis", embedded, "`URL` of a Redis, or embedded: one inside the process")
	fs.StringVar(&o.database, "database", memory, "`URL` of the database: postgres://…, mysql://…, sqlite:PATH, or memory")
	fs.StringVar((*string)(&o.role), "role", string(both), "web serves the API, worker delivers, all does both")
	fs.BoolVar(&o.allowLocal, "allow-local", false, "permit endpoints that are http URLs, this machine or private networks")
	fs.BoolVar(&o.demo, "demo", false, "fill the portals of three tenants with a made-up past, and let them go on; implies -allow-local")
	fs.IntVar(&o.concurrency, "concurrency", 64, "attempts at once")
	fs.DurationVar(&o.keep, "keep", 30*24*time.Hour, "how long events and their attempts are kept, 1h or more; 0 is for ever")
	fs.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(out)
		fmt.Fprint(out, "Usage: service [flags]\n\n")
		fs.PrintDefaults()
	}
	if err != nil {
		return options{}, err
	}
	o.allowLocal = o.allowLocal || o.demo
	return o, o.check(fs)
}

// check finds what nothing else does.
func (o options) check(fs *flag.FlagSet) error {
	var errs []error
	if !slices.Contains([]role{web, worker, both}, o.role) {
		errs = append(errs, fmt.Errorf("-role is %q, must be web, worker or all", o.role))
	}
	if o.role != both && (o.redis == embedded || o.database == memory) {
		errs = append(errs, fmt.Errorf("-role %s needs a -redis and a -database that other processes can reach", o.role))
	}
	if o.role != both && o.demo {
		errs = append(errs, fmt.Errorf("-role %s cannot have -demo, whose receivers are in one process", o.role))
	}
	if o.concurrency < 1 {
		errs = append(errs, fmt.Errorf("-concurrency is %d, must be 1 or more", o.concurrency))
	}
	if fs.NArg() > 0 {
		errs = append(errs, fmt.Errorf("%q is not a flag: all arguments must be", fs.Arg(0)))
	}
	return errors.Join(errs...)
}
