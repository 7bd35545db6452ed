package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

var databaseDrills = []drill{
	{name: "postgres-stopped", short: true, fault: stopPostgres, patience: 15 * time.Second},
	{name: "single-process-killed", fault: killSingle, patience: 15 * time.Second},
	{name: "sqlite-disk-full", fault: fillDisk, patience: 30 * time.Second},
}

// stopPostgres stops it as a crash does, and starts it again.
func stopPostgres(b *bench) error {
	deliveries, times := 12_000, 5
	if b.short {
		deliveries, times = 2_000, 1
	}
	sender, err := b.begin(2, deliveries, 300)
	if err != nil {
		return err
	}
	for range times {
		if err := b.wait(2*time.Second, 4*time.Second); err != nil {
			return err
		}
		if err := b.atFault("immediate stop of PostgreSQL"); err != nil {
			return err
		}
		b.postgres.Stop()
		if err := b.wait(0, 5*time.Second); err != nil {
			return err
		}
		if err := b.postgres.Start(); err != nil {
			return err
		}
		b.logf("PostgreSQL is back")
	}
	return b.sent(sender)
}

// fillDisk has one process send and deliver with a SQLite database, on a disk
// that others fill twice.
func fillDisk(b *bench) error {
	disk := filepath.Join(b.dir, "disk")
	if err := b.mount(disk); err != nil {
		return err
	}
	b.onSQLite(disk)
	if err := b.agree(); err != nil {
		return err
	}
	if err := b.behave(busy); err != nil {
		return err
	}
	const events = 2500
	sender, err := b.send(0, events, 75, "-work")
	if err != nil {
		return err
	}
	for range 2 {
		if err := b.wait(3*time.Second, 5*time.Second); err != nil {
			return err
		}
		if err := b.atFault("the disk is full"); err != nil {
			return err
		}
		if err := fill(filepath.Join(disk, "filler")); err != nil {
			return err
		}
		if err := b.wait(8*time.Second, 8*time.Second); err != nil {
			return err
		}
		b.logf("the disk is freed")
		if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
			return err
		}
	}
	if err := b.acked(events); err != nil {
		return fmt.Errorf("%w; %s: %s", err, sender.name, b.lastLine(sender))
	}
	return nil
}

// onSQLite has the drill use a SQLite database in the directory.
func (b *bench) onSQLite(dir string) {
	b.setup.Driver = "sqlite"
	b.setup.Source = "file:" + filepath.Join(dir, "outhook.db") + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
}

// killSingle kills the one process that sends and delivers, with a SQLite
// database and a Redis inside it, and starts it again: the host sends once more
// what it has no answer for.
func killSingle(b *bench) error {
	kills := 20
	if b.short {
		kills = 5
	}
	events := 75 * kills
	b.onSQLite(b.dir)
	if err := b.agree(); err != nil {
		return err
	}
	if err := b.behave(busy); err != nil {
		return err
	}
	for range kills {
		single, err := b.send(0, events, 75, "-work", "-embedded")
		if err != nil {
			return err
		}
		if err := b.wait(500*time.Millisecond, 1500*time.Millisecond); err != nil {
			return err
		}
		b.logf("kill -9 %s", single.name)
		single.Kill()
		b.killed[single.name] = true
	}
	if _, err := b.send(0, events, 75, "-work", "-embedded"); err != nil {
		return err
	}
	return b.acked(events)
}

// mount makes a small disk, which the end of the drill takes away.
func (b *bench) mount(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		return fmt.Errorf("mount a small disk, which takes root: %w", err)
	}
	b.mounted = dir
	return nil
}

// fill writes until there is no room.
func fill(name string) error {
	filler, err := os.Create(name)
	if err != nil {
		return err
	}
	for _, size := range []int{64 << 10, 1} { // to the last byte
		block := bytes.Repeat([]byte{1}, size)
		for err == nil {
			_, err = filler.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return errors.Join(err, filler.Close())
		}
		err = nil
	}
	return filler.Close()
}

// acked waits until so many events were acknowledged.
func (b *bench) acked(n int) error {
	return b.until(fmt.Sprintf("%d events are acknowledged", n), 2*time.Minute, func() (bool, error) {
		text, err := os.ReadFile(filepath.Join(b.dir, "acks"))
		return bytes.Count(text, []byte("\n")) >= n, err
	})
}
