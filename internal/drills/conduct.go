package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/outhook/outhook/internal/testenv"
)

// drill is one fault and what it is inflicted on.
type drill struct {
	name string
	// short drills run in CI, smaller.
	short bool
	// fault starts the processes, inflicts the fault, and returns when it is over
	// and all events were sent.
	fault func(b *bench) error
	// patience bounds how long after that deliveries may be pending.
	patience time.Duration
	// more, if set, looks for what only this drill can tell.
	more func(b *bench, l ledger) []string
}

// faultPatience bounds the fault itself: a drill that hangs has failed.
const faultPatience = 10 * time.Minute

var drills = slices.Concat(processDrills, senderDrills, redisDrills, databaseDrills, endpointDrills, otherDrills)

// options are what the whole run shares.
type options struct {
	short    bool
	keep     bool
	seed     uint64
	dir      string
	program  string // this one
	postgres *testenv.PostgresProcess
}

// conduct is the role that runs drills.
func conduct(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	var o options
	run := flags.String("run", "", "run only the drills whose name matches this regular expression")
	flags.BoolVar(&o.short, "short", false, "run only the drills of CI, or those of -run, at reduced size")
	flags.BoolVar(&o.keep, "keep", false, "keep the logs of drills that pass, too")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the random moments")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*run, o.short)
	if err != nil {
		return err
	}
	if o.program, err = os.Executable(); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "outhook-drills-"); err != nil {
		return err
	}
	o.postgres, err = testenv.StartPostgres(o.dir)
	defer o.postgres.End()
	if err != nil {
		return err
	}
	fmt.Printf("seed %d\n", o.seed)
	printHeader()
	failed := 0
	for _, d := range chosen {
		if !o.hold(ctx, d) {
			failed++
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d drills failed; their logs are in %s", failed, len(chosen), o.dir)
	}
	if !o.keep {
		return os.RemoveAll(o.dir)
	}
	fmt.Printf("logs: %s\n", o.dir)
	return nil
}

func choose(pattern string, short bool) ([]drill, error) {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var chosen []drill
	for _, d := range drills {
		if match.MatchString(d.name) && (d.short || !short || pattern != "") {
			chosen = append(chosen, d)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no drill's name matches %q", pattern)
	}
	return chosen, nil
}

// hold runs a drill, prints its row and says whether it passed.
func (o options) hold(ctx context.Context, d drill) bool {
	b := &bench{
		options: o, ctx: ctx, name: d.name, setup: defaults(),
		dir: filepath.Join(o.dir, d.name), random: rand.New(rand.NewPCG(o.seed, 0)),
		killed: map[string]bool{}, workers: map[string]*worker{},
	}
	result, err := b.hold(d)
	b.close()
	if err != nil {
		result.problems = append(result.problems, err.Error())
	}
	result.print(d.name)
	if len(result.problems) == 0 && !o.keep {
		_ = os.RemoveAll(b.dir) // what is left is in the directory for temporary files
	}
	return len(result.problems) == 0
}

// hold is the course of every drill.
func (b *bench) hold(d drill) (result, error) {
	if err := b.start(); err != nil {
		return result{}, fmt.Errorf("start: %w", err)
	}
	whole := b.ctx
	ctx, cancel := context.WithTimeout(whole, faultPatience)
	b.ctx = ctx
	err := d.fault(b)
	cancel()
	b.ctx = whole
	if err != nil {
		return result{}, fmt.Errorf("inflict the fault: %w", err)
	}
	b.logf("the fault is over and all events are sent")
	settled, left, err := b.settle(d.patience)
	if err != nil {
		return result{}, fmt.Errorf("wait until nothing is pending: %w", err)
	}
	stopErr := b.stopAll()
	l, err := b.ledger()
	if err != nil {
		return result{}, errors.Join(stopErr, fmt.Errorf("read what became of it: %w", err))
	}
	r := l.audit()
	r.settled = settled
	if left != "" {
		r.problems = append(r.problems, fmt.Sprintf("after %s: %s", d.patience, left))
	}
	if stopErr != nil {
		r.problems = append(r.problems, stopErr.Error())
	}
	if d.more != nil {
		r.problems = append(r.problems, d.more(b, l)...)
	}
	r.notes = b.notes
	return r, nil
}
