package queue

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// logger hands asynq's messages to slog. asynq repeats what is wrong several
// times a second while Redis is down: of messages that begin alike one a minute
// gets through, with the number of those that did not. asynq's Fatal would end
// the process; a library does not, so it is an error like others.
type logger struct {
	log *slog.Logger

	mu   sync.Mutex
	seen map[string]*repeated
}

type repeated struct {
	since time.Time
	held  int
}

const (
	logInterval = time.Minute
	logPrefix   = 24  // how much of a message tells it from others
	logSeen     = 100 // messages that are told apart
)

func newLogger(log *slog.Logger) *logger {
	return &logger{log: log, seen: map[string]*repeated{}}
}

// Debug implements asynq.Logger.
func (l *logger) Debug(args ...any) { l.say(slog.LevelDebug, args) }

// Info implements asynq.Logger. What asynq is informed of is detail to a host.
func (l *logger) Info(args ...any) { l.say(slog.LevelDebug, args) }

// Warn implements asynq.Logger.
func (l *logger) Warn(args ...any) { l.say(slog.LevelWarn, args) }

// Error implements asynq.Logger.
func (l *logger) Error(args ...any) { l.say(slog.LevelError, args) }

// Fatal implements asynq.Logger.
func (l *logger) Fatal(args ...any) { l.say(slog.LevelError, args) }

func (l *logger) say(level slog.Level, args []any) {
	text := fmt.Sprint(args...)
	held, ok := l.admit(text[:min(len(text), logPrefix)])
	if !ok {
		return
	}
	var attrs []any
	if held > 0 {
		attrs = append(attrs, slog.Int("held_back", held))
	}
	l.log.Log(context.Background(), level, "Queue: "+text, attrs...)
}

// admit reports whether a message gets through, and how many of its like did
// not since the last.
func (l *logger) admit(prefix string) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	last := l.seen[prefix]
	if last != nil && now.Sub(last.since) < logInterval {
		last.held++
		return 0, false
	}
	if last != nil {
		held = last.held
	} else if len(l.seen) == logSeen {
		clear(l.seen)
	}
	l.seen[prefix] = &repeated{since: now}
	return held, true
}
