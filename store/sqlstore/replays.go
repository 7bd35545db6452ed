package sqlstore

import (
	"context"
	"slices"

	"github.com/outhook/outhook/store"
)

// PutReplay implements [store.ReplayStore].
func (s *Store) PutReplay(ctx context.Context, r store.Replay) error {
	err := s.write(ctx, func(q Querier) error {
		r := r // which put changes, and it may be called again
		return s.replays.put(ctx, q, &r, r.Tenant, r.ID, &r.Version)
	})
	if err != nil {
		return recordError(ctx, "replay", r.ID, err)
	}
	return nil
}

// GetReplay implements [store.ReplayStore].
func (s *Store) GetReplay(ctx context.Context, tenant, id string) (store.Replay, error) {
	return getRecord(ctx, s, &s.replays, tenant, id)
}

// ListReplays implements [store.ReplayStore].
func (s *Store) ListReplays(ctx context.Context, f store.ReplayFilter) (store.Page[store.Replay], error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return store.Page[store.Replay]{}, err
	}
	q := query{dialect: s.dialect}
	q.tenant(f.Tenant)
	queries := []query{q}
	if slices.Equal(f.States, []store.ReplayState{store.ReplayRunning}) {
		queries[0].and("state = 'running'") // a constant, as in the partial index
	} else {
		queries = eachOf(q, "state", f.States)
	}
	return page(ctx, s, &s.replays, queries, newestFirst("created_at"), f.Limit, f.Cursor,
		func(r store.Replay) place { return place{r.CreatedAt, r.ID, r.Tenant} })
}

// purgeReplays removes the oldest replays that have ended, and passes over those
// that another Purge is about to remove.
func (s *Store) purgeReplays(ctx context.Context, q Querier, f store.PurgeFilter, limit int) error {
	old, err := readRows(ctx, q, func(r *reference) []any { return []any{&r.Tenant, &r.ID} },
		s.queries.purge.chooseReplays, s.dialect.bound(f.Before), limit)
	if err != nil {
		return err
	}
	for _, r := range old { // there are few
		if _, err := q.Exec(ctx, s.replays.remove, r.Tenant, r.ID); err != nil {
			return err
		}
	}
	return nil
}
