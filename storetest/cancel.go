package storetest

import (
	"context"
	"time"

	"github.com/outhook/outhook/store"
)

// call is one method, called with arguments that would succeed. The records
// that it needs are written by two.
type call struct {
	name string
	make func(ctx context.Context, s store.Store) error
}

func calls() []call {
	return []call{
		{"PutEndpoint", func(ctx context.Context, s store.Store) error {
			return s.PutEndpoint(ctx, newEndpoint("t_a", "ep_new"))
		}},
		{"GetEndpoint", func(ctx context.Context, s store.Store) error {
			_, err := s.GetEndpoint(ctx, "t_a", "ep_1")
			return err
		}},
		{"ListEndpoints", func(ctx context.Context, s store.Store) error {
			_, err := s.ListEndpoints(ctx, store.EndpointFilter{Tenant: "t_a"})
			return err
		}},
		{"DeleteEndpoint", func(ctx context.Context, s store.Store) error {
			return s.DeleteEndpoint(ctx, "t_a", "ep_1")
		}},
		{"CreateEvent", func(ctx context.Context, s store.Store) error {
			e := newEvent("t_a", "evt_new")
			return s.CreateEvent(ctx, e, []store.Delivery{newDelivery(e, "dlv_new")})
		}},
		{"GetEvent", func(ctx context.Context, s store.Store) error {
			_, err := s.GetEvent(ctx, "t_a", "evt_1")
			return err
		}},
		{"GetDelivery", func(ctx context.Context, s store.Store) error {
			_, err := s.GetDelivery(ctx, "t_a", "dlv_t_a")
			return err
		}},
		{"ListDeliveries", func(ctx context.Context, s store.Store) error {
			_, err := s.ListDeliveries(ctx, store.DeliveryFilter{Tenant: "t_a"})
			return err
		}},
		{"ListDue", func(ctx context.Context, s store.Store) error {
			_, err := s.ListDue(ctx, store.DueFilter{Before: later(9)})
			return err
		}},
		{"UpdateDelivery", func(ctx context.Context, s store.Store) error {
			d := newDelivery(newEvent("t_a", "evt_1"), "dlv_t_a")
			d.Version = 2
			return s.UpdateDelivery(ctx, d, newAttempt(d, "att_new"))
		}},
		{"ListAttempts", func(ctx context.Context, s store.Store) error {
			_, err := s.ListAttempts(ctx, store.AttemptFilter{Tenant: "t_a"})
			return err
		}},
		{"LoadJob", func(ctx context.Context, s store.Store) error {
			_, err := store.LoadJob(ctx, s, "t_a", "dlv_t_a")
			return err
		}},
		{"CountDeliveries", func(ctx context.Context, s store.Store) error {
			_, err := store.CountDeliveries(ctx, s, pendingOf("t_a"), 9)
			return err
		}},
	}
}

const contextRule = "A method whose context is done returns an error that wraps ctx.Err() and has written nothing."

func contextCases() []testCase {
	var cases []testCase
	for _, c := range calls() {
		cases = append(cases, testCase{c.name + "/Canceled", contextRule, func(p *probe) { checkContext(p, c) }})
	}
	return cases
}

func checkContext(p *probe, c call) {
	p.two()
	before := p.content()

	canceled, cancel := context.WithCancel(p.ctx)
	cancel()
	p.wants(c.name+" with a canceled context", c.make(canceled, p.store), context.Canceled)

	expired, cancel := context.WithDeadline(p.ctx, time.Unix(0, 0))
	defer cancel()
	p.wants(c.name+" with an expired context", c.make(expired, p.store), context.DeadlineExceeded)

	same(p, "after "+c.name, p.content(), before)
	_, err := p.store.GetEvent(p.ctx, "t_a", "evt_new")
	p.wants("GetEvent after "+c.name, err, store.ErrNotFound)

	// The call fails for its context and for nothing else.
	p.must(c.name+" with a context that lives", c.make(p.ctx, p.store))
}
