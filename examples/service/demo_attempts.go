package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/store"
)

// attempt is what a worker did with a delivery that was due.
func (p *past) attempt(ctx context.Context, d *pastDelivery, at time.Time) error {
	e := d.endpoint
	if e.Disabled {
		d.State, d.NextAttemptAt, d.UpdatedAt, d.EndedAt = store.Canceled, time.Time{}, at, at
		d.LastErrorClass, d.LastError = store.ErrorEndpoint, "the endpoint is disabled"
		return p.update(ctx, d, nil)
	}
	is := answers[e.behave(p.now.Sub(at), p.rand.Float64())]
	a, err := p.made(ctx, d, at, is)
	if err != nil {
		return err
	}
	d.Attempts = a.Number
	d.LastStatus, d.LastErrorClass, d.LastError = a.Status, a.ErrorClass, a.Error
	d.NextAttemptAt, d.UpdatedAt = time.Time{}, a.EndedAt
	wait, again := p.policy.Next(d.Attempts, retry.Result{Status: a.Status, Header: a.ResponseHeader, EndedAt: a.EndedAt})
	switch {
	case a.Succeeded:
		d.State = store.Succeeded
	case is.status == http.StatusGone || !again:
		d.State = store.Failed
	default:
		d.NextAttemptAt = a.EndedAt.Add(wait)
		a.NextAttemptAt = d.NextAttemptAt
		p.plan(d.NextAttemptAt, func(ctx context.Context, at time.Time) error { return p.attempt(ctx, d, at) })
	}
	if d.State != store.Pending {
		d.EndedAt = a.EndedAt
	}
	e.note(d, a)
	return p.update(ctx, d, &a)
}

// note is what a worker noted of the endpoint.
func (e *pastEndpoint) note(d *pastDelivery, a store.Attempt) {
	switch {
	case a.Succeeded:
		e.FailingSince = time.Time{}
		return
	case d.State != store.Failed:
		return
	}
	e.failed = append(e.failed, d)
	reason := ""
	switch {
	case a.Status == http.StatusGone:
		reason = fmt.Sprintf("answered %d to delivery %s", a.Status, d.ID)
	case e.FailingSince.IsZero():
		e.FailingSince = a.EndedAt
	case a.EndedAt.Sub(e.FailingSince) >= 5*day: // as the Config has it by default
		reason = "every attempt since " + e.FailingSince.Format(time.RFC3339) + " has failed"
	}
	if reason != "" && !e.Disabled {
		e.Disabled, e.DisabledReason, e.DisabledAt, e.UpdatedAt = true, reason, a.EndedAt, a.EndedAt
	}
}

// made is the attempt as it was recorded.
func (p *past) made(ctx context.Context, d *pastDelivery, at time.Time, is answer) (store.Attempt, error) {
	e := d.endpoint
	started := at.Add(time.Duration(p.rand.Int64N(int64(5 * time.Millisecond)))).Truncate(time.Microsecond)
	header, err := p.requestHeader(ctx, d, started)
	if err != nil {
		return store.Attempt{}, err
	}
	timeout := cmp.Or(e.Timeout, p.profile.Timeout)
	took := timeout
	if is.class != store.ErrorTimeout {
		took = min(p.spread(is.takes), timeout-time.Second)
	}
	a := store.Attempt{
		ID: p.id("atm_", started), DeliveryID: d.ID, Tenant: d.Tenant, EventID: d.EventID, EndpointID: d.EndpointID,
		EventType: d.EventType, Round: d.Round, Number: d.Attempts + 1, Trigger: d.Trigger,
		ScheduledAt: at, StartedAt: started, URL: e.URL, RequestHeader: header, Status: is.status,
	}
	took = p.connect(&a, e.host, is, took)
	a.EndedAt = started.Add(a.Timing.DNS + a.Timing.Connect + a.Timing.TLS + took).Truncate(time.Microsecond)
	if is.status != 0 {
		a.Timing.FirstByte = a.Duration() - min(2*time.Millisecond, took/8)
		a.ResponseHeader = is.header.Clone()
		a.ResponseHeader.Set("Date", a.EndedAt.Format(http.TimeFormat))
		a.ResponseHeader.Set("Content-Length", strconv.Itoa(len(is.body)))
		a.ResponseBody = []byte(is.body)
	}
	if a.Succeeded = is.status/100 == 2; !a.Succeeded {
		a.ErrorClass, a.Error = is.explain(e.host, timeout)
	}
	return a, nil
}

// connect fills in what is known of the connection, as far as it came, and returns how
// much of the time is left for the answer.
func (p *past) connect(a *store.Attempt, host string, is answer, took time.Duration) time.Duration {
	connect, handshake := p.spread(14*time.Millisecond), p.spread(22*time.Millisecond)
	a.Timing.DNS = p.spread(3 * time.Millisecond)
	switch {
	case is.class == store.ErrorDNS:
		a.Timing.DNS = took
		return 0
	case is.class == store.ErrorConnect:
		a.Timing.Connect = took
		return 0
	case is.class == store.ErrorTLS:
		a.Timing.Connect, a.Timing.TLS = connect, took
		return 0
	case p.rand.Float64() < 0.7:
		a.ConnReused, a.Timing = true, store.Timing{}
	default:
		a.Timing.Connect, a.Timing.TLS = connect, handshake
	}
	a.RemoteAddr = fmt.Sprintf("203.0.113.%d:443", 10+len(host)*7%200)
	return took
}

// spread varies how long something takes: most often a little, seldom much.
func (p *past) spread(typical time.Duration) time.Duration {
	return time.Duration(float64(typical) * math.Exp(p.rand.NormFloat64()*0.4)).Truncate(time.Microsecond)
}
