package sender

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestGateToleratesOneThingThatAlwaysFails: one record that cannot be read says
// nothing about the others.
func TestGateToleratesOneThingThatAlwaysFails(t *testing.T) {
	t.Parallel()
	g := gate{tolerance: 2}
	for range 100 {
		g.failed("dlv_1")
	}
	if wait := g.wait(); wait != 0 {
		t.Errorf("the gate is closed for %s", wait)
	}
}

// TestGateTakesBackAProbe: who went through may not have found out.
func TestGateTakesBackAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate{longest: time.Second}
		g.failed("")
		<-time.After(time.Second)
		for range 3 {
			if wait := g.wait(); wait != 0 {
				t.Fatalf("the probe is to wait %s", wait)
			}
			g.unused()
		}
		for range 5 {
			g.wait()
			g.failed("")
			if wait := g.wait(); wait > time.Second {
				t.Fatalf("the gate is closed for %s, longer than it may", wait)
			}
			<-time.After(time.Second)
		}
	})
}

// TestGateOpensForThoseWhoWait: whoever asks while the probe is under way is not
// to wait for as long as a probe may take. The probe is back a moment later.
func TestGateOpensForThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate{longest: time.Second}
		g.failed("")
		<-time.After(time.Second)
		if wait := g.wait(); wait != 0 {
			t.Fatalf("the probe is to wait %s", wait)
		}
		wait := g.wait()
		g.worked()
		if wait <= 0 || wait > time.Second {
			t.Errorf("whoever came after the probe waits %s, want no longer than the longest pause, 1s", wait)
		}
	})
}

func TestGateLetsOneThroughAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate{tolerance: 2}
		for i, want := range []bool{true, false, false} { // the first in a row is logged
			if wait := g.wait(); wait != 0 {
				t.Fatalf("after %d failures the gate is closed for %s", i, wait)
			}
			if logged := g.failed(strconv.Itoa(i)); logged != want {
				t.Errorf("failure %d is logged: %v", i+1, logged)
			}
		}
		for _, pause := range []time.Duration{gateFirst, 2 * gateFirst, 4 * gateFirst, 8 * gateFirst, gateLongest, gateLongest} {
			if wait := g.wait(); wait != pause {
				t.Fatalf("the gate is closed for %s, want %s", wait, pause)
			}
			if g.failed("straggler") { // a straggler from before it closed
				t.Error("a straggler is logged")
			}
			<-time.After(pause)
			if wait := g.wait(); wait != 0 {
				t.Fatalf("the probe is to wait %s", wait)
			}
			if wait := g.wait(); wait <= 0 {
				t.Fatal("two probes are let through")
			}
			if !g.failed("probe") {
				t.Error("the probe's failure is not logged")
			}
		}
		<-time.After(gateLongest)
		if g.wait() != 0 {
			t.Fatal("the probe is to wait")
		}
		<-time.After(probePatience)
		if g.wait() != 0 {
			t.Fatal("a probe that does not come back keeps the gate closed")
		}
		g.worked()
		for range 2 {
			if wait := g.wait(); wait != 0 {
				t.Errorf("the gate that worked is closed for %s", wait)
			}
		}
	})
}
