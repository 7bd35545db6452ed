package main

import (
	"context"
	"net/http"
	"time"
)

// health answers whoever starts, stops and watches processes: 503, and which
// part it is. Redis alone is no reason to turn requests away or to end a process:
// without it events are still accepted, and are delivered once it is back.
func (s *service) health(r *http.Request) (reply, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	answer := struct {
		Status   string `json:"status"`
		Redis    string `json:"redis"`
		Database string `json:"database"`
		Workers  string `json:"workers"`
	}{Status: "ok", Redis: "ok", Database: "ok", Workers: "ok"}
	if err := s.cfg.Redis.Ping(ctx).Err(); err != nil {
		s.log.WarnContext(ctx, "Health: Redis does not answer", "error", err)
		answer.Status, answer.Redis = "degraded", "down"
	}
	if err := s.db.ping(ctx); err != nil {
		s.log.WarnContext(ctx, "Health: The database does not answer", "error", err)
		answer.Status, answer.Database = "down", "down"
	}
	switch {
	case !s.role.delivers():
		answer.Workers = "elsewhere"
	case !s.working.Load():
		answer.Status, answer.Workers = "down", "down"
	}
	if answer.Status == "down" {
		return reply{http.StatusServiceUnavailable, answer}, nil
	}
	return reply{http.StatusOK, answer}, nil
}
