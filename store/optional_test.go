package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/memstore"
)

func TestAs(t *testing.T) {
	t.Parallel()
	m := memstore.New()
	for name, tc := range map[string]struct {
		store store.Store
		want  bool
	}{
		"itself":                {m, true},
		"behind two wrappers":   {wrapped{wrapped{m}}, true},
		"behind one that hides": {wrapped{base{m}}, false},
		"not there":             {base{m}, false},
		"behind a nil":          {wrapped{nil}, false},
		"nil":                   {nil, false},
	} {
		got, ok := store.As[store.JobLoader](tc.store)
		if ok != tc.want || ok && got != store.JobLoader(m) {
			t.Errorf("%s: got %v, %t, want %t", name, got, ok, tc.want)
		}
	}
	// The outermost one that has the ability wins.
	outer := wrapped{m}
	if got, ok := store.As[wrapped](wrapped{outer}); !ok || got != (wrapped{outer}) {
		t.Errorf("got %v, %t", got, ok)
	}
}

func TestLoadJob(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(store.Store) store.Store{
		"JobLoader": func(s store.Store) store.Store { return wrapped{s} },
		"fallback":  func(s store.Store) store.Store { return base{s} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, d := setup(t)
			s := wrap(m)
			job, err := store.LoadJob(t.Context(), s, "ws_1", "dlv_1")
			if err != nil || job.Delivery != d || string(job.Event.Payload) != "{}" || job.Endpoint.URL != "https://example.com" {
				t.Errorf("got %+v, %v", job, err)
			}
			if _, err := store.LoadJob(t.Context(), s, "ws_2", "dlv_1"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("of another tenant: got error %v, want ErrNotFound", err)
			}
			orphan := store.Delivery{ID: "dlv_2", Tenant: "ws_1", EventID: "evt_gone", EndpointID: "ep_gone"}
			if err := m.CreateEvent(t.Context(), store.Event{ID: "evt_2", Tenant: "ws_1"}, []store.Delivery{orphan}); err != nil {
				t.Fatal(err)
			}
			job, err = store.LoadJob(t.Context(), s, "ws_1", "dlv_2")
			if err != nil || job.Event != nil || job.Endpoint != nil {
				t.Errorf("of an orphan: got %+v, %v, want neither event nor endpoint", job, err)
			}
		})
	}
}

// TestLoadJobErrors: only "not found" means that there is none. A database
// that is away must not look like an endpoint that was deleted.
func TestLoadJobErrors(t *testing.T) {
	t.Parallel()
	m, _ := setup(t)
	for _, s := range []*failing{{Store: m, getEvent: true}, {Store: m, getEndpoint: true}} {
		if _, err := store.LoadJob(t.Context(), s, "ws_1", "dlv_1"); !errors.Is(err, errBroken) {
			t.Errorf("got error %v, want %v", err, errBroken)
		}
	}
}

type checker struct{ store.Store }

func (checker) CheckTenant(_ context.Context, tenant string) error {
	if tenant != "ws_1" {
		return fmt.Errorf("tenant %q: %w", tenant, store.ErrNotFound)
	}
	return nil
}

func TestCheckTenant(t *testing.T) {
	t.Parallel()
	m := memstore.New()
	if err := store.CheckTenant(t.Context(), m, "anybody"); err != nil {
		t.Errorf("without a TenantChecker: %v", err)
	}
	s := wrapped{checker{m}}
	if err := store.CheckTenant(t.Context(), s, "ws_1"); err != nil {
		t.Errorf("of a tenant that exists: %v", err)
	}
	if err := store.CheckTenant(t.Context(), s, "ws_2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
}

var since = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// attempt began after and took ms milliseconds.
func attempt(id string, after time.Duration, ms int, succeeded bool) store.Attempt {
	started := since.Add(after)
	return store.Attempt{
		ID: id, StartedAt: started, Succeeded: succeeded,
		EndedAt: started.Add(time.Duration(ms) * time.Millisecond),
	}
}

func TestStatsBuckets(t *testing.T) {
	t.Parallel()
	s, d := setup(t)
	addAttempts(
		t, s, d,
		attempt("before", -time.Microsecond, 1, true),
		attempt("first", 0, 1, true),
		attempt("end of first", time.Minute-time.Microsecond, 3, false),
		attempt("second", time.Minute, 5, false),
		attempt("last", 150*time.Second-time.Microsecond, 7, true),
		attempt("after", 150*time.Second, 1, true),
	)
	got, err := store.Stats(t.Context(), s, store.StatsFilter{
		Tenant: "ws_1", EndpointID: "ep_1", Since: since, Until: since.Add(150 * time.Second), Bucket: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	const ms = time.Millisecond
	want := []store.StatsBucket{
		{Start: since, Succeeded: 1, Failed: 1, P50: ms, P95: 3 * ms, P99: 3 * ms},
		{Start: since.Add(time.Minute), Failed: 1, P50: 5 * ms, P95: 5 * ms, P99: 5 * ms},
		{Start: since.Add(2 * time.Minute), Succeeded: 1, P50: 7 * ms, P95: 7 * ms, P99: 7 * ms},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestStatsPercentiles(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][3]int{ // nearest rank, of 1 ms to n ms
		1:   {1, 1, 1},
		2:   {1, 2, 2},
		10:  {5, 10, 10},
		100: {50, 95, 99},
		201: {101, 191, 199},
	} {
		s, d := setup(t)
		var attempts []store.Attempt
		for i := range n {
			ms := (i*37)%n + 1 // each once, in no order: 37 divides none of these
			attempts = append(attempts, attempt(fmt.Sprint(i), time.Duration(i), ms, true))
		}
		addAttempts(t, s, d, attempts...)
		got, err := store.Stats(t.Context(), s, store.StatsFilter{
			Tenant: store.AllTenants, Since: since.Add(-1), Until: since.Add(time.Hour),
		})
		if err != nil || len(got) != 1 || got[0].Succeeded != n {
			t.Fatalf("of %d: got %v, %v", n, got, err)
		}
		for i, p := range []time.Duration{got[0].P50, got[0].P95, got[0].P99} {
			if p != time.Duration(want[i])*time.Millisecond {
				t.Errorf("of %d: percentile %d is %s, want %d ms", n, i, p, want[i])
			}
		}
	}
}

func TestStatsEmpty(t *testing.T) {
	t.Parallel()
	got, err := store.Stats(t.Context(), memstore.New(), store.StatsFilter{
		Tenant: "ws_1", Since: since, Until: since.Add(time.Hour), Bucket: time.Hour / store.MaxStatsBuckets,
	})
	if err != nil || len(got) != store.MaxStatsBuckets {
		t.Fatalf("got %d buckets, %v", len(got), err)
	}
	if last := got[len(got)-1]; last.Succeeded+last.Failed != 0 || last.P99 != 0 || !last.Start.Before(since.Add(time.Hour)) {
		t.Errorf("the last bucket is %+v", last)
	}
}

// TestStatsLongRange: a nanosecond over a year is a bucket of its own, also
// where a float64 no longer tells nanoseconds apart.
func TestStatsLongRange(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s, d := setup(t)
	addAttempts(t, s, d, attempt("last", 365*day, 1, true))
	got, err := store.Stats(t.Context(), s, store.StatsFilter{
		Tenant: "ws_1", Since: since, Until: since.Add(365*day + 1), Bucket: day,
	})
	if err != nil || len(got) != 366 || got[365].Succeeded != 1 {
		t.Errorf("got %d buckets, %v, want one attempt in the 366th", len(got), err)
	}
}

func TestStatsBounds(t *testing.T) {
	t.Parallel()
	good := store.StatsFilter{Tenant: "ws_1", Since: since, Until: since.Add(time.Hour)}
	for name, spoil := range map[string]func(*store.StatsFilter){
		"no tenant":         func(f *store.StatsFilter) { f.Tenant = "" },
		"no Since":          func(f *store.StatsFilter) { f.Since = time.Time{} },
		"no Until":          func(f *store.StatsFilter) { f.Until = time.Time{} },
		"Until is Since":    func(f *store.StatsFilter) { f.Until = f.Since },
		"Until before":      func(f *store.StatsFilter) { f.Until = f.Since.Add(-1) },
		"negative Bucket":   func(f *store.StatsFilter) { f.Bucket = -1 },
		"too many buckets":  func(f *store.StatsFilter) { f.Bucket = time.Hour/store.MaxStatsBuckets - 1 },
		"far too many":      func(f *store.StatsFilter) { f.Until, f.Bucket = f.Since.Add(math.MaxInt64-1), 1 },
		"too long a range":  func(f *store.StatsFilter) { f.Since = time.Unix(-1<<40, 0) },
		"a range too short": func(f *store.StatsFilter) { f.Since = f.Until },
	} {
		f := good
		spoil(&f)
		if _, err := store.Stats(t.Context(), memstore.New(), f); !errors.Is(err, store.ErrInvalidFilter) {
			t.Errorf("%s: got error %v, want ErrInvalidFilter", name, err)
		}
	}
}

type counted struct {
	store.Store
	got store.StatsFilter
}

func (s *counted) Stats(_ context.Context, f store.StatsFilter) ([]store.StatsBucket, error) {
	s.got = f
	return []store.StatsBucket{{Succeeded: 42}}, nil
}

func TestStatsSource(t *testing.T) {
	t.Parallel()
	s := &counted{Store: memstore.New()}
	f := store.StatsFilter{Tenant: "ws_1", Since: since, Until: since.Add(time.Hour)}
	got, err := store.Stats(t.Context(), wrapped{s}, f)
	if err != nil || len(got) != 1 || got[0].Succeeded != 42 {
		t.Errorf("got %v, %v", got, err)
	}
	// The source need not know the default.
	if f.Bucket = time.Hour; s.got != f {
		t.Errorf("the source was asked for %+v, want %+v", s.got, f)
	}
}

func TestStatsError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := store.StatsFilter{Tenant: "ws_1", Since: since, Until: since.Add(time.Hour)}
	if _, err := store.Stats(ctx, memstore.New(), f); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	m, d := setup(t)
	d.State = store.Failed
	if err := m.UpdateDelivery(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	f := store.PurgeFilter{Before: since}
	if _, err := store.Purge(t.Context(), base{m}, f); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a Purger: got error %v, want ErrUnsupported", err)
	}
	if n, err := store.Purge(t.Context(), wrapped{m}, f); n != 1 || err != nil {
		t.Errorf("got %d, %v, want 1", n, err)
	}
}
