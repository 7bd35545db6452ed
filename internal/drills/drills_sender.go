package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var senderDrills = []drill{
	{name: "sender-killed", fault: killSender, patience: 20 * time.Second},
	{name: "commit-then-kill", short: true, fault: killUnwoken, patience: 20 * time.Second},
	{name: "rollback", fault: rollBack, patience: 20 * time.Second, more: leftNothing},
}

// killSender has senders die between the Store's write and the wake-up. The
// next one starts behind the event that the last one had no answer for, and does
// not send that again.
func killSender(b *bench) error {
	const batch = 20
	kills := 50
	if b.short {
		kills = 10
	}
	if err := b.agree(); err != nil {
		return err
	}
	if err := b.startWorkers(2); err != nil {
		return err
	}
	for i := range kills {
		enqueue := 1 + b.random.IntN(batch*b.Endpoints)
		c, err := b.send(i*batch, batch, 0, "-die-at-enqueue", strconv.Itoa(enqueue), "-ways", strconv.Itoa(1+i%4))
		if err != nil {
			return err
		}
		if err := b.died(c); err != nil {
			return err
		}
	}
	return nil
}

// died waits until the process has killed itself.
func (b *bench) died(c *child) error {
	select {
	case <-c.Done():
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	b.killed[c.name] = true
	status, ok := c.State().Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("%s ended with %s, want signal: killed: %s", c.name, c.State(), b.lastLine(c))
	}
	b.logf("%s died", c.name)
	return nil
}

// killUnwoken has senders die after the commit of their transactions and before
// they wake what they sent: twenty events each time, a thousand in all. The
// sweeper finds them.
func killUnwoken(b *bench) error {
	const batch = 20
	kills := 50
	if b.short {
		kills = 10
	}
	if err := b.agree(); err != nil {
		return err
	}
	if err := b.startWorkers(2); err != nil {
		return err
	}
	for i := range kills {
		c, err := b.send(i*batch, batch, 0, "-in-tx", "-unwoken", "-ways", strconv.Itoa(batch))
		if err != nil {
			return err
		}
		if err := b.died(c); err != nil {
			return err
		}
	}
	var committed int
	if err := b.host.db.QueryRowContext(b.ctx, "SELECT count(*) FROM orders").Scan(&committed); err != nil {
		return err
	}
	if committed != kills*batch {
		return fmt.Errorf("%d events were committed, want %d", committed, kills*batch)
	}
	return nil
}

// rollBack has a thousand transactions rolled back among some that are
// committed.
func rollBack(b *bench) error {
	rolledBack, committed := 1000, 200
	if err := b.agree(); err != nil {
		return err
	}
	if err := b.startWorkers(2); err != nil {
		return err
	}
	first, err := b.send(0, rolledBack, 0, "-in-tx", "-rollback")
	if err != nil {
		return err
	}
	second, err := b.send(rolledBack, committed, 0, "-in-tx")
	if err != nil {
		return err
	}
	if err := b.sent(first); err != nil {
		return err
	}
	if err := b.sent(second); err != nil {
		return err
	}
	// Two sweeps, which would find what should not be there.
	return b.wait(11*time.Second, 11*time.Second)
}

// leftNothing looks for traces of what was rolled back: in the tables, and
// in Redis. That the receiver got none of it every audit shows.
func leftNothing(b *bench, l ledger) []string {
	ctx := context.WithoutCancel(b.ctx)
	var problems []string
	for table, want := range map[string]int{"orders": 200, "outhook_events": 200, "outhook_deliveries": 200 * b.Endpoints} {
		var n int
		if err := b.host.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
			problems = append(problems, fmt.Sprintf("%d rows in %s, want %d (%v)", n, table, want, err))
		}
	}
	direct := b.direct()
	defer direct.Close()
	tasks, err := direct.Keys(ctx, "asynq:*:t:*").Result()
	if err != nil || len(tasks) > 0 {
		problems = append(problems, fmt.Sprintf("%d tasks are left in Redis: %s (%v)", len(tasks), strings.Join(tasks, " "), err))
	}
	if l.arrivals == nil {
		problems = append(problems, "what was committed did not arrive")
	}
	return problems
}
