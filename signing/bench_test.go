package signing_test

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/outhook/outhook/signing"
)

func BenchmarkSign(b *testing.B) {
	for _, bench := range []struct {
		name   string
		scheme signing.Scheme
		secret string
	}{
		{"v1", signing.StandardWebhooks(), vectorSecret},
		{"v1a", signing.StandardWebhooks(), vectorSecretKey},
		{"sha256", signing.SHA256("X-Jasper-Signature"), githubSecret},
	} {
		for _, size := range []int{1 << 10, 20 << 10} {
			b.Run(bench.name+"/"+strconv.Itoa(size), func(b *testing.B) {
				m := signing.Message{ID: vectorID, Timestamp: time.Unix(vectorUnix, 0), Payload: bytes.Repeat([]byte("x"), size)}
				secrets := []string{bench.secret}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := bench.scheme.Sign(b.Context(), m, secrets); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
