package integration_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// BenchmarkSweep: Redis has lost the tasks of a million overdue deliveries. It
// measures how many a second one process restores, and then what sweeping costs
// it, Redis and PostgreSQL together while nothing is lost, in percent of a core:
// the difference from the same without sweeps.
//
// asynq's queues are paused, so that nothing is worked off.
func BenchmarkSweep(b *testing.B) {
	rows, turns := backlogSize()
	watched := time.Duration(turns) * 3 * time.Second
	full := newBacklog(b, "http://127.0.0.1:1", rows, "-1 hour")
	for shard := range 2 {
		if err := full.cfg.Redis.Set(b.Context(), fmt.Sprintf("asynq:{outhook:%d}:paused", shard), 1, 0).Err(); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		full.cfg.SweepInterval = 0 // its default
		cost := full.cost(b, watched, func() {
			began := time.Now()
			for full.tasks(b) < rows {
				<-time.After(10 * time.Millisecond)
			}
			b.ReportMetric(float64(rows)/time.Since(began).Seconds(), "restored/s")
		})
		full.cfg.SweepInterval = time.Hour
		cost -= full.cost(b, watched, func() {})
		b.ReportMetric(cost, "idle-%core")
		b.ReportMetric(0, "ns/op")
	}
}

// cost runs workers, and returns the CPU time that they, their Redis and their
// connections to PostgreSQL take after ready has returned, in percent of a core.
func (l *backlog) cost(b *testing.B, watched time.Duration, ready func()) float64 {
	b.Helper()
	l.cfg.Shards, l.cfg.Concurrency, l.cfg.ShutdownTimeout = 2, 1, time.Nanosecond
	stop := l.work(b)
	defer stop()
	ready()
	pids := append(l.pids(b), os.Getpid())
	before := cpuTime(b, pids)
	<-time.After(watched)
	return 100 * (cpuTime(b, pids) - before).Seconds() / watched.Seconds()
}

// tasks is how many tasks Redis has.
func (l *backlog) tasks(b *testing.B) int {
	b.Helper()
	n, err := l.cfg.Redis.DBSize(b.Context()).Result()
	if err != nil {
		b.Fatal(err)
	}
	return int(n)
}

// redisPID is the process of a redis-server.
func redisPID(b *testing.B, client redis.UniversalClient) int {
	b.Helper()
	info, err := client.Info(b.Context(), "server").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "process_id:")
	text, _, _ := strings.Cut(after, "\r")
	pid, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return pid
}

// pids are the processes that serve the backlog: Redis and the connections.
func (l *backlog) pids(b *testing.B) []int {
	b.Helper()
	pids := []int{redisPID(b, l.cfg.Redis)}
	rows, err := l.db.QueryContext(b.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			b.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return pids
}

// cpuTime is what the processes have used so far, as Linux counts it.
func cpuTime(b *testing.B, pids []int) time.Duration {
	b.Helper()
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	var total time.Duration
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // the connection was closed
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		for _, field := range fields[11:13] { // utime and stime
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			total += time.Duration(n) * tick
		}
	}
	return total
}
