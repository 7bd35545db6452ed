package sqlstore

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"time"
)

// histogram counts durations, in microseconds, by size. Up to 32 of them each has
// a bucket of its own; from there on 16 buckets share the way to twice as much. So
// the middle of a bucket is within 1/32 of all that is in it.
type histogram []int

// maxHistogram is more than the longest duration's bucket.
const maxHistogram = 60 * 16

func bucketOf(d time.Duration) int {
	micros := uint64(max(d.Microseconds(), 0))
	shift := max(bits.Len64(micros)-5, 0)
	return shift*16 + int(micros>>shift)
}

// middle is a duration that stands for those in a bucket.
func middle(bucket int) time.Duration {
	shift := max(bucket/16-1, 0)
	least := int64(bucket-shift*16) << shift
	return micros(min(least+(int64(1)<<shift-1)/2, math.MaxInt64/int64(time.Microsecond)))
}

func (h *histogram) add(bucket, n int) {
	if missing := bucket + 1 - len(*h); missing > 0 {
		*h = append(*h, make(histogram, missing)...)
	}
	(*h)[bucket] += n
}

// percentile returns the nearest rank's, of so many durations in all.
func (h histogram) percentile(p, size int) time.Duration {
	rank := (size*p + 99) / 100
	for bucket, n := range h {
		if rank -= n; n > 0 && rank <= 0 {
			return middle(bucket)
		}
	}
	return 0
}

// encode writes the buckets that are not empty, each as the distance from the one
// before it and the count: varints, in base64.
func (h histogram) encode() string {
	var b []byte
	last := 0
	for bucket, n := range h {
		if n > 0 {
			b = binary.AppendUvarint(b, uint64(bucket-last))
			b = binary.AppendUvarint(b, uint64(n))
			last = bucket
		}
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

var errHistogram = errors.New("the durations are no histogram")

// addEncoded adds what encode wrote.
func (h *histogram) addEncoded(text string) error {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return errHistogram
	}
	for bucket := uint64(0); len(b) > 0; {
		distance, m := binary.Uvarint(b)
		if m <= 0 || distance > maxHistogram {
			return errHistogram
		}
		n, l := binary.Uvarint(b[m:])
		if bucket += distance; l <= 0 || n == 0 || n > 1<<40 || bucket >= maxHistogram {
			return errHistogram
		}
		h.add(int(bucket), int(n))
		b = b[m+l:]
	}
	return nil
}
