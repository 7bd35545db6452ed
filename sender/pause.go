package sender

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

// endpointTries bounds how often a change of an endpoint is tried that others
// change at the same time.
const endpointTries = 5

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
// is. If that cannot be done now, the next attempt's answer asks again.
func (e *engine) pauseEndpoint(ctx context.Context, asked store.Endpoint, until time.Time) store.Endpoint {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	endpoint := asked
	for range endpointTries {
		if !endpoint.PausedUntil.Before(until) || endpoint.URL != asked.URL {
			return endpoint
		}
		endpoint.PausedUntil = until
		err := e.cfg.Store.PutEndpoint(ctx, endpoint)
		if err == nil {
			endpoint.Version++
			return endpoint
		}
		if errors.Is(err, store.ErrConflict) {
			endpoint, err = e.cfg.Store.GetEndpoint(ctx, asked.Tenant, asked.ID)
		}
		if err != nil {
			e.log.Warn("Worker: Could not store an endpoint's pause", "endpoint", asked.ID, "error", err)
			break
		}
	}
	asked.PausedUntil = until
	return asked
}
