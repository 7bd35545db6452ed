package store

import (
	"context"
	"errors"
	"time"
)

// The decisions a Store reports. Implementations wrap them, callers test with
// errors.Is. Any other error means that the Store could not do its work now;
// the caller tries again.
var (
	// ErrNotFound: the tenant has no record of that id.
	ErrNotFound = errors.New("not found")
	// ErrExists: a record of that id exists already.
	ErrExists = errors.New("already exists")
	// ErrConflict: the record has changed since the caller read it.
	ErrConflict = errors.New("changed by somebody else")
	// ErrInvalidFilter: a filter names no tenant, or half of an endpoint, or
	// its cursor is not one that this Store gave out.
	ErrInvalidFilter = errors.New("invalid filter")
)

// Store keeps endpoints, events, deliveries and attempts. The package comment
// has the rules that hold for every method.
//
// A host whose endpoints live in tables of its own implements [EndpointStore]
// alone and composes it with another Store:
//
//	type hostStore struct {
//		store.EndpointStore // the host's
//		store.EventStore    // of a built-in store
//		store.DeliveryStore // of the same built-in store
//	}
type Store interface {
	EndpointStore
	EventStore
	DeliveryStore
}

// EndpointStore keeps the endpoints of all tenants.
type EndpointStore interface {
	// PutEndpoint writes e, compare-and-swap on e.Version, and stores it with
	// Version e.Version+1. Version 0 creates: if the tenant has an endpoint of
	// that ID it returns an error wrapping ErrExists. Any other Version
	// replaces: it returns ErrNotFound if there is no such endpoint and
	// ErrConflict if the stored Version differs.
	PutEndpoint(ctx context.Context, e Endpoint) error

	// GetEndpoint returns ErrNotFound if the tenant has no such endpoint.
	GetEndpoint(ctx context.Context, tenant, id string) (Endpoint, error)

	// ListEndpoints returns the endpoints that match, newest first: by
	// CreatedAt, then ID, both descending.
	ListEndpoints(ctx context.Context, f EndpointFilter) (Page[Endpoint], error)

	// DeleteEndpoint removes the endpoint. Its deliveries and attempts stay.
	// It returns ErrNotFound if there is none.
	DeleteEndpoint(ctx context.Context, tenant, id string) error
}

// EventStore keeps the events of all tenants.
type EventStore interface {
	// CreateEvent writes the event and its deliveries, all or nothing. Each
	// delivery is stored with Version 1. If the tenant has an event of that
	// ID, or one of the deliveries exists already, it writes nothing and
	// returns an error wrapping ErrExists; of several concurrent calls with
	// one ID exactly one succeeds. There may be no deliveries.
	CreateEvent(ctx context.Context, e Event, deliveries []Delivery) error

	// GetEvent returns ErrNotFound if the tenant has no such event.
	GetEvent(ctx context.Context, tenant, id string) (Event, error)
}

// DeliveryStore keeps the deliveries and attempts of all tenants.
type DeliveryStore interface {
	// GetDelivery returns ErrNotFound if the tenant has no such delivery.
	GetDelivery(ctx context.Context, tenant, id string) (Delivery, error)

	// ListDeliveries returns the deliveries that match, newest first: by
	// CreatedAt, then ID, both descending.
	ListDeliveries(ctx context.Context, f DeliveryFilter) (Page[Delivery], error)

	// ListDue returns the pending deliveries, of all tenants or of one
	// endpoint, whose NextAttemptAt is before f.Before, the longest overdue
	// first: by NextAttemptAt, then ID, both ascending. A delivery whose
	// NextAttemptAt is zero is not due. It is called every few seconds and must
	// not read those that are not due, nor, for one endpoint, those of others.
	// It returns ErrInvalidFilter as CheckDueFilter does.
	ListDue(ctx context.Context, f DueFilter) (Page[Delivery], error)

	// UpdateDelivery writes d, compare-and-swap on d.Version, stores it with
	// Version d.Version+1, and, if a is not nil, appends the attempt: both or
	// neither. It returns ErrNotFound if there is no such delivery and
	// ErrConflict if the stored Version differs. Tenant, EventID, EndpointID,
	// EventType and CreatedAt of a delivery never change.
	UpdateDelivery(ctx context.Context, d Delivery, a *Attempt) error

	// ListAttempts returns the attempts that match, newest first: by
	// StartedAt, then ID, both descending.
	ListAttempts(ctx context.Context, f AttemptFilter) (Page[Attempt], error)
}

// AllTenants, as a filter's Tenant, asks for the records of every tenant: for
// the host's operators, never for a tenant's own request.
const AllTenants = "*"

// The bounds of a page.
const (
	// DefaultLimit is the size of a page whose filter has no Limit.
	DefaultLimit = 50
	// MaxLimit is the largest page; a larger Limit is lowered to it.
	MaxLimit = 1000
)

// Page is one part of a list. Following Next visits every record that was
// there from the start and keeps its place exactly once, whatever else is
// written meanwhile; also when records of several tenants share time and id.
type Page[T any] struct {
	// Items are the records, in the list's order.
	Items []T
	// Next is the Cursor of the following page; empty after the last one. A
	// page of exactly Limit items may be followed by an empty one.
	Next string
}

// EndpointFilter selects endpoints. Each field that is not zero narrows it.
type EndpointFilter struct {
	// Tenant is required: a tenant, or AllTenants.
	Tenant string
	// Limit is the most items to return. Defaults to DefaultLimit.
	Limit int
	// Cursor continues a list: Next of the page before, with the same filter.
	Cursor string
}

// DeliveryFilter selects deliveries. Each field that is not zero narrows it.
type DeliveryFilter struct {
	// Tenant is required: a tenant, or AllTenants.
	Tenant string
	// EndpointID, EventID and EventType select by what goes where. EventType
	// is exact.
	EndpointID string
	EventID    string
	EventType  string
	// States selects any of the states; empty means all.
	States []DeliveryState
	// Since and Until bound CreatedAt: Since <= CreatedAt < Until.
	Since time.Time
	Until time.Time
	// Limit is the most items to return. Defaults to DefaultLimit.
	Limit int
	// Cursor continues a list: Next of the page before, with the same filter.
	Cursor string
}

// DueFilter selects pending deliveries by when they are due.
type DueFilter struct {
	// Before is required.
	Before time.Time
	// Tenant and EndpointID, which are set both or neither, narrow it to the
	// deliveries of one endpoint. Tenant is never AllTenants: the same id in
	// two tenants is two endpoints.
	Tenant     string
	EndpointID string
	// Limit is the most items to return. Defaults to DefaultLimit.
	Limit int
	// Cursor continues a list: Next of the page before, of the same endpoint.
	// Before may differ.
	Cursor string
}

// AttemptFilter selects attempts. Each field that is not zero narrows it.
type AttemptFilter struct {
	// Tenant is required: a tenant, or AllTenants.
	Tenant string
	// DeliveryID, EndpointID, EventID and EventType select by what it was for.
	// EventType is exact.
	DeliveryID string
	EndpointID string
	EventID    string
	EventType  string
	// Outcome selects attempts that succeeded or failed; empty means both.
	Outcome Outcome
	// Since and Until bound StartedAt: Since <= StartedAt < Until.
	Since time.Time
	Until time.Time
	// Limit is the most items to return. Defaults to DefaultLimit.
	Limit int
	// Cursor continues a list: Next of the page before, with the same filter.
	Cursor string
}

// Outcome is how an attempt ended, for filters.
type Outcome string

// The outcomes of an attempt.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeFailed    Outcome = "failed"
)
