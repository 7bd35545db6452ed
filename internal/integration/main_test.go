package integration_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/internal/testenv"
)

func TestMain(m *testing.M) {
	if beChild() {
		return
	}
	goleak.VerifyTestMain(testenv.WithMySQL(testenv.WithPostgres(m)))
}
