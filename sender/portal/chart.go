package portal

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/outhook/outhook/store"
)

// bars is a bar chart of attempts, drawn as SVG. All lengths are of the SVG's own.
type bars struct {
	Width, Height int
	Floor         float64 // where the bars stand
	Bars          []bar
	Lines         []line // of the scale
	Marks         []mark // below the bars
	Label         string // all of it, in words
}

type bar struct {
	X, Width       float64
	GoodY, GoodH   float64
	BadY, BadH     float64
	Title          string
	Start          time.Time
	Good, Bad      int
	P50, P95       time.Duration
	HitY, HitH     float64 // the whole column, for the pointer
	CenterX, Floor float64
}

type line struct {
	Y    float64
	Text string
}

type mark struct {
	X     float64
	Text  string
	Minor bool // left out where there is little room
}

const (
	chartWidth  = 720
	chartHeight = 170
	chartLeft   = 76 // room for "200 ms" in the letters of a phone
	chartTop    = 10
	chartFoot   = 24
)

// drawBars draws the buckets as stacked bars.
func drawBars(buckets []store.StatsBucket, width time.Duration) bars {
	most := 0
	for _, b := range buckets {
		most = max(most, b.Succeeded+b.Failed)
	}
	top := niceTop(float64(most))
	c := bars{Width: chartWidth, Height: chartHeight, Floor: chartHeight - chartFoot}
	scale := (c.Floor - chartTop) / top
	step := float64(chartWidth-chartLeft) / float64(max(len(buckets), 1))
	for i, b := range buckets {
		good, bad := float64(b.Succeeded)*scale, float64(b.Failed)*scale
		if b.Failed > 0 { // one failure among thousands is to be seen
			bad = max(bad, 2)
		}
		x := chartLeft + float64(i)*step
		c.Bars = append(c.Bars, bar{
			X: round(x + step*0.12), Width: round(step * 0.76), CenterX: round(x + step/2), Floor: c.Floor,
			GoodY: round(c.Floor - good), GoodH: round(good),
			BadY: round(c.Floor - good - bad), BadH: round(bad),
			HitY: chartTop, HitH: round(c.Floor - chartTop),
			Title: fmt.Sprintf("%s: %s succeeded, %s failed", bucketName(b.Start, width), count(b.Succeeded), count(b.Failed)),
			Start: b.Start, Good: b.Succeeded, Bad: b.Failed, P50: b.P50, P95: b.P95,
		})
	}
	for _, part := range []float64{0, 0.5, 1} {
		c.Lines = append(c.Lines, line{round(c.Floor - part*top*scale), count(int(math.Round(part * top)))})
	}
	c.Marks = marks(buckets, width, step)
	return c
}

// curve is a line chart of the percentiles of durations.
type curve struct {
	Width, Height int
	Floor         float64
	P50, P95      string // paths
	Dots          []dot  // of buckets between empty ones, which a line does not show
	Lines         []line
	Marks         []mark
	Label         string
}

type dot struct {
	X, Y  float64
	Class string
}

func drawCurve(buckets []store.StatsBucket, width time.Duration) curve {
	var most time.Duration
	for _, b := range buckets {
		most = max(most, b.P95)
	}
	top := niceTop(float64(most) / float64(time.Millisecond))
	c := curve{Width: chartWidth, Height: chartHeight, Floor: chartHeight - chartFoot}
	scale := (c.Floor - chartTop) / top
	step := float64(chartWidth-chartLeft) / float64(max(len(buckets), 1))
	draw := func(class string, of func(store.StatsBucket) time.Duration) string {
		var path strings.Builder
		for i, b := range buckets {
			if b.Succeeded+b.Failed == 0 {
				continue
			}
			x, y := round(chartLeft+(float64(i)+0.5)*step), round(c.Floor-float64(of(b))/float64(time.Millisecond)*scale)
			first := i == 0 || empty(buckets[i-1])
			if first && (i == len(buckets)-1 || empty(buckets[i+1])) {
				c.Dots = append(c.Dots, dot{x, y, class})
			}
			command := "L"
			if first {
				command = "M"
			}
			fmt.Fprintf(&path, "%s%g %g", command, x, y)
		}
		return path.String()
	}
	c.P50 = draw("p50", func(b store.StatsBucket) time.Duration { return b.P50 })
	c.P95 = draw("p95", func(b store.StatsBucket) time.Duration { return b.P95 })
	for _, part := range []float64{0, 0.5, 1} {
		text := span(time.Duration(part * top * float64(time.Millisecond)))
		if part == 0 {
			text = "0"
		}
		c.Lines = append(c.Lines, line{round(c.Floor - part*top*scale), text})
	}
	c.Marks = marks(buckets, width, step)
	return c
}

func empty(b store.StatsBucket) bool { return b.Succeeded+b.Failed == 0 }

// sparkline is a small bar chart without a scale.
func drawSparkline(buckets []store.StatsBucket) []bar {
	most := 1
	for _, b := range buckets {
		most = max(most, b.Succeeded+b.Failed)
	}
	const height, step = 28.0, 4.0
	shown := make([]bar, len(buckets))
	for i, b := range buckets {
		good, bad := height*float64(b.Succeeded)/float64(most), height*float64(b.Failed)/float64(most)
		if b.Succeeded > 0 {
			good = max(good, 1.5)
		}
		if b.Failed > 0 {
			bad = max(bad, 2)
		}
		if good+bad > height {
			good = height - bad
		}
		shown[i] = bar{
			X: float64(i) * step, Width: 3,
			GoodY: round(height - good), GoodH: round(good), BadY: round(height - good - bad), BadH: round(bad),
		}
	}
	return shown
}

// marks name about six of the buckets.
func marks(buckets []store.StatsBucket, width time.Duration, step float64) []mark {
	layout, every := "15:04", 4
	switch {
	case width >= 24*time.Hour:
		layout, every = "2 Jan", 5
	case width > time.Hour:
		layout, every = "Mon 2 Jan", 4
	}
	var found []mark
	for i := 0; i < len(buckets); i += every {
		found = append(found, mark{round(chartLeft + (float64(i)+0.5)*step), buckets[i].Start.UTC().Format(layout), len(found)%2 == 1})
	}
	return found
}

func bucketName(start time.Time, width time.Duration) string {
	if width >= 24*time.Hour {
		return start.UTC().Format("2 Jan, 15:04") + " to " + start.Add(width).UTC().Format("2 Jan, 15:04 UTC")
	}
	return start.UTC().Format("2 Jan, 15:04") + " to " + start.Add(width).UTC().Format("15:04 UTC")
}

// niceTop is the end of a scale for values up to most: 1, 2, 4, 5 or 10 times a
// power of ten, which halves well.
func niceTop(most float64) float64 {
	if most < 2 {
		return 2
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, n := range []float64{1, 2, 4, 6, 8, 10} {
		if n*power >= most {
			return n * power
		}
	}
	return 10 * power
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
