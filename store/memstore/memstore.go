package memstore

import (
	"context"
	"sync"

	"github.com/tidwall/btree"

	"github.com/outhook/outhook/store"
)

var (
	_ store.Store           = (*Store)(nil)
	_ store.JobLoader       = (*Store)(nil)
	_ store.Purger          = (*Store)(nil)
	_ store.DeliveryCounter = (*Store)(nil)
	_ store.ReplayStore     = (*Store)(nil)
)

// Store keeps everything in memory. Create it with [New].
type Store struct {
	mu         sync.RWMutex
	endpoints  *table[store.Endpoint]
	events     *table[store.Event]
	deliveries *table[store.Delivery]
	attempts   *table[store.Attempt]
	replays    *table[store.Replay]
	// due orders the pending deliveries by NextAttemptAt, all of them and those
	// of each endpoint: what is not due is never read, however many there are.
	due *btree.BTreeG[key]
	// pending is how many deliveries of each tenant are, due or not.
	pending map[string]int
}

// New returns an empty Store.
func New() *Store {
	return &Store{
		endpoints:  newTable(placeEndpoint, store.Endpoint.Clone),
		events:     newTable(placeEvent, store.Event.Clone),
		deliveries: newTable(placeDelivery, cloneDelivery),
		attempts:   newTable(placeAttempt, store.Attempt.Clone),
		replays:    newTable(placeReplay, store.Replay.Clone),
		due:        newTree(),
		pending:    map[string]int{},
	}
}

// read and write guard every method: a context that is done gets its error
// before anything happens.

func (s *Store) read(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f()
}

func (s *Store) write(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}
