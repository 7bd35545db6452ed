package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

var otherDrills = []drill{
	{name: "receiver-down", fault: receiverDown, patience: 45 * time.Second, more: arrivedOnSchedule},
	{name: "clocks-off", fault: setClocksOff, patience: time.Minute, more: clocksWereOff},
}

// receiverDown has the receiver refuse connections for a minute of the Jasper
// document's schedule.
func receiverDown(b *bench) error {
	down, events, rate := time.Minute, 500, 25
	if b.short {
		down, events, rate = 8*time.Second, 200, 100
	}
	schedule, ok := retry.Jasper().(retry.Schedule)
	if !ok {
		return errors.New("the Jasper document's schedule is no table")
	}
	b.setup.Retry = schedule
	if err := b.agree(); err != nil {
		return err
	}
	if err := b.startWorkers(2); err != nil {
		return err
	}
	if err := b.behave(behaviour{Refuse: true}); err != nil {
		return err
	}
	b.began = time.Now()
	sender, err := b.send(0, events, rate)
	if err != nil {
		return err
	}
	if err := b.sent(sender); err != nil {
		return err
	}
	left := down - time.Since(b.began)
	if err := b.wait(left, left); err != nil {
		return err
	}
	b.logf("the receiver is back")
	return b.behave(behaviour{})
}

// arrivedOnSchedule checks each attempt of each delivery against the table: none
// is early, none more than a second late, and the one that arrived is the
// first that the table has after the receiver was back.
func arrivedOnSchedule(b *bench, l ledger) []string {
	want := 4
	if b.short {
		want = 3
	}
	of := map[string][]store.Attempt{}
	for _, a := range l.attempts {
		of[a.DeliveryID] = append(of[a.DeliveryID], a)
	}
	var problems []string
	var lateness []time.Duration
	for _, d := range l.deliveries {
		attempts := of[d.ID]
		slices.SortFunc(attempts, func(a, b store.Attempt) int { return a.Number - b.Number })
		if len(attempts) != want || !attempts[want-1].Succeeded {
			problems = append(problems, fmt.Sprintf("%s: %d attempts, want success by number %d", d.ID, len(attempts), want))
			continue
		}
		for i := 1; i < want; i++ {
			late := attempts[i].StartedAt.Sub(attempts[i-1].EndedAt) - l.setup.Retry[i]
			lateness = append(lateness, late)
			if late < 0 || late > time.Second {
				problems = append(problems, fmt.Sprintf("%s: attempt %d came %s after the one before, want %s",
					d.ID, i+1, late+l.setup.Retry[i], l.setup.Retry[i]))
			}
		}
	}
	slices.Sort(lateness)
	if n := len(lateness); n > 0 {
		b.logf("%d attempts came late by: p50 %s, p99 %s, max %s", n, lateness[n/2], lateness[n*99/100], lateness[n-1])
	}
	return problems[:min(len(problems), 5)]
}

// setClocksOff has one of three workers two minutes ahead, and one two minutes
// behind.
func setClocksOff(b *bench) error {
	program, err := b.buildWithClock()
	if err != nil {
		return err
	}
	if err := b.agree(); err != nil {
		return err
	}
	// At any moment some sixty requests are under way.
	if err := b.behave(behaviour{MinDelay: time.Second, MaxDelay: 2 * time.Second, FailEvery: 10}); err != nil {
		return err
	}
	for name, offset := range clockOffsets {
		w := &worker{name: name, program: program, env: []string{clockOffset + "=" + offset.String()}}
		b.workers[name] = w
		if err := b.startWorker(w); err != nil {
			return err
		}
	}
	b.began = time.Now()
	sender, err := b.send(0, 2_800, 20)
	if err != nil {
		return err
	}
	// Once a minute asynq gives away what other hosts do, if their clocks are
	// behind: the rest of a lease is 30 s.
	for minute := range 2 {
		left := time.Until(b.began.Add(time.Duration(minute+1) * time.Minute))
		if err := b.wait(left, left); err != nil {
			return err
		}
		if err := b.atFault("clocks are compared"); err != nil {
			return err
		}
	}
	return b.sent(sender)
}

var clockOffsets = map[string]time.Duration{"w1": 0, "w2": 2 * time.Minute, "w3": -2 * time.Minute}

// clocksWereOff makes sure that there was a fault: a log begins with the time
// that its worker believed it was.
func clocksWereOff(b *bench, _ ledger) []string {
	var problems []string
	for name, offset := range clockOffsets {
		logFile := filepath.Join(b.dir, name+".1.log")
		text, err := os.ReadFile(logFile)
		if err != nil {
			return []string{err.Error()}
		}
		var shown string
		_, _ = fmt.Sscanf(string(text), "time=%s", &shown) // empty is no time either
		believed, err := time.Parse(time.RFC3339, shown)
		if off := believed.Sub(b.began) - offset; err != nil || off.Abs() > 30*time.Second {
			problems = append(problems, fmt.Sprintf("%s: its clock was %s from where the drill put it (%v)", name, off, err))
		}
	}
	return problems
}
