package pgxstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/outhook/outhook/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.WithPostgres(m)) }
