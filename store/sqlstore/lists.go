package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/outhook/outhook/store"
)

// query is a list in the making: the conditions that a filter asks for. Only
// constants get into its text, everything else is a parameter.
type query struct {
	dialect    dialect
	index      string // from Store.by
	oneTenant  bool
	conditions []string
	args       []any
}

func (q *query) and(condition string, args ...any) {
	q.conditions = append(q.conditions, condition)
	q.args = append(q.args, args...)
}

// equal narrows by a field of a filter, unless it is empty.
func (q *query) equal(column, value string) {
	if value != "" {
		q.and(column+" = ?", value)
	}
}

func (q *query) tenant(tenant string) {
	if tenant != store.AllTenants {
		q.oneTenant = true
		q.and("tenant = ?", tenant)
	}
}

func (q *query) between(column string, since, until time.Time) {
	if !since.IsZero() {
		q.and(column+" >= ?", q.dialect.bound(since))
	}
	if !until.IsZero() {
		q.and(column+" < ?", q.dialect.bound(until))
	}
}

// eachOf returns a query for each of the states; for all of them if there are
// none. One query for several would read all rows of them, to sort them.
func eachOf[S ~string](q query, column string, states []S) []query {
	if len(states) == 0 {
		return []query{q}
	}
	var queries []query
	for _, state := range slices.Compact(slices.Sorted(slices.Values(states))) {
		one := query{q.dialect, q.index, q.oneTenant, slices.Clone(q.conditions), slices.Clone(q.args)}
		one.and(column+" = ?", string(state))
		queries = append(queries, one)
	}
	return queries
}

func (q *query) where() string {
	if len(q.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.conditions, " AND ")
}

// order is a list's: by a time, then id. The tenant comes last, because two
// tenants may use the same id.
type order struct {
	column    string
	direction string
	beyond    string // compares what comes after a cursor with it
}

func newestFirst(column string) order { return order{column, "DESC", "<"} }

func oldestFirst(column string) order { return order{column, "ASC", ">"} }

// by leaves out the tenant where there is one: MySQL does not see that it makes
// no difference, and sorts.
func (o order) by(oneTenant bool) string {
	clause := fmt.Sprintf(" ORDER BY %s %[2]s, id %[2]s", o.column, o.direction)
	if oneTenant {
		return clause
	}
	return clause + ", tenant " + o.direction
}

// after compares records with a place. The tedious form begins with a range of
// the index, which MySQL does not see in a comparison of rows.
func (o order) after(d dialect, p place) (condition string, args []any) {
	at := d.time(p.at)
	if d.rows {
		return "(" + o.column + ", id, tenant) " + o.beyond + " (?, ?, ?)", []any{at, p.id, p.tenant}
	}
	condition = fmt.Sprintf("%[1]s %[2]s= ? AND (%[1]s %[2]s ? OR id %[2]s ? OR id = ? AND tenant %[2]s ?)", o.column, o.beyond)
	return condition, []any{at, at, p.id, p.id, p.tenant}
}

// place is where a record is in a list.
type place struct {
	at     time.Time
	id     string
	tenant string
}

func (p place) cursor() string {
	return store.Position{Time: p.at, ID: p.id + "\x00" + p.tenant}.Cursor()
}

func parseCursor(cursor string) (place, error) {
	position, err := store.ParseCursor(cursor)
	if err != nil {
		return place{}, err
	}
	id, tenant, ok := strings.Cut(position.ID, "\x00")
	// A cursor may come from a stranger, and not every database takes what is
	// refused here.
	if !ok || strings.Contains(tenant, "\x00") || !utf8.ValidString(position.ID) || !ordinary(position.Time) {
		return place{}, fmt.Errorf("%w: Cursor is not one that this store gave out", store.ErrInvalidFilter)
	}
	return place{position.Time, id, tenant}, nil
}

// ordinary reports whether t is in a year that all calendars of databases have.
func ordinary(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// page reads one page of a list: of what one query finds, or of what several do.
func page[T any](ctx context.Context, s *Store, t *table[T], queries []query, o order,
	limit int, cursor string, where func(T) place,
) (store.Page[T], error) {
	if err := follow(queries, o, cursor); err != nil {
		return store.Page[T]{}, err
	}
	limit = store.PageLimit(limit)
	// One more than asked for says whether there is another page.
	statement, args := t.list(queries, o, limit+1)
	var items []T
	err := s.read(ctx, func(db Querier) error {
		var err error
		items, err = readRows(ctx, db, t.places, statement, args...)
		return err
	})
	if err != nil {
		return store.Page[T]{}, failed(ctx, "list of "+t.name, err)
	}
	if len(items) <= limit {
		return store.Page[T]{Items: items}, nil
	}
	items = items[:limit]
	return store.Page[T]{Items: items, Next: where(items[limit-1]).cursor()}, nil
}

// follow narrows the queries to what comes after a cursor.
func follow(queries []query, o order, cursor string) error {
	if cursor == "" {
		return nil
	}
	last, err := parseCursor(cursor)
	if err != nil {
		return err
	}
	condition, args := o.after(queries[0].dialect, last)
	for i := range queries {
		queries[i].and(condition, args...)
	}
	return nil
}

// list returns the statement of a page. Each of several queries finds its own
// first rows by an index, and the first of all are among them. The limit is no
// parameter: PostgreSQL plans better when it knows it.
func (t *table[T]) list(queries []query, o order, limit int) (statement string, args []any) {
	tail := o.by(queries[0].oneTenant) + " LIMIT " + strconv.Itoa(limit)
	if len(queries) == 1 {
		q := queries[0]
		return t.dialect.numberParameters(t.selectAll + q.index + q.where() + tail), q.args
	}
	var zero T
	columns := list(t.fields(&zero), columnName)
	parts := make([]string, len(queries))
	for i, q := range queries {
		parts[i] = fmt.Sprintf("SELECT %s FROM (%s%s%s) AS part%d", columns, t.selectAll, q.where(), tail, i)
		args = append(args, q.args...)
	}
	return t.dialect.numberParameters(strings.Join(parts, " UNION ALL ") + tail), args
}

// ListEndpoints implements [store.EndpointStore].
func (s *Store) ListEndpoints(ctx context.Context, f store.EndpointFilter) (store.Page[store.Endpoint], error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return store.Page[store.Endpoint]{}, err
	}
	q := query{dialect: s.dialect}
	q.tenant(f.Tenant)
	return page(ctx, s, &s.endpoints, []query{q}, newestFirst("created_at"), f.Limit, f.Cursor,
		func(e store.Endpoint) place { return place{e.CreatedAt, e.ID, e.Tenant} })
}

// ListDeliveries implements [store.DeliveryStore].
func (s *Store) ListDeliveries(ctx context.Context, f store.DeliveryFilter) (store.Page[store.Delivery], error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return store.Page[store.Delivery]{}, err
	}
	return page(ctx, s, &s.deliveries, s.deliveriesOf(f), newestFirst("created_at"), f.Limit, f.Cursor,
		func(d store.Delivery) place { return place{d.CreatedAt, d.ID, d.Tenant} })
}

func (s *Store) deliveriesOf(f store.DeliveryFilter) []query {
	q := query{dialect: s.dialect}
	q.tenant(f.Tenant)
	q.equal("endpoint_id", f.EndpointID)
	q.equal("event_id", f.EventID)
	q.equal("event_type", f.EventType)
	q.between("created_at", f.Since, f.Until)
	return eachOf(q, "state", f.States)
}

// ListDue implements [store.DeliveryStore].
func (s *Store) ListDue(ctx context.Context, f store.DueFilter) (store.Page[store.Delivery], error) {
	if err := store.CheckDueFilter(f); err != nil {
		return store.Page[store.Delivery]{}, err
	}
	q := query{dialect: s.dialect}
	if f.EndpointID == "" {
		q.and("state = 'pending'") // a constant, as in the partial index
	} else {
		s.pendingOf(&q, "deliveries_endpoint_due", f.Tenant)
		q.equal("endpoint_id", f.EndpointID)
	}
	q.and("next_attempt_at < ?", s.dialect.bound(f.Before))
	return page(ctx, s, &s.deliveries, []query{q}, oldestFirst("next_attempt_at"), f.Limit, f.Cursor,
		func(d store.Delivery) place { return place{d.NextAttemptAt, d.ID, d.Tenant} })
}

// pendingOf narrows q to a tenant's pending deliveries, for the index to find. The
// other words for "pending" are those of the partial index: with the words of
// deliveries_due the planner might read that, which has those of all tenants.
func (s *Store) pendingOf(q *query, index, tenant string) {
	q.tenant(tenant)
	q.index = s.by(index)
	if s.dialect.hints {
		q.and("state = 'pending'")
	} else {
		q.and("state BETWEEN 'pending' AND 'pending'")
	}
}

// ListAttempts implements [store.DeliveryStore].
func (s *Store) ListAttempts(ctx context.Context, f store.AttemptFilter) (store.Page[store.Attempt], error) {
	if err := store.CheckTenantFilter(f.Tenant); err != nil {
		return store.Page[store.Attempt]{}, err
	}
	q := query{dialect: s.dialect}
	q.tenant(f.Tenant)
	q.equal("delivery_id", f.DeliveryID)
	q.equal("endpoint_id", f.EndpointID)
	q.equal("event_id", f.EventID)
	q.equal("event_type", f.EventType)
	if f.Outcome != "" {
		q.and("succeeded = ?", f.Outcome == store.OutcomeSucceeded)
	}
	q.between("started_at", f.Since, f.Until)
	return page(ctx, s, &s.attempts, []query{q}, newestFirst("started_at"), f.Limit, f.Cursor,
		func(a store.Attempt) place { return place{a.StartedAt, a.ID, a.Tenant} })
}
