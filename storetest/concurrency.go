package storetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/outhook/outhook/store"
)

// crowd is how many goroutines want the same thing at once.
const crowd = 50

var concurrencyCases = []testCase{
	{"PutEndpoint/ConcurrentCreate", "Version 0 creates: of several concurrent calls with one ID exactly one succeeds.", concurrentEndpoint},
	{"PutEndpoint/ConcurrentReplace", "PutEndpoint is compare-and-swap on Version: each version has exactly one winner.", concurrentReplace},
	{"CreateEvent/Concurrent", "Of several concurrent calls with one ID exactly one succeeds.", concurrentEvent},
	{"UpdateDelivery/Concurrent", "UpdateDelivery is compare-and-swap on Version: each version has exactly one winner, and only the winner's attempt is appended.", concurrentUpdate},
	{"CreateEvent/Atomic", "CreateEvent writes the event and its deliveries, all or nothing: nobody ever sees a part.", atomicCreate},
	{"UpdateDelivery/Atomic", "UpdateDelivery writes the delivery and appends the attempt, both or neither: nobody ever sees one without the other.", atomicUpdate},
	{"Store/Concurrent", "Methods are safe for concurrent use.", concurrentUse},
}

// race calls f in a crowd of goroutines that start together. It wants one of
// them to succeed and the others to fail with an error that wraps lost, and
// returns the winner, or -1.
func (p *probe) race(what string, lost error, f func(i int) error) int {
	p.out.Helper()
	errs := make([]error, crowd)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			defer p.reportPanic()
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()

	winner, winners := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner, winners = i, winners+1
		case !errors.Is(err, lost):
			p.Errorf("%s: got error %v, want one that wraps %q", what, err, lost)
		}
	}
	if winners != 1 {
		p.Errorf("%s: %d of %d concurrent calls succeeded, want exactly one", what, winners, crowd)
	}
	return winner
}

func concurrentEndpoint(p *probe) {
	winner := p.race("PutEndpoint", store.ErrExists, func(i int) error {
		e := newEndpoint(tenant, "ep_1")
		e.Description = fmt.Sprint(i)
		return p.store.PutEndpoint(p.ctx, e)
	})
	same(p, "GetEndpoint: the winner", p.getEndpoint(tenant, "ep_1").Description, fmt.Sprint(winner))
}

func concurrentReplace(p *probe) {
	p.putEndpoint(newEndpoint(tenant, "ep_1"))
	for version := int64(1); version <= 5; version++ {
		winner := p.race(fmt.Sprintf("PutEndpoint of version %d", version), store.ErrConflict, func(i int) error {
			e := newEndpoint(tenant, "ep_1")
			e.Version, e.Description = version, fmt.Sprint(i)
			return p.store.PutEndpoint(p.ctx, e)
		})
		same(p, "GetEndpoint: the winner", p.getEndpoint(tenant, "ep_1").Description, fmt.Sprint(winner))
	}
}

func concurrentEvent(p *probe) {
	winner := p.race("CreateEvent", store.ErrExists, func(i int) error {
		e := newEvent(tenant, "evt_1")
		e.Payload = fmt.Append(nil, i)
		return p.store.CreateEvent(p.ctx, e, []store.Delivery{newDelivery(e, fmt.Sprintf("dlv_%d", i))})
	})
	same(p, "GetEvent: the winner", string(p.getEvent(tenant, "evt_1").Payload), fmt.Sprint(winner))
	got := p.deliveries(store.DeliveryFilter{Tenant: tenant, Limit: store.MaxLimit})
	same(p, "ListDeliveries: the winner's", ids(got, deliveryID), []string{fmt.Sprintf("dlv_%d", winner)})
}

func concurrentUpdate(p *probe) {
	d := p.createDelivery(tenant, "dlv_1")
	for round := 1; round <= 5; round++ {
		winner := p.race(fmt.Sprintf("UpdateDelivery of version %d", d.Version), store.ErrConflict, func(i int) error {
			mine := d
			mine.LastStatus = i
			return p.store.UpdateDelivery(p.ctx, mine, newAttempt(d, fmt.Sprintf("att_%d_%d", round, i)))
		})
		d = p.getDelivery(tenant, "dlv_1")
		same(p, "GetDelivery: the winner", d.LastStatus, winner)
		got := p.attempts(store.AttemptFilter{Tenant: tenant, Limit: store.MaxLimit})
		same(p, "ListAttempts: how many", len(got), round)
	}
}

// watch calls look again and again while work runs, and ends the case if one
// of the two returns an error.
func (p *probe) watch(work, look func() error) {
	p.out.Helper()
	done := make(chan struct{})
	var worked, looked error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		worked = work()
	})
	wg.Go(func() {
		for looked == nil {
			looked = look()
			select {
			case <-done:
				return
			default:
			}
		}
	})
	wg.Wait()
	p.must("while others watch", errors.Join(worked, looked))
}

func atomicCreate(p *probe) {
	const events, each = 100, 3
	p.watch(func() error {
		for i := range events {
			e := newEvent(tenant, fmt.Sprintf("evt_%d", i))
			var deliveries []store.Delivery
			for j := range each {
				deliveries = append(deliveries, newDelivery(e, fmt.Sprintf("dlv_%d_%d", i, j)))
			}
			if err := p.store.CreateEvent(p.ctx, e, deliveries); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		page, err := p.store.ListDeliveries(p.ctx, store.DeliveryFilter{Tenant: tenant, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		if len(page.Items)%each != 0 {
			return fmt.Errorf("ListDeliveries: got %d deliveries of events that have %d each", len(page.Items), each)
		}
		for _, d := range page.Items[:min(1, len(page.Items))] {
			if _, err := p.store.GetEvent(p.ctx, tenant, d.EventID); err != nil {
				return fmt.Errorf("a delivery is there, but not its event: %w", err)
			}
		}
		return nil
	})
}

func atomicUpdate(p *probe) {
	const updates = 100
	created := p.createDelivery(tenant, "dlv_1")
	p.watch(func() error {
		d := created
		for i := range updates {
			a := newAttempt(d, fmt.Sprintf("att_%d", i))
			d.Attempts++
			if err := p.store.UpdateDelivery(p.ctx, d, a); err != nil {
				return err
			}
			d.Version++
		}
		return nil
	}, func() error {
		before, err := p.store.GetDelivery(p.ctx, tenant, "dlv_1")
		if err != nil {
			return err
		}
		page, err := p.store.ListAttempts(p.ctx, store.AttemptFilter{Tenant: tenant, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		after, err := p.store.GetDelivery(p.ctx, tenant, "dlv_1")
		if err != nil {
			return err
		}
		if n := len(page.Items); n < before.Attempts || n > after.Attempts {
			return fmt.Errorf("ListAttempts: got %d attempts, when the delivery had made %d to %d",
				n, before.Attempts, after.Attempts)
		}
		return nil
	})
}

// concurrentUse calls everything at once: for the race detector, and for locks
// that are taken in two orders.
func concurrentUse(p *probe) {
	p.two()
	var wg sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		wg.Go(func() {
			defer p.reportPanic()
			errs[i] = p.everything(fmt.Sprint(i))
		})
	}
	wg.Wait()
	p.must("of ten at once", errors.Join(errs...))
	got := p.deliveries(store.DeliveryFilter{Tenant: store.AllTenants, States: []store.DeliveryState{store.Succeeded}})
	same(p, "ListDeliveries: how many succeeded", len(got), len(errs))
}

// everything calls each method, on records of its own.
func (p *probe) everything(name string) error {
	endpoint := newEndpoint(tenant, "ep_"+name)
	event := newEvent(tenant, "evt_"+name)
	d := newDelivery(event, "dlv_"+name)
	a := newAttempt(d, "att_"+name)
	err := errors.Join(
		p.store.PutEndpoint(p.ctx, endpoint),
		p.store.CreateEvent(p.ctx, event, []store.Delivery{d}),
	)
	d.Version, d.State = 1, store.Succeeded
	err = errors.Join(err, p.store.UpdateDelivery(p.ctx, d, a))
	for _, c := range calls() {
		switch c.name {
		case "PutEndpoint", "DeleteEndpoint", "CreateEvent", "UpdateDelivery":
		default:
			err = errors.Join(err, c.make(p.ctx, p.store))
		}
	}
	return errors.Join(err, p.store.DeleteEndpoint(p.ctx, tenant, endpoint.ID))
}
