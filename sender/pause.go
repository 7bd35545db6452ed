package sender

import (
	"context"
	"net/http"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

// pauseOf returns the pause that the endpoint asked for, with Retry-After on a
// 429 or 503 (RFC 9110, 10.2.3), within Config.MaxRetryAfter.
func (e *engine) pauseOf(r run) time.Duration {
	status := r.result.Status
	if e.cfg.MaxRetryAfter < 0 || status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	asked, _ := retry.ParseRetryAfter(r.result.Header, r.result.EndedAt)
	return min(asked, e.cfg.MaxRetryAfter)
}

// pauseEndpoint tells every process of the pause, and returns the endpoint as it
// is. If that cannot be done now, the next answer that asks for one does.
func (e *engine) pauseEndpoint(ctx context.Context, endpoint store.Endpoint, until time.Time) store.Endpoint {
	url := endpoint.URL
	endpoint, _ = e.changeEndpoint(ctx, endpoint, func(fresh *store.Endpoint) bool {
		if fresh.URL != url || fresh.Disabled || !fresh.PausedUntil.Before(until) {
			return false
		}
		fresh.PausedUntil = until
		return true
	})
	return endpoint
}
