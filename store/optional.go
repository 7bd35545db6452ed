package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// As finds the first Store in s's chain that is a T. The chain is s itself,
// then what its Unwrap() Store method returns, and so on: a wrapper that adds
// logging does not hide the abilities of what it wraps.
//
// A wrapper that changes what the base methods mean implements the optional
// interfaces itself, or has no Unwrap.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	var zero T
	return zero, false
}

// Job is what an attempt needs.
type Job struct {
	// Delivery is the one that is due.
	Delivery Delivery
	// Event is nil if it was purged.
	Event *Event
	// Endpoint is nil if it was deleted.
	Endpoint *Endpoint
}

// JobLoader is a Store that loads a job in one query.
type JobLoader interface {
	// LoadJob returns ErrNotFound if the tenant has no such delivery.
	LoadJob(ctx context.Context, tenant, deliveryID string) (Job, error)
}

// LoadJob loads a delivery with its event and endpoint. If s is a [JobLoader]
// it calls that, otherwise it makes three gets.
func LoadJob(ctx context.Context, s Store, tenant, deliveryID string) (Job, error) {
	if loader, ok := As[JobLoader](s); ok {
		return loader.LoadJob(ctx, tenant, deliveryID)
	}
	d, err := s.GetDelivery(ctx, tenant, deliveryID)
	if err != nil {
		return Job{}, err
	}
	job := Job{Delivery: d}
	event, err := s.GetEvent(ctx, tenant, d.EventID)
	switch {
	case err == nil:
		job.Event = &event
	case !errors.Is(err, ErrNotFound):
		return Job{}, err
	}
	endpoint, err := s.GetEndpoint(ctx, tenant, d.EndpointID)
	switch {
	case err == nil:
		job.Endpoint = &endpoint
	case !errors.Is(err, ErrNotFound):
		return Job{}, err
	}
	return job, nil
}

// TenantChecker is a Store that knows the host's tenants.
type TenantChecker interface {
	// CheckTenant returns an error wrapping ErrNotFound if there is no such
	// tenant.
	CheckTenant(ctx context.Context, tenant string) error
}

// CheckTenant asks s whether it knows the tenant. If s is no [TenantChecker]
// every tenant is known: Outhook itself keeps no list of them.
func CheckTenant(ctx context.Context, s Store, tenant string) error {
	if checker, ok := As[TenantChecker](s); ok {
		return checker.CheckTenant(ctx, tenant)
	}
	return nil
}

// StatsFilter selects the attempts that statistics are about. Whole hours of UTC,
// in Since, Until and Bucket, are what a [StatsRoller] has the sums of: asked for
// so, statistics do not cost more where there are more attempts. Until may also
// be now, or later.
type StatsFilter struct {
	// Tenant is required: a tenant, or AllTenants.
	Tenant string
	// EndpointID narrows it to one endpoint.
	EndpointID string
	// Since and Until are required: Since <= StartedAt < Until.
	Since time.Time
	Until time.Time
	// Bucket is the length of a bucket; the first begins at Since. Zero means
	// one bucket for the whole range. There may be at most MaxStatsBuckets.
	Bucket time.Duration
}

// MaxStatsBuckets bounds what one call of [Stats] returns.
const MaxStatsBuckets = 1000

// StatsBucket is what happened in one stretch of time.
type StatsBucket struct {
	// Start is where the bucket begins.
	Start time.Time
	// Succeeded and Failed count attempts.
	Succeeded int
	Failed    int
	// P50, P95 and P99 are percentiles (nearest rank) of the attempts'
	// duration; zero in an empty bucket. Of attempts that were summed up they are
	// within 5 % of it: see [StatsRoller].
	P50, P95, P99 time.Duration
}

// StatsSource is a Store that computes statistics itself.
type StatsSource interface {
	// Stats returns every bucket of the range, in order, empty ones too. Counts
	// and percentiles are exact, but for what a [StatsRoller] has summed up: there
	// percentiles may be 5 % off. The filter has been checked.
	Stats(ctx context.Context, f StatsFilter) ([]StatsBucket, error)
}

// Stats counts attempts by time. If s is a [StatsSource] it calls that,
// otherwise it reads the attempts. A filter out of bounds gives an error
// wrapping [ErrInvalidFilter].
func Stats(ctx context.Context, s Store, f StatsFilter) ([]StatsBucket, error) {
	if err := CheckTenantFilter(f.Tenant); err != nil {
		return nil, err
	}
	if f.Since.IsZero() || !f.Until.After(f.Since) {
		return nil, fmt.Errorf("%w: Since and Until must be set, Until after Since", ErrInvalidFilter)
	}
	if f.Bucket < 0 {
		return nil, fmt.Errorf("%w: Bucket is %s, must not be negative", ErrInvalidFilter, f.Bucket)
	}
	span := f.Until.Sub(f.Since)
	if span == math.MaxInt64 { // where Sub saturates
		return nil, fmt.Errorf("%w: Since and Until are more than 292 years apart", ErrInvalidFilter)
	}
	if f.Bucket == 0 {
		f.Bucket = span
	}
	buckets := (span-1)/f.Bucket + 1
	if buckets > MaxStatsBuckets {
		return nil, fmt.Errorf("%w: Bucket %s makes %d buckets, at most %d are allowed",
			ErrInvalidFilter, f.Bucket, buckets, MaxStatsBuckets)
	}
	if source, ok := As[StatsSource](s); ok {
		return source.Stats(ctx, f)
	}
	return countAttempts(ctx, s, f, int(buckets))
}

func countAttempts(ctx context.Context, s Store, f StatsFilter, buckets int) ([]StatsBucket, error) {
	stats := make([]StatsBucket, buckets)
	durations := make([][]time.Duration, buckets)
	attempts := AllAttempts(ctx, s, AttemptFilter{
		Tenant: f.Tenant, EndpointID: f.EndpointID, Since: f.Since, Until: f.Until, Limit: MaxLimit,
	})
	for a, err := range attempts {
		if err != nil {
			return nil, err
		}
		i := int(a.StartedAt.Sub(f.Since) / f.Bucket)
		if a.Succeeded {
			stats[i].Succeeded++
		} else {
			stats[i].Failed++
		}
		durations[i] = append(durations[i], a.Duration())
	}
	for i := range stats {
		stats[i].Start = f.Since.Add(time.Duration(i) * f.Bucket)
		slices.Sort(durations[i])
		stats[i].P50 = percentile(durations[i], 50)
		stats[i].P95 = percentile(durations[i], 95)
		stats[i].P99 = percentile(durations[i], 99)
	}
	return stats, nil
}

// percentile returns the nearest-rank percentile of sorted durations.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[rank-1]
}

// StatsRoller is a [StatsSource] that keeps sums of its attempts by the hour, so
// that it need not read all of them for [Stats]. Sums outlive the attempts: what is
// purged after it was summed up is still counted, for as long as the Store keeps
// sums.
type StatsRoller interface {
	// RollStats sums up the attempts that started before a time and have not been
	// summed up, the oldest first, and returns how many they were: about limit at
	// most, as those that started at the same time go together. Fewer than limit
	// mean that nothing is left to do now, or that somebody else is at it. However
	// often and wherever it is called, at the same time too, each attempt is counted
	// once.
	//
	// Attempts that are recorded later are counted if they started after all that
	// were summed up, and may be missing if not: before is a time from which on
	// attempts may still come.
	RollStats(ctx context.Context, before time.Time, limit int) (int, error)
}

// RollStats sums up attempts for [Stats]; a limit of zero or less means MaxLimit.
// If s is no [StatsRoller] it returns an error wrapping [errors.ErrUnsupported]:
// there is no need for sums where there is no place for them.
func RollStats(ctx context.Context, s Store, before time.Time, limit int) (int, error) {
	roller, ok := As[StatsRoller](s)
	if !ok {
		return 0, fmt.Errorf("roll stats: %T: %w", s, errors.ErrUnsupported)
	}
	if limit <= 0 {
		limit = MaxLimit
	}
	return roller.RollStats(ctx, before, limit)
}

// PurgeFilter says what is old enough to go.
type PurgeFilter struct {
	// Before removes events created before it, with their deliveries and
	// attempts, unless one of the deliveries is still pending. A [ReplayStore]
	// removes the replays, too, that were started before it and have ended; they
	// are not counted. Zero removes none. The sums of a [StatsRoller] stay.
	Before time.Time
	// BodiesBefore empties the payloads and response bodies of such events
	// created before it, and keeps the rows. Zero empties none.
	BodiesBefore time.Time
	// Limit is the most events to handle in one call. Defaults to MaxLimit.
	Limit int
}

// Purger is a Store that removes what is old.
type Purger interface {
	// Purge removes a bounded batch and returns the number of events handled;
	// fewer than the limit means that nothing is left to do now.
	Purge(ctx context.Context, f PurgeFilter) (int, error)
}

// Purge removes old records. If s is no [Purger] it returns an error wrapping
// [errors.ErrUnsupported]: nothing can be removed through the base interface.
func Purge(ctx context.Context, s Store, f PurgeFilter) (int, error) {
	purger, ok := As[Purger](s)
	if !ok {
		return 0, fmt.Errorf("purge: %T: %w", s, errors.ErrUnsupported)
	}
	if f.Limit <= 0 {
		f.Limit = MaxLimit
	}
	return purger.Purge(ctx, f)
}
