package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/outhook/outhook/store"
)

// PutReplay implements [store.ReplayStore].
func (s *Store) PutReplay(ctx context.Context, r store.Replay) error {
	return s.write(ctx, func() error {
		stored, ok := s.replays.rows[ref{r.Tenant, r.ID}]
		switch {
		case r.Version == 0 && ok:
			return fmt.Errorf("replay %q: %w", r.ID, store.ErrExists)
		case r.Version != 0 && !ok:
			return notFound("replay", r.ID)
		case r.Version != 0 && stored.Version != r.Version:
			return conflict("replay", r.ID, stored.Version, r.Version)
		}
		r.Version++
		if ok {
			r.CreatedAt = stored.CreatedAt
		}
		s.replays.put(ownReplay(r))
		return nil
	})
}

// GetReplay implements [store.ReplayStore].
func (s *Store) GetReplay(ctx context.Context, tenant, id string) (r store.Replay, err error) {
	err = s.read(ctx, func() error {
		r, err = s.replays.get("replay", ref{tenant, id})
		return err
	})
	return r, err
}

// ListReplays implements [store.ReplayStore].
func (s *Store) ListReplays(ctx context.Context, f store.ReplayFilter) (page store.Page[store.Replay], err error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return page, err
	}
	g := narrowest(f.Tenant, "", "", "")
	if g.kind == everything && len(f.States) == 1 && f.States[0] == store.ReplayRunning {
		g.kind = running
	}
	err = s.read(ctx, func() error {
		page, err = s.replays.list(query[store.Replay]{
			group: g, limit: f.Limit, cursor: f.Cursor,
			match: func(r *store.Replay) bool { return len(f.States) == 0 || slices.Contains(f.States, r.State) },
		})
		return err
	})
	return page, err
}

// removeReplays removes the oldest that have ended and were started before f.Before.
func (s *Store) removeReplays(f store.PurgeFilter, limit int) {
	var old []ref
	for r := range s.replays.all(group{kind: everything}) {
		if len(old) == limit || !r.CreatedAt.Before(f.Before) {
			break
		}
		if r.State != store.ReplayRunning {
			old = append(old, ref{r.Tenant, r.ID})
		}
	}
	for _, r := range old {
		s.replays.remove(r)
	}
}
