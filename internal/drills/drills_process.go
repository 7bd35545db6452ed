package main

import (
	"time"
)

// The answers of a receiver take this long, so that there are requests under
// way when something dies, and a few deliveries wait for their second attempt.
var busy = behaviour{MinDelay: 5 * time.Millisecond, MaxDelay: 20 * time.Millisecond, FailEvery: 10}

var processDrills = []drill{
	{name: "worker-killed", short: true, fault: killWorkers, patience: 30 * time.Second},
	{name: "rolling-restart", short: true, fault: restartWorkers, patience: 15 * time.Second},
}

// begin starts so many workers and a sender of so many deliveries a second.
func (b *bench) begin(workers, deliveries, rate int) (*child, error) {
	if err := b.agree(); err != nil {
		return nil, err
	}
	if err := b.behave(busy); err != nil {
		return nil, err
	}
	if err := b.startWorkers(workers); err != nil {
		return nil, err
	}
	return b.send(0, deliveries/b.Endpoints, rate/b.Endpoints)
}

// killWorkers kills one of two workers, again and again, at random moments, and
// starts it again.
func killWorkers(b *bench) error {
	deliveries, kills := 20_000, 100
	if b.short {
		deliveries, kills = 1_500, 10
	}
	sender, err := b.begin(2, deliveries, 300)
	if err != nil {
		return err
	}
	if err := b.arrived(10); err != nil {
		return err
	}
	every := time.Duration(deliveries/kills) * time.Second / 300
	for range kills {
		if err := b.wait(every/4, every*3/2); err != nil {
			return err
		}
		w := b.workers[[]string{"w1", "w2"}[b.random.IntN(2)]]
		b.kill(w)
		if err := b.startWorker(w); err != nil {
			return err
		}
	}
	return b.sent(sender)
}

// restartWorkers is a deployment: each of three workers ends in peace and is
// replaced, under load. There is no excuse for a duplicate.
func restartWorkers(b *bench) error {
	deliveries, rounds := 9_000, 5
	if b.short {
		deliveries, rounds = 1_200, 1
	}
	sender, err := b.begin(3, deliveries, 300)
	if err != nil {
		return err
	}
	if err := b.arrived(50); err != nil {
		return err
	}
	for range rounds {
		for _, name := range []string{"w1", "w2", "w3"} {
			w := b.workers[name]
			if err := b.stop(w.child); err != nil {
				return err
			}
			if err := b.startWorker(w); err != nil {
				return err
			}
			if err := b.wait(200*time.Millisecond, 1200*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return b.sent(sender)
}
