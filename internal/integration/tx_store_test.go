package integration_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/internal/oneatatime"
	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
	"github.com/outhook/outhook/storetest"
)

// A Store inside a transaction keeps every rule of the contract. It is for one
// goroutine at a time, and so the cases wait for each other's calls.
func TestStoreInTx(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		shared := d.open(t, d.source(t))
		var schemas atomic.Int64
		storetest.Run(t, func(t *testing.T) store.Store {
			var s *sqlstore.Store
			db := shared
			if d.dialect == sqlstore.PostgreSQL {
				o := sqlstore.Options{Schema: fmt.Sprintf("schema_%d", schemas.Add(1))}
				mustExec(t, db, "CREATE SCHEMA "+o.Schema)
				s = mustNew(t, db, d.dialect, o)
				mustMigrate(t, s)
			} else {
				s, db = d.fresh(t)
			}
			// It is rolled back when the test's context ends.
			return oneatatime.New(s.Tx(mustBegin(t, db)))
		})
	})
}
