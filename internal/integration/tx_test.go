package integration_test

import (
	"errors"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
)

func order(id string) (store.Event, []store.Delivery) {
	now := time.Now()
	e := store.Event{ID: "evt_" + id, Tenant: "acme", Type: "order.paid", Payload: []byte(`{}`), CreatedAt: now}
	return e, []store.Delivery{{
		ID: "dlv_" + id, Tenant: e.Tenant, EventID: e.ID, EndpointID: "ep_1", EventType: e.Type,
		State: store.Pending, Round: 1, NextAttemptAt: now, CreatedAt: now, UpdatedAt: now,
	}}
}

// The host's row and the event are there together, or not at all.
func TestTx(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		mustExec(t, db, "CREATE TABLE orders (id text)")
		for _, commit := range []bool{false, true} {
			tx := mustBegin(t, db)
			if _, err := tx.ExecContext(t.Context(), "INSERT INTO orders VALUES ('17')"); err != nil {
				t.Fatal(err)
			}
			event, deliveries := order("17")
			if err := s.Tx(tx).CreateEvent(t.Context(), event, deliveries); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Tx(tx).GetEvent(t.Context(), "acme", event.ID); err != nil {
				t.Errorf("inside: %v", err)
			}
			if _, err := s.GetEvent(t.Context(), "acme", event.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("outside, before the end: %v, want ErrNotFound", err)
			}
			end, want := tx.Rollback, store.ErrNotFound
			if commit {
				end, want = tx.Commit, nil
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.GetEvent(t.Context(), "acme", event.ID); !errors.Is(err, want) {
				t.Errorf("commit %t: GetEvent: %v, want %v", commit, err, want)
			}
			if _, err := s.GetDelivery(t.Context(), "acme", "dlv_17"); !errors.Is(err, want) {
				t.Errorf("commit %t: GetDelivery: %v, want %v", commit, err, want)
			}
		}
	})
}

// What the Store refuses does not end the host's transaction, and leaves
// nothing half done in it.
func TestTxGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, db := d.fresh(t)
		tx := mustBegin(t, db)
		inside := s.Tx(tx)
		event, deliveries := order("1")
		other, _ := order("2")
		err := errors.Join(
			inside.CreateEvent(t.Context(), event, deliveries),
			inside.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "acme"}),
		)
		if err != nil {
			t.Fatal(err)
		}
		a := &store.Attempt{ID: "att_1", Tenant: "acme", DeliveryID: "dlv_1", StartedAt: time.Now()}
		stale := deliveries[0]
		stale.Version = 7
		for _, refused := range []struct {
			what      string
			err, want error
		}{
			{"event", inside.CreateEvent(t.Context(), event, nil), store.ErrExists},
			{"delivery", inside.CreateEvent(t.Context(), other, deliveries), store.ErrExists},
			{"endpoint", inside.PutEndpoint(t.Context(), store.Endpoint{ID: "ep_1", Tenant: "acme"}), store.ErrExists},
			{"version", inside.UpdateDelivery(t.Context(), stale, a), store.ErrConflict},
		} {
			if !errors.Is(refused.err, refused.want) {
				t.Errorf("%s: %v, want %v", refused.what, refused.err, refused.want)
			}
		}
		deliveries[0].Version, deliveries[0].State = 1, store.Succeeded
		if err := inside.UpdateDelivery(t.Context(), deliveries[0], a); err != nil {
			t.Error(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		job, err := s.LoadJob(t.Context(), "acme", "dlv_1")
		if err != nil || job.Event == nil || job.Endpoint == nil || job.Delivery.State != store.Succeeded {
			t.Errorf("LoadJob = %+v, %v; want a delivery that has succeeded, with its event and endpoint", job, err)
		}
		if _, err := s.GetEvent(t.Context(), "acme", other.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the event with a delivery that exists: %v, want ErrNotFound", err)
		}
	})
}
