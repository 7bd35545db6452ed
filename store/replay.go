package store

import (
	"context"
	"slices"
	"time"
)

// Replay is a bulk replay that is carried out in the background: which deliveries
// it is about, and how far it has come. Package sender starts and runs it.
type Replay struct {
	// ID identifies the replay within its tenant.
	ID string
	// Tenant is the host's customer whose deliveries are replayed.
	Tenant string
	// EndpointID, EventType, States, Since and Until say which, as in
	// [DeliveryFilter].
	EndpointID string
	EventType  string
	States     []DeliveryState
	Since      time.Time
	Until      time.Time
	// State is where it stands.
	State ReplayState
	// Total is how many deliveries matched when it was started, counted up to a
	// bound.
	Total int
	// Replayed counts the deliveries that it made pending again, and Skipped those
	// that it came across and left as they are.
	Replayed int
	Skipped  int
	// Cursor is where it goes on: a Cursor of [DeliveryFilter].
	Cursor string
	// CreatedAt is when it was started.
	CreatedAt time.Time
	// UpdatedAt is when it last came on, or CreatedAt while it waits for a process.
	// The one that works on it writes it every few seconds.
	UpdatedAt time.Time
	// EndedAt is when it was finished or canceled; zero while it is running.
	EndedAt time.Time
	// Version counts the writes, for compare-and-swap. See [ReplayStore].
	Version int64
}

// Clone returns a copy that shares no memory with r.
func (r Replay) Clone() Replay {
	r.States = slices.Clone(r.States)
	return r
}

// ReplayState is where a replay stands.
type ReplayState string

// The states of a replay. The last two are an end.
const (
	// ReplayRunning: it goes on at Cursor.
	ReplayRunning ReplayState = "running"
	// ReplayFinished: it has come to the end of the deliveries that match.
	ReplayFinished ReplayState = "finished"
	// ReplayCanceled: it was stopped. What was replayed by then stays replayed.
	ReplayCanceled ReplayState = "canceled"
)

// ReplayStore is a Store that keeps bulk replays. The rules of package store hold
// for its methods as well.
type ReplayStore interface {
	// PutReplay writes r, compare-and-swap on r.Version, and stores it with
	// Version r.Version+1. Version 0 creates: if the tenant has a replay of that
	// ID it returns an error wrapping ErrExists. Any other Version replaces: it
	// returns ErrNotFound if there is no such replay and ErrConflict if the stored
	// Version differs. CreatedAt of a replay never changes.
	PutReplay(ctx context.Context, r Replay) error

	// GetReplay returns ErrNotFound if the tenant has no such replay.
	GetReplay(ctx context.Context, tenant, id string) (Replay, error)

	// ListReplays returns the replays that match, newest first: by CreatedAt, then
	// ID, both descending. Those of AllTenants that are running are listed every
	// second, and the others must not be read for it.
	ListReplays(ctx context.Context, f ReplayFilter) (Page[Replay], error)
}

// ReplayFilter selects replays. Each field that is not zero narrows it.
type ReplayFilter struct {
	// Tenant is required: a tenant, or AllTenants.
	Tenant string
	// States selects any of the states; empty means all.
	States []ReplayState
	// Limit is the most items to return. Defaults to DefaultLimit.
	Limit int
	// Cursor continues a list: Next of the page before, with the same filter.
	Cursor string
}
