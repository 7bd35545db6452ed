package sender

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/outhook/outhook/internal/guard"
	"github.com/outhook/outhook/retry"
	"github.com/outhook/outhook/signing"
	"github.com/outhook/outhook/store"
)

// run is one attempt as it was made, before it is recorded.
type run struct {
	attempt store.Attempt
	result  retry.Result
	verdict retry.Verdict
	profile Profile
	cutOff  bool // no status came because the caller's context ended
}

// attempt makes one request for the job. Whatever goes wrong is in the run.
func (e *engine) attempt(ctx context.Context, transport http.RoundTripper, job store.Job) run {
	d := job.Delivery
	profile, known := e.cfg.profile(*job.Endpoint)
	if !known {
		profile = e.cfg.Profile // its schedule, for the error to run its course
	}
	r := run{profile: profile, attempt: store.Attempt{
		ID: newID("atm_"), DeliveryID: d.ID, Tenant: d.Tenant,
		EventID: d.EventID, EndpointID: d.EndpointID, EventType: d.EventType,
		Round: d.Round, Number: d.Attempts + 1, Trigger: d.Trigger,
		ScheduledAt: d.NextAttemptAt, StartedAt: now(), URL: store.RedactURL(job.Endpoint.URL),
	}}
	timeout := profile.Timeout
	if job.Endpoint.Timeout > 0 {
		timeout = min(job.Endpoint.Timeout, MaxTimeout)
	}
	attemptCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := e.exchange(attemptCtx, transport, job, &r)
	r.cutOff = err != nil && ctx.Err() != nil
	r.attempt.EndedAt = now()
	r.result.EndedAt = r.attempt.EndedAt
	r.result.Err = err
	r.verdict = e.judge(profile, r.result)
	r.attempt.Succeeded = r.verdict == retry.Succeeded
	if !r.attempt.Succeeded {
		r.attempt.ErrorClass, r.attempt.Error = explain(attemptCtx, err, timeout, r.result.Status)
		if refused, ok := errors.AsType[*guard.Error](err); ok {
			e.log.Info("Attempt: Blocked", "endpoint", d.EndpointID, "reason", refused, "address", refused.Addr)
		}
		if r.cutOff {
			r.attempt.ErrorClass, r.attempt.Error = store.ErrorTimeout, "no answer before the sender stopped waiting"
		}
		r.attempt.Error = clean(hide(r.attempt.Error, secretsOf(*job.Endpoint)...), maxErrorText)
	}
	return r
}

// exchange signs and sends the request, once, and reads the answer into r. An
// error means that no status came. Code of the host runs in here (scheme,
// transport): a panic fails this attempt and nothing else.
func (e *engine) exchange(ctx context.Context, transport http.RoundTripper, job store.Job, r *run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.logPanic("Attempt", p)
			err = &classError{store.ErrorPanic, errors.New("panic in the signing scheme or transport")}
		}
	}()
	req, err := e.newRequest(ctx, job, r.profile, r.attempt.StartedAt)
	if err != nil {
		return err
	}
	r.attempt.RequestHeader = redactHeader(req.Header)
	for name := range job.Endpoint.Headers {
		r.attempt.RequestHeader[http.CanonicalHeaderKey(name)] = []string{redacted}
	}
	if transport, err = e.cfg.transportFor(ctx, *job.Endpoint, transport); err != nil {
		return err
	}
	var t trace
	t.once(req, job.Event.Payload)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := transport.RoundTrip(req.WithContext(t.attach(ctx)))
	t.record(&r.attempt)
	if err != nil {
		if ctx.Err() == nil {
			err = t.fault(err)
		}
		return err
	}
	defer res.Body.Close()
	if res.StatusCode < http.StatusContinue {
		return &classError{store.ErrorProtocol, fmt.Errorf("answered with the status %03d, which HTTP does not have", res.StatusCode)}
	}
	res.Header = fewer(res.Header) // net/http holds on to res while its body is read
	r.result.Status, r.result.Header = res.StatusCode, res.Header
	secrets := secretsOf(*job.Endpoint)
	r.attempt.Status, r.attempt.ResponseHeader = res.StatusCode, redactHeader(res.Header, secrets...)
	if res.StatusCode == http.StatusSwitchingProtocols { // what follows is no body
		return nil
	}
	defer time.AfterFunc(bodyTime, cancel).Stop()
	// net/http ends a read when the context ends; a transport of the host's may
	// not.
	defer context.AfterFunc(ctx, func() { _ = res.Body.Close() })()
	body, truncated := readBody(res.Body, e.cfg.MaxResponseBody, cancel)
	r.attempt.ResponseBody, r.attempt.ResponseTruncated = hideInBody(body, truncated, secrets)
	return nil
}

// newRequest builds and signs the request. The endpoint's own headers go first,
// so that none of them can take the place of what is set here.
func (e *engine) newRequest(ctx context.Context, job store.Job, profile Profile, at time.Time) (*http.Request, error) {
	endpoint, event := *job.Endpoint, *job.Event
	if err := e.cfg.validateEndpoint(endpoint); err != nil {
		class := store.ErrorConfig
		if is[*guard.Error](err) {
			class = store.ErrorBlocked
		}
		return nil, &classError{class, err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, bytes.NewReader(event.Payload))
	if err != nil {
		return nil, &classError{store.ErrorConfig, errors.New("the endpoint's URL cannot be requested")}
	}
	for name, values := range endpoint.Headers {
		for _, value := range values {
			req.Header.Add(name, value)
		}
	}
	req.Header.Set("User-Agent", e.cfg.UserAgent)
	req.Header.Set(hopsHeader, strconv.Itoa(event.Hops+1))
	req.Header.Set("Content-Type", "application/json")
	if event.ContentType != "" {
		req.Header.Set("Content-Type", event.ContentType)
	}
	if profile.IDHeader != "" {
		req.Header.Set(profile.IDHeader, event.ID)
	}
	if profile.TypeHeader != "" {
		req.Header.Set(profile.TypeHeader, event.Type)
	}
	secrets := activeSecrets(endpoint, at)
	if len(secrets) == 0 {
		return nil, &classError{store.ErrorSigning, errors.New("every secret of the endpoint has expired")}
	}
	message := signing.Message{ID: event.ID, Timestamp: at, Payload: event.Payload}
	signed, err := profile.Signing.Sign(ctx, message, secrets)
	if err != nil {
		return nil, &classError{store.ErrorSigning, fmt.Errorf("sign: %w", err)}
	}
	for name, values := range signed {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	return req, nil
}

func activeSecrets(endpoint store.Endpoint, at time.Time) []string {
	var secrets []string
	for _, secret := range endpoint.Secrets {
		if secret.Active(at) {
			secrets = append(secrets, secret.Value)
		}
	}
	return secrets
}

const (
	// bodyTime is how long an answer's body may take once its status is known,
	// within the attempt's timeout: the status has decided the attempt, and a
	// body that drips must not keep the worker. What has come by then is kept.
	bodyTime = 2 * time.Second
	// drainLimit is how much of an answer is read and thrown away so that its
	// connection can be used again, and drainTime how long that may take: a new
	// connection costs more.
	drainLimit = 64 << 10
	drainTime  = 200 * time.Millisecond
)

// readBody reads up to limit bytes and reports whether there was more, or the
// rest could not be had. What the status said holds whatever the body. stop ends
// a read of body that is under way.
func readBody(body io.Reader, limit int, stop func()) (kept []byte, truncated bool) {
	limit = max(0, limit)
	kept, err := io.ReadAll(io.LimitReader(body, int64(limit)))
	if err != nil {
		return kept, true
	}
	defer time.AfterFunc(drainTime, stop).Stop()
	rest, err := io.CopyN(io.Discard, body, drainLimit)
	return kept, rest > 0 || !errors.Is(err, io.EOF)
}

// judge asks the profile what the result means.
func (e *engine) judge(profile Profile, result retry.Result) retry.Verdict {
	verdict := retry.DefaultJudge(result)
	e.guard("Judge", func() { verdict = profile.Judge(result) })
	return verdict
}

// next asks the profile how long to wait for the attempt after attempts, in whole
// microseconds, rounded up: never early. A policy that panics is replaced by the
// default one for the time being, so that the delivery runs its course.
func (e *engine) next(profile Profile, attempts int, result retry.Result) (wait time.Duration, ok bool) {
	policy := profile.Retry
	if e.cfg.MaxRetryAfter > 0 {
		policy = retry.WithRetryAfter(policy, e.cfg.MaxRetryAfter)
	}
	if e.guard("Policy", func() { wait, ok = policy.Next(attempts, result) }) {
		wait, ok = retry.StandardWebhooks().Next(attempts, result)
	}
	wait = min(max(0, wait), longestWait)
	return (wait + time.Microsecond - 1).Truncate(time.Microsecond), ok
}

// longestWait keeps a due time within what Go and databases can hold.
const longestWait = 100 * 365 * 24 * time.Hour
