package memstore

import (
	"context"
	"slices"

	"github.com/outhook/outhook/store"
)

// LoadJob implements [store.JobLoader].
func (s *Store) LoadJob(ctx context.Context, tenant, deliveryID string) (job store.Job, err error) {
	err = s.read(ctx, func() error {
		job.Delivery, err = s.deliveries.get("delivery", ref{tenant, deliveryID})
		if err != nil {
			return err
		}
		if event, err := s.events.get("event", ref{tenant, job.Delivery.EventID}); err == nil {
			job.Event = &event
		}
		if endpoint, err := s.endpoints.get("endpoint", ref{tenant, job.Delivery.EndpointID}); err == nil {
			job.Endpoint = &endpoint
		}
		return nil
	})
	return job, err
}

// Purge implements [store.Purger].
func (s *Store) Purge(ctx context.Context, f store.PurgeFilter) (handled int, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = store.MaxLimit
	}
	err = s.write(ctx, func() error {
		for _, e := range s.purgeable(f, limit) {
			if e.CreatedAt.Before(f.Before) {
				s.removeEvent(e)
			} else {
				s.emptyBodies(e)
			}
			handled++
		}
		s.removeReplays(f, limit)
		return nil
	})
	return handled, err
}

// purgeable returns the events that f asks to remove or to empty, oldest
// first. Those that are empty already are not among them, or a caller who
// repeats until nothing is left would never end.
func (s *Store) purgeable(f store.PurgeFilter, limit int) []*store.Event {
	var found []*store.Event
	for e := range s.events.all(group{kind: everything}) {
		remove, empty := e.CreatedAt.Before(f.Before), e.CreatedAt.Before(f.BodiesBefore)
		if len(found) == limit || !remove && !empty {
			break
		}
		if !s.isPending(e) && (remove || s.hasBodies(e)) {
			found = append(found, e)
		}
	}
	return found
}

func (s *Store) isPending(e *store.Event) bool {
	for d := range s.deliveries.all(group{byEvent, e.Tenant, e.ID}) {
		if d.State == store.Pending {
			return true
		}
	}
	return false
}

func (s *Store) hasBodies(e *store.Event) bool {
	for a := range s.attempts.all(group{byEvent, e.Tenant, e.ID}) {
		if len(a.ResponseBody) > 0 {
			return true
		}
	}
	return len(e.Payload) > 0
}

func (s *Store) removeEvent(e *store.Event) {
	g := group{byEvent, e.Tenant, e.ID}
	for _, a := range slices.Collect(s.attempts.all(g)) {
		s.attempts.remove(ref{a.Tenant, a.ID})
	}
	for _, d := range slices.Collect(s.deliveries.all(g)) {
		s.setPending(d, nil)
		s.deliveries.remove(ref{d.Tenant, d.ID})
	}
	s.events.remove(ref{e.Tenant, e.ID})
}

func (s *Store) emptyBodies(e *store.Event) {
	for a := range s.attempts.all(group{byEvent, e.Tenant, e.ID}) {
		empty := *a
		empty.ResponseBody = nil
		s.attempts.replace(&empty)
	}
	empty := *e
	empty.Payload = nil
	s.events.replace(&empty)
}
