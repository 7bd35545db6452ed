package retry_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/outhook/outhook/retry"
)

// now is the time of the dates in RFC 9110 §5.6.7.
var now = time.Date(1994, time.November, 6, 8, 49, 37, 0, time.UTC)

func header(retryAfter ...string) http.Header {
	return http.Header{"Retry-After": retryAfter}
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header http.Header
		now    time.Time
		want   time.Duration
		ok     bool
	}{
		"RFC 9110 seconds":     {header("120"), now, 2 * time.Minute, true},
		"RFC 9110 date":        {header("Fri, 31 Dec 1999 23:59:59 GMT"), time.Date(1999, time.December, 31, 23, 59, 0, 0, time.UTC), 59 * time.Second, true},
		"zero":                 {header("0"), now, 0, true},
		"leading zeros":        {header("007"), now, 7 * time.Second, true},
		"space around":         {header(" \t7 "), now, 7 * time.Second, true},
		"IMF-fixdate":          {header("Sun, 06 Nov 1994 08:49:37 GMT"), now.Add(-time.Minute), time.Minute, true},
		"RFC 850 date":         {header("Sunday, 06-Nov-94 08:49:37 GMT"), now.Add(-time.Minute), time.Minute, true},
		"asctime date":         {header("Sun Nov  6 08:49:37 1994"), now.Add(-time.Minute), time.Minute, true},
		"now in another zone":  {header("Sun, 06 Nov 1994 08:49:37 GMT"), now.Add(-time.Minute).In(time.FixedZone("", 3600)), time.Minute, true},
		"part of a second":     {header("Sun, 06 Nov 1994 08:49:37 GMT"), now.Add(-time.Millisecond), time.Millisecond, true},
		"date that is now":     {header("Sun, 06 Nov 1994 08:49:37 GMT"), now, 0, true},
		"date that has passed": {header("Sun, 06 Nov 1994 08:49:37 GMT"), now.Add(time.Hour), 0, true},
		"a century":            {header("3153600000"), now, century, true},
		"more than a century":  {header("3153600001"), now, century, true},
		"more than a Duration": {header("9223372037"), now, century, true},
		"more than an int64":   {header("99999999999999999999"), now, century, true},
		"date too far":         {header("Fri, 31 Dec 9999 23:59:59 GMT"), now, century, true},
		"first of several":     {header("1", "2"), now, time.Second, true},
		"first is malformed":   {header("soon", "2"), now, 0, false},
		"negative":             {header("-1"), now, 0, false},
		"signed":               {header("+1"), now, 0, false},
		"fraction":             {header("1.5"), now, 0, false},
		"unit":                 {header("1s"), now, 0, false},
		"long and malformed":   {header("99999999999999999999s"), now, 0, false},
		"other digits":         {header("١٢"), now, 0, false},
		"list":                 {header("1, 2"), now, 0, false},
		"ISO 8601 date":        {header("1994-11-06T08:49:37Z"), now, 0, false},
		"empty":                {header(""), now, 0, false},
		"no value":             {header(), now, 0, false},
		"absent":               {http.Header{}, now, 0, false},
		"nil header":           {nil, now, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := retry.ParseRetryAfter(tc.header, tc.now)
			if got != tc.want || ok != tc.ok {
				t.Errorf("ParseRetryAfter = %v, %t; want %v, %t", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, value := range []string{
		"", "0", "120", "-1", "99999999999999999999", "1.5", "1, 2", "soon",
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	} {
		f.Add(value, now.Unix())
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		got, ok := retry.ParseRetryAfter(header(value), time.Unix(unix, 0))
		if got < 0 || got > century {
			t.Errorf("%q at %d: %v, out of bounds", value, unix, got)
		}
		if !ok && got != 0 {
			t.Errorf("%q at %d: %v, false; want 0, false", value, unix, got)
		}
		seconds, err := strconv.ParseUint(value, 10, 31)
		if want := time.Duration(seconds) * time.Second; err == nil && (got != want || !ok) {
			t.Errorf("%q at %d: %v, %t; want %v, true", value, unix, got, ok, want)
		}
	})
}

func TestWithRetryAfter(t *testing.T) {
	t.Parallel()
	const wait, longest = time.Minute, time.Hour
	date := header(now.Add(10 * time.Minute).Format(http.TimeFormat))
	for name, tc := range map[string]struct {
		last retry.Result
		want time.Duration
	}{
		"429 seconds":         {retry.Result{Status: 429, Header: header("120")}, 2 * time.Minute},
		"503 seconds":         {retry.Result{Status: 503, Header: header("120")}, 2 * time.Minute},
		"503 date":            {retry.Result{Status: 503, Header: date, EndedAt: now}, 10 * time.Minute},
		"date that passed":    {retry.Result{Status: 503, Header: date}, wait}, // EndedAt zero: long after 1994
		"sooner than p":       {retry.Result{Status: 429, Header: header("1")}, wait},
		"bounded":             {retry.Result{Status: 429, Header: header("7200")}, longest},
		"overflow is bounded": {retry.Result{Status: 429, Header: header("99999999999999999999")}, longest},
		"malformed":           {retry.Result{Status: 429, Header: header("soon")}, wait},
		"absent":              {retry.Result{Status: 429}, wait},
		"other 5xx":           {retry.Result{Status: 502, Header: header("120")}, wait},
		"other 4xx":           {retry.Result{Status: 404, Header: header("120")}, wait},
		"redirect":            {retry.Result{Status: 301, Header: header("120")}, wait},
		"first attempt":       {retry.Result{}, wait},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := retry.WithRetryAfter(fixed(wait), longest).Next(1, tc.last)
			if got != tc.want || !ok {
				t.Errorf("Next = %v, %t; want %v, true", got, ok, tc.want)
			}
		})
	}
}

// Without EndedAt a date counts from time.Now. Ten hours leave room for any
// pause of the test between the two readings of the clock.
func TestWithRetryAfterDateWithoutEndedAt(t *testing.T) {
	t.Parallel()
	last := retry.Result{Status: 503, Header: header(time.Now().Add(10 * time.Hour).UTC().Format(http.TimeFormat))}
	got, _ := retry.WithRetryAfter(fixed(0), 24*time.Hour).Next(1, last)
	if got <= 9*time.Hour || got > 10*time.Hour {
		t.Errorf("Next = %v, want about 10h", got)
	}
}

// It never makes a wait shorter, never longer than the larger of the wait and
// limit, and never changes whether an attempt is left.
func TestWithRetryAfterStaysInBounds(t *testing.T) {
	t.Parallel()
	upTo := func(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d))) }
	for range 20_000 {
		schedule := retry.Schedule{upTo(48 * time.Hour), upTo(48 * time.Hour)}
		limit := upTo(48*time.Hour) - time.Hour // now and then negative
		attempts := rand.IntN(4)
		last := retry.Result{
			Status:  []int{200, 429, 500, 503}[rand.IntN(4)],
			Header:  header(strconv.Itoa(rand.IntN(400_000) - 1000)),
			EndedAt: now,
		}
		want, wantOK := schedule.Next(attempts, last)
		got, ok := retry.WithRetryAfter(schedule, limit).Next(attempts, last)
		if ok != wantOK {
			t.Fatalf("%v: attempts %d: ok = %t, want %t", schedule, attempts, ok, wantOK)
		}
		if got < want || got > max(want, limit) {
			t.Fatalf("wait %v with limit %v became %v on %d %v", want, limit, got, last.Status, last.Header)
		}
	}
}
