package sender

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

// pickyStore refuses attempts that have headers, as a database does that cannot
// hold what is in them.
type pickyStore struct {
	store.Store
	err error // of everything else
}

var errPicky = errors.New("invalid byte sequence")

func (s pickyStore) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	if s.err != nil {
		return s.err
	}
	if a.ResponseHeader != nil {
		return errPicky
	}
	return s.Store.UpdateDelivery(ctx, d, a)
}

// recordBench is an engine with a delivery in its store and an attempt made.
func recordBench(t *testing.T, s store.Store) (*engine, store.Delivery, run) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	e, err := newEngine(Config{Store: s, Redis: client})
	if err != nil {
		t.Fatal(err)
	}
	e.recordFor = 50 * time.Millisecond
	event := store.Event{ID: "evt_1", Tenant: "t", Type: "a.b", Payload: []byte("{}"), CreatedAt: now()}
	d := newDelivery(event, "ep_1")
	if err := s.CreateEvent(t.Context(), event, []store.Delivery{d}); err != nil {
		t.Fatal(err)
	}
	d.Version = 1
	return e, d, run{
		attempt: store.Attempt{
			ID: newID("atm_"), DeliveryID: d.ID, Tenant: "t", Round: 1, Number: 1, StartedAt: now(), EndedAt: now(),
			Status: 500, ErrorClass: store.ErrorStatus, Error: "answered 500", ResponseHeader: http.Header{"X": {"\x00"}},
		},
		profile: e.cfg.Profile, verdict: retry.Retry,
	}
}

// TestRecordWithoutWhatTheStoreRefuses: otherwise the request would be repeated
// for ever, and never counted.
func TestRecordWithoutWhatTheStoreRefuses(t *testing.T) {
	t.Parallel()
	s := pickyStore{Store: memstore.New()}
	e, d, r := recordBench(t, s)
	w, err := e.write(t.Context(), d, r)
	got, a := w.d, w.a
	if err != nil || got.Attempts != 1 || got.Version != 2 || a.Status != 500 || a.ResponseHeader != nil {
		t.Fatalf("write = %+v, %+v, %v", got, a, err)
	}
	if stored, err := s.GetDelivery(t.Context(), "t", d.ID); err != nil || stored != got {
		t.Errorf("stored %+v, %v; want %+v", stored, err, got)
	}
}

func TestRecordReportsTheStoresError(t *testing.T) {
	t.Parallel()
	e, d, r := recordBench(t, pickyStore{memstore.New(), errPicky})
	if _, err := e.write(t.Context(), d, r); !errors.Is(err, errPicky) {
		t.Errorf("write = %v, want the store's error", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.write(canceled, d, r); !errors.Is(err, errPicky) {
		t.Errorf("write while stopping = %v, want the store's error", err)
	}
}

// TestSameAttemptByTwoWorkers: Redis lost the task that one of them has in hand,
// and the other got a new one. The schedule is charged once, but a success
// counts whoever had it.
func TestSameAttemptByTwoWorkers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		verdict retry.Verdict
		state   store.DeliveryState
		charged int
	}{
		"both failed":      {retry.Retry, store.Pending, 1},
		"second succeeded": {retry.Succeeded, store.Succeeded, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memstore.New()
			e, d, r := recordBench(t, s)
			first, err := e.write(t.Context(), d, r)
			if err != nil {
				t.Fatal(err)
			}
			r.attempt.ID, r.verdict = newID("atm_"), test.verdict
			second, err := e.write(t.Context(), d, r)
			got := second.d
			if err != nil || got.State != test.state || got.Attempts != test.charged {
				t.Errorf("delivery = %+v, %v", got, err)
			}
			if test.state == store.Pending && !got.NextAttemptAt.Equal(first.d.NextAttemptAt) {
				t.Errorf("the next attempt was moved from %s to %s", first.d.NextAttemptAt, got.NextAttemptAt)
			}
			page, err := s.ListAttempts(t.Context(), store.AttemptFilter{Tenant: "t", DeliveryID: d.ID})
			if err != nil || len(page.Items) != 2 {
				t.Errorf("%d attempts are recorded, %v; want 2", len(page.Items), err)
			}
		})
	}
}

// TestLastAttemptByTwoWorkers: the end is told once, and a success counts even
// after the failure.
func TestLastAttemptByTwoWorkers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		verdict retry.Verdict
		state   store.DeliveryState
	}{
		"both failed":      {retry.Retry, store.Failed},
		"second succeeded": {retry.Succeeded, store.Succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, d, r := recordBench(t, memstore.New())
			r.profile.Retry = retry.Schedule{0}
			first, err := e.write(t.Context(), d, r)
			if err != nil || first.d.State != store.Failed || !first.ended {
				t.Fatalf("the first write: %+v, %v", first, err)
			}
			r.attempt.ID, r.verdict = newID("atm_"), test.verdict
			second, err := e.write(t.Context(), d, r)
			if err != nil || second.d.State != test.state || second.ended {
				t.Errorf("the second write: %s, ended %v, %v", second.d.State, second.ended, err)
			}
		})
	}
}

// lossyStore writes and loses its first answer.
type lossyStore struct {
	store.Store
	lost bool
}

func (s *lossyStore) UpdateDelivery(ctx context.Context, d store.Delivery, a *store.Attempt) error {
	err := s.Store.UpdateDelivery(ctx, d, a)
	if !s.lost {
		s.lost = true
		return errPicky
	}
	return err
}

// TestLostAnswerTellsWhatIsStored: a policy with jitter decides anew each time it
// is asked.
func TestLostAnswerTellsWhatIsStored(t *testing.T) {
	t.Parallel()
	s := &lossyStore{Store: memstore.New()}
	e, d, r := recordBench(t, s)
	r.profile.Retry = retry.WithJitter(retry.Schedule{0, time.Hour}, 1)
	w, err := e.write(t.Context(), d, r)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.GetDelivery(t.Context(), "t", d.ID)
	if err != nil || stored != w.d || !w.a.NextAttemptAt.Equal(stored.NextAttemptAt) || w.ended {
		t.Errorf("told %+v and the next attempt at %s, stored %+v, %v", w.d, w.a.NextAttemptAt, stored, err)
	}
}

// exhaustions is a Hook that counts.
type exhaustions struct{ told int }

func (e *exhaustions) DeliveryExhausted(context.Context, DeliveryExhausted) { e.told++ }

// TestEndIsToldOnce, though two workers made the last attempt.
func TestEndIsToldOnce(t *testing.T) {
	t.Parallel()
	e, d, r := recordBench(t, memstore.New())
	hook := &exhaustions{}
	e.cfg.Hooks = []Hook{hook}
	r.profile.Retry = retry.Schedule{0}
	job := store.Job{Delivery: d, Endpoint: &store.Endpoint{ID: d.EndpointID, Tenant: d.Tenant, Version: 1}}
	for range 2 {
		r.attempt.ID = newID("atm_")
		if got, err := e.record(t.Context(), job, r); err != nil || got.State != store.Failed {
			t.Fatalf("record = %+v, %v", got, err)
		}
	}
	if hook.told != 1 {
		t.Errorf("told %d times, want once", hook.told)
	}
}
