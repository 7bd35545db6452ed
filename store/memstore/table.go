package memstore

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/tidwall/btree"

	"github.com/outhook/outhook/store"
)

// ref identifies a record: ids are unique within a tenant.
type ref struct{ tenant, id string }

// group is a set of records that a list can be narrowed to without reading
// any other: all of them, a tenant's, those of one endpoint, event or delivery
// of a tenant, or the replays that are running.
type group struct {
	kind   kind
	tenant string
	id     string
}

type kind int

const (
	everything kind = iota
	byTenant
	byEndpoint
	byEvent
	byDelivery
	running
)

// key is a record's place in one group: by time, then id. The tenant comes
// last because two tenants may use the same id.
type key struct {
	group  group
	at     int64 // microseconds
	id     string
	tenant string
}

func (k key) ref() ref { return ref{k.tenant, k.id} }

func less(a, b key) bool {
	if a.group != b.group {
		return cmp.Or(
			cmp.Compare(a.group.kind, b.group.kind),
			cmp.Compare(a.group.tenant, b.group.tenant),
			cmp.Compare(a.group.id, b.group.id)) < 0
	}
	return cmp.Or(
		cmp.Compare(a.at, b.at),
		cmp.Compare(a.id, b.id),
		cmp.Compare(a.tenant, b.tenant)) < 0
}

func newTree() *btree.BTreeG[key] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// cursor holds the tenant too, so that a list of all tenants does not skip the
// second of two records that differ in nothing else.
func (k key) cursor() string {
	return store.Position{Time: time.UnixMicro(k.at), ID: k.id + "\x00" + k.tenant}.Cursor()
}

// parseCursor is the inverse of cursor, in group g. It returns nil for the
// empty cursor.
func parseCursor(cursor string, g group) (*key, error) {
	position, err := store.ParseCursor(cursor)
	if err != nil || cursor == "" {
		return nil, err
	}
	id, tenant, ok := strings.Cut(position.ID, "\x00")
	if !ok {
		return nil, fmt.Errorf("%w: Cursor is not one that this store gave out", store.ErrInvalidFilter)
	}
	return &key{group: g, at: position.Time.UnixMicro(), id: id, tenant: tenant}, nil
}

// place says where a record belongs: its identity, its time in lists, and the
// groups that list it.
type place struct {
	ref    ref
	at     time.Time
	groups []group
}

func (p place) key(g group) key {
	return key{group: g, at: p.at.UnixMicro(), id: p.ref.id, tenant: p.ref.tenant}
}

// table keeps records of one type: by identity, and in the order of lists.
// Stored records are never changed, only replaced.
type table[T any] struct {
	rows  map[ref]*T
	order *btree.BTreeG[key]
	place func(*T) place
	clone func(T) T
}

func newTable[T any](place func(*T) place, clone func(T) T) *table[T] {
	return &table[T]{rows: map[ref]*T{}, order: newTree(), place: place, clone: clone}
}

// put inserts or replaces row, which must be the table's own copy.
func (t *table[T]) put(row *T) {
	p := t.place(row)
	t.remove(p.ref)
	t.rows[p.ref] = row
	for _, g := range p.groups {
		t.order.Set(p.key(g))
	}
}

// replace puts row in the place of a record with the same place.
func (t *table[T]) replace(row *T) { t.rows[t.place(row).ref] = row }

func (t *table[T]) remove(r ref) {
	row, ok := t.rows[r]
	if !ok {
		return
	}
	p := t.place(row)
	for _, g := range p.groups {
		t.order.Delete(p.key(g))
	}
	delete(t.rows, r)
}

// get returns a copy, or an error that names the record.
func (t *table[T]) get(what string, r ref) (T, error) {
	row, ok := t.rows[r]
	if !ok {
		var zero T
		return zero, notFound(what, r.id)
	}
	return t.clone(*row), nil
}

func notFound(what, id string) error { return fmt.Errorf("%s %q: %w", what, id, store.ErrNotFound) }

// all ranges over a group, oldest first.
func (t *table[T]) all(g group) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		t.order.Ascend(key{group: g, at: math.MinInt64}, func(k key) bool {
			return k.group == g && yield(t.rows[k.ref()])
		})
	}
}

// query is a list, newest first.
type query[T any] struct {
	group  group
	since  time.Time
	until  time.Time
	limit  int
	cursor string
	match  func(*T) bool
}

func (t *table[T]) list(q query[T]) (store.Page[T], error) {
	var page store.Page[T]
	limit, last := store.PageLimit(q.limit), key{}
	err := t.walk(q, func(k key, row *T) bool {
		if len(page.Items) == limit {
			page.Next = last.cursor()
			return false
		}
		page.Items, last = append(page.Items, t.clone(*row)), k
		return true
	})
	return page, err
}

// count counts what a list has, up to most.
func (t *table[T]) count(q query[T], most int) (n int, err error) {
	err = t.walk(q, func(key, *T) bool {
		n++
		return n < most
	})
	return n, err
}

// walk visits what matches, until visit returns false.
func (t *table[T]) walk(q query[T], visit func(k key, row *T) bool) error {
	after, err := parseCursor(q.cursor, q.group)
	if err != nil {
		return err
	}
	t.order.Descend(q.start(after), func(k key) bool {
		if k.group != q.group {
			return false
		}
		// Stored times are whole microseconds, so the key has all of it.
		row, at := t.rows[k.ref()], time.UnixMicro(k.at)
		if !q.since.IsZero() && at.Before(q.since) {
			return false
		}
		tooNew := !q.until.IsZero() && !at.Before(q.until)
		if tooNew || after != nil && k == *after || !q.match(row) {
			return true
		}
		return visit(k, row)
	})
	return nil
}

// start is where to enter the tree: at the cursor or at until, whichever is
// older.
func (q query[T]) start(after *key) key {
	start := key{group: q.group, at: math.MaxInt64}
	if !q.until.IsZero() {
		start.at = q.until.UnixMicro() + 1
	}
	if after != nil && less(*after, start) {
		return *after
	}
	return start
}
