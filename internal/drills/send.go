package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/senderdev"
)

// sending is a host's process that has events. It sends each until it is
// accepted, under the same id, as a host does that wants none lost.
type sending struct {
	*host

	sender sender.Sender
	acks   *os.File
	todo   []int // numbers of the events that are not yet acknowledged
	first  int
	count  int
	step   int
	rate   int
	ways   int
	// inTx sends in a transaction with a row of the host's own, which ends in a
	// rollback or, after a commit, in a Wake unless the process dies first.
	inTx     bool
	rollback bool
	unwoken  bool

	committed atomic.Int64

	next    atomic.Int64
	refused atomic.Int64
}

// send is the role.
func send(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("send", flag.ContinueOnError)
	var p sending
	file := flags.String("setup", "", "file of the setup")
	acks := flags.String("acks", "", "file that gets the id of each event that was accepted")
	name := flags.String("name", "send", "of this process")
	flags.IntVar(&p.first, "first", 0, "number of the first event")
	flags.IntVar(&p.count, "count", 1, "number of events")
	flags.IntVar(&p.step, "step", 1, "from one number to the next")
	flags.IntVar(&p.rate, "rate", 0, "events a second; 0 is as fast as it goes")
	flags.IntVar(&p.ways, "ways", 16, "events at once")
	flags.BoolVar(&p.inTx, "in-tx", false, "send in a transaction of the host's")
	flags.BoolVar(&p.rollback, "rollback", false, "roll it back")
	flags.BoolVar(&p.unwoken, "unwoken", false, "kill -9 itself when all are committed and none is woken; needs as many ways as events")
	alsoWork := flags.Bool("work", false, "deliver in this process, too, until SIGTERM")
	embedded := flags.Bool("embedded", false, "on a Redis inside the process")
	dieAt := flags.Int("die-at-enqueue", 0, "kill -9 itself instead of the so-manieth enqueue; 0 is never")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := loadSetup(*file)
	if err != nil {
		return err
	}
	if p.host, err = s.open(); err != nil {
		return err
	}
	if *dieAt > 0 {
		p.redis.AddHook(&dying{after: int64(*dieAt)})
	}
	cfg := p.config(*name)
	if *embedded {
		env, err := senderdev.StartWith(p.store)
		if err != nil {
			return err
		}
		defer env.Close() // the process ends
		cfg.Redis, cfg.Shards, cfg.SweepInterval = env.Config.Redis, env.Config.Shards, env.Config.SweepInterval
	}
	if p.sender, err = sender.New(cfg); err != nil {
		return err
	}
	if err := p.openAcks(*acks); err != nil {
		return err
	}
	working := make(chan error, 1)
	if *alsoWork {
		go func() { working <- sender.RunWorkers(ctx, cfg) }()
	} else {
		working <- nil
	}
	err = p.run(ctx)
	fmt.Fprintf(os.Stderr, "sent %d events; %d times nothing was accepted\n", p.count, p.refused.Load())
	if *alsoWork && err == nil {
		// The conductor sees by the acks that all were sent.
		<-ctx.Done()
	}
	return errors.Join(err, <-working, p.close(), p.acks.Close())
}

// openAcks opens the file, and leaves out what is acknowledged there. What was
// written is there after a kill -9; it need not outlive the machine.
func (p *sending) openAcks(name string) (err error) {
	if p.acks, err = os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	acked := map[string]bool{}
	lines := bufio.NewScanner(p.acks)
	for lines.Scan() {
		acked[lines.Text()] = true
	}
	for n := p.first; n < p.first+p.count*p.step; n += p.step {
		if !acked[eventID(n)] {
			p.todo = append(p.todo, n)
		}
	}
	return lines.Err()
}

// run sends all events, or those that are accepted before it is asked to end.
func (p *sending) run(ctx context.Context) error {
	var (
		all    sync.WaitGroup
		began  = time.Now()
		failed = make(chan error, p.ways)
	)
	for range p.ways {
		all.Go(func() {
			for n := p.next.Add(1) - 1; n < int64(len(p.todo)); n = p.next.Add(1) - 1 {
				if p.rate > 0 && !pause(ctx, time.Until(began.Add(time.Duration(n)*time.Second/time.Duration(p.rate)))) {
					return
				}
				err := p.one(ctx, p.todo[n])
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

// one sends an event until it is accepted.
func (p *sending) one(ctx context.Context, n int) error {
	for {
		err := p.try(ctx, n)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, sender.ErrInvalid), errors.Is(err, sender.ErrEventIDReused):
			return err // a fault of the drill
		}
		p.refused.Add(1)
		if !pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// try sends an event once. It returns nil when it is acknowledged, or was rolled
// back on purpose.
func (p *sending) try(ctx context.Context, n int) error {
	if !p.inTx {
		if _, err := p.sender.Send(ctx, p.event(n)); err != nil {
			return err
		}
		return p.ack(n)
	}
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after a commit
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (event) VALUES ('"+eventID(n)+"')"); err != nil {
		return err
	}
	receipt, err := sender.SendIn(ctx, p.sender, p.store.Tx(tx), p.event(n))
	if err != nil || p.rollback {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if p.unwoken {
		if p.committed.Add(1) == int64(p.count) {
			die()
		}
		select {} // until the last one is committed, too
	}
	sender.Wake(ctx, p.sender, receipt)
	return p.ack(n)
}

// die is kill -9.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // there is no after
	select {}
}

// ack notes that an event was accepted, in one write.
func (p *sending) ack(n int) error {
	_, err := p.acks.WriteString(eventID(n) + "\n")
	return err
}

// dying kills the process in place of an enqueue: the moment between the Store's
// write and the wake-up.
type dying struct {
	after int64
	seen  atomic.Int64
}

// DialHook implements redis.Hook.
func (d *dying) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements redis.Hook. An enqueue is a script.
func (d *dying) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" && d.seen.Add(1) >= d.after {
			die()
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (d *dying) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}
