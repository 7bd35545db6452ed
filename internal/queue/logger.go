package queue

import (
	"fmt"
	"log/slog"
)

// logger hands asynq's messages to slog. asynq's Fatal would end the process;
// a library does not, so it is an error like others.
type logger struct{ *slog.Logger }

func (l logger) Debug(args ...any) { l.Logger.Debug("Queue: " + fmt.Sprint(args...)) }
func (l logger) Info(args ...any)  { l.Logger.Debug("Queue: " + fmt.Sprint(args...)) }
func (l logger) Warn(args ...any)  { l.Logger.Warn("Queue: " + fmt.Sprint(args...)) }
func (l logger) Error(args ...any) { l.Logger.Error("Queue: " + fmt.Sprint(args...)) }
func (l logger) Fatal(args ...any) { l.Logger.Error("Queue: " + fmt.Sprint(args...)) }
