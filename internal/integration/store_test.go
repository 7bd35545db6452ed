package integration_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/outhook/outhook/store"
	"github.com/outhook/outhook/store/sqlstore"
	"github.com/outhook/outhook/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		s, _ := databases[2].fresh(t)
		return s
	})
}

func TestPgx(t *testing.T) {
	t.Parallel()
	testPostgres(t, databases[0])
}

func TestPq(t *testing.T) {
	t.Parallel()
	testPostgres(t, databases[1])
}

// testPostgres gives each case a schema in one database, which is quicker than
// a database. Every second one has a prefix of its own.
func testPostgres(t *testing.T, d database) {
	t.Helper()
	db := d.open(t, d.source(t))
	var schemas atomic.Int64
	storetest.Run(t, func(t *testing.T) store.Store {
		n := schemas.Add(1)
		o := sqlstore.Options{Schema: fmt.Sprintf("schema_%d", n)}
		if n%2 == 0 {
			o.TablePrefix = "webhooks_"
		}
		mustExec(t, db, "CREATE SCHEMA "+o.Schema)
		s := mustNew(t, db, d.dialect, o)
		mustMigrate(t, s)
		return s
	})
}

func BenchmarkStore(b *testing.B) {
	for _, d := range databases {
		b.Run(d.name, func(b *testing.B) {
			storetest.Bench(b, func(b *testing.B) store.Store {
				s, _ := d.fresh(b)
				return s
			})
		})
	}
}
