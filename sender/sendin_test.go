package sender_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/outhook/outhook/sender"
	"github.com/outhook/outhook/sender/sendertest"
	"github.com/outhook/outhook/store"
)

var paid = sender.Event{ID: "order-17-paid", Tenant: tenant, Type: "order.paid", Payload: []byte(`{}`)}

// SendIn writes where it is told to, and nothing else happens before Wake.
func TestSendInWaitsForWake(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	s := f.sender()

	receipt, err := sender.SendIn(f.ctx, s, f.store, paid)
	if err != nil || receipt.EventID != paid.ID || len(receipt.Deliveries) != 1 || receipt.Deliveries[0].Version != 1 {
		t.Fatalf("SendIn = %+v, %v; want one delivery of version 1", receipt, err)
	}
	if keys, err := f.redis.Client().Keys(f.ctx, "*").Result(); err != nil || len(keys) != 0 {
		t.Errorf("Redis has %v, %v; want nothing before Wake", keys, err)
	}
	if accepted := told(f.told, &f.told.accepted); len(accepted) != 0 {
		t.Errorf("the hook was told of %v before Wake", accepted)
	}

	f.cfg.SweepInterval = 0 // its default is longer than the test
	f.work()
	sender.Wake(f.ctx, s, receipt)
	if accepted := told(f.told, &f.told.accepted); len(accepted) != 1 || accepted[0].Event.ID != paid.ID || len(accepted[0].Deliveries) != 1 {
		t.Errorf("the hook was told of %+v, want the event with its delivery", accepted)
	}
	f.ended(receipt.Deliveries[0])
	if n := len(r.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// The payload is the host's again as soon as SendIn has returned.
func TestSendInKeepsNoPayloadOfTheHosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	s := f.sender()
	buffer := []byte(`{"order":17}`)
	event := paid
	event.Payload = buffer
	receipt, err := sender.SendIn(f.ctx, s, f.store, event)
	if err != nil {
		t.Fatal(err)
	}
	copy(buffer, `{"order":18}`)
	sender.Wake(f.ctx, s, receipt)
	accepted := told(f.told, &f.told.accepted)
	if len(accepted) != 1 || string(accepted[0].Event.Payload) != `{"order":17}` {
		t.Errorf("the hook was told of %+v, want order 17", accepted)
	}
	f.work()
	f.ended(receipt.Deliveries[0])
	if got := r.Requests(); len(got) != 1 || string(got[0].Body) != `{"order":17}` {
		t.Errorf("the receiver got %+v, want order 17", got)
	}
}

// A host that died between its commit and Wake is no loss.
func TestSendInIsFoundWithoutWake(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receiver()
	receipt, err := sender.SendIn(f.ctx, f.sender(), f.store, paid)
	if err != nil {
		t.Fatal(err)
	}
	f.work()
	if d := f.ended(receipt.Deliveries[0]); d.State != store.Succeeded {
		t.Errorf("the delivery is %s, want succeeded", d.State)
	}
}

// The same event again, as after a commit whose answer was lost: its pending
// deliveries can be woken, and the hook is told once.
func TestSendInTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receiver()
	s := f.sender()
	first, err := sender.SendIn(f.ctx, s, f.store, paid)
	if err != nil {
		t.Fatal(err)
	}
	second, err := sender.SendIn(f.ctx, s, f.store, paid)
	if err != nil || !second.Duplicate || len(second.Deliveries) != 1 {
		t.Fatalf("SendIn again = %+v, %v; want a duplicate", second, err)
	}
	sender.Wake(f.ctx, s, first, second)
	f.work()
	f.ended(first.Deliveries[0])
	if accepted := told(f.told, &f.told.accepted); len(accepted) != 1 {
		t.Errorf("the hook was told %d times", len(accepted))
	}
}

// A receipt of a rolled-back transaction: there is nothing to deliver.
func TestWakeOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.receiver()
	s := f.sender()
	receipt := sender.Receipt{EventID: "evt_gone", Deliveries: []store.Delivery{{
		ID: "dlv_gone", Tenant: tenant, EventID: "evt_gone", State: store.Pending, Round: 1,
	}}}
	sender.Wake(f.ctx, s, receipt)
	f.work()
	f.ended(f.send())
	f.eventually(func() bool {
		keys, err := f.redis.Client().Keys(f.ctx, "asynq:{*}:t:*").Result()
		return err == nil && len(keys) == 0
	})
	if n := len(r.Requests()); n != 1 {
		t.Errorf("%d requests, want that of the other event alone", n)
	}
}

// A transaction at repeatable read may collide with an event that it cannot see.
func TestSendInOfAnEventThatIsNotSeen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.createEvent = func(context.Context, store.Event, []store.Delivery) error { return store.ErrExists }
	_, err := sender.SendIn(f.ctx, f.sender(), f.store, paid)
	if !errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("SendIn = %v, want a conflict", err)
	}
}

func TestSendInRefusesANilStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := sender.SendIn(f.ctx, f.sender(), nil, paid)
	if !errors.Is(err, sender.ErrInvalid) || !strings.HasPrefix(err.Error(), "in is nil, must be") {
		t.Errorf("SendIn = %v, want an error that names the argument", err)
	}
}

// plainSender has the three verbs alone.
type plainSender struct{ sender.Sender }

// wrapper shows what it wraps.
type wrapper struct{ plainSender }

func (w wrapper) Unwrap() sender.Sender { return w.Sender }

func TestSendInThroughWrappers(t *testing.T) {
	t.Parallel()
	var fake sendertest.Sender
	ctx := context.Background()
	receipt, err := sender.SendIn(ctx, wrapper{plainSender{&fake}}, nil, paid)
	if err != nil {
		t.Fatal(err)
	}
	sender.Wake(ctx, wrapper{plainSender{&fake}}, receipt)
	if events, woken := fake.Events(), fake.Woken(); len(events) != 1 || len(woken) != 1 || woken[0] != paid.ID {
		t.Errorf("the fake has the events %v and woke %v", events, woken)
	}
	if _, err := sender.SendIn(ctx, plainSender{&fake}, nil, paid); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("through a wrapper that hides it: %v, want ErrUnsupported", err)
	}
	sender.Wake(ctx, plainSender{&fake}, receipt) // the sweeper's task
	if len(fake.Woken()) != 1 {
		t.Error("a wrapper that hides it woke the event")
	}
}
