package integration_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/outhook/outhook/store"
)

// A host passes a cursor on as its client sent it: one that was made up is the
// client's fault, and not the database's.
func TestForgedCursors(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s, _ := d.fresh(t)
		for _, text := range []string{
			"17", "17 ", "17 dlv_1", "17 dlv_1\x00acme\x00acme", "17 dlv\xff\x00acme", "17 dlv_1\x00\xff",
			" dlv_1\x00acme", "9223372036854775808 dlv_1\x00acme",
			"9223372036854775807 dlv_1\x00acme", "-9223372036854775808 dlv_1\x00acme",
		} {
			cursor := base64.RawURLEncoding.EncodeToString([]byte(text))
			_, err := s.ListDeliveries(t.Context(), store.DeliveryFilter{Tenant: "acme", Cursor: cursor})
			if !errors.Is(err, store.ErrInvalidFilter) {
				t.Errorf("%q: %v, want ErrInvalidFilter", text, err)
			}
		}
	})
}
