// Package retry says when a delivery is tried again.
//
// A [Judge] reads the [Result] of an attempt and says what it means; a
// [Policy] says how long to wait before the next attempt, or that none is
// left. Neither keeps state nor does I/O, so any process can answer for any
// delivery, given the number of attempts already made and the last result.
//
// Choose a policy:
//
//   - [Schedule], a table of waits, when a document promises exact ones;
//   - [Exponential], when a formula is enough;
//   - [Jam], [Jasper] and [StandardWebhooks], ready-made tables.
//
// Then refine it with [WithJitter] and [WithRetryAfter]. Both only ever make a
// wait longer, and the number of attempts stays what the policy promised. Put
// WithRetryAfter outermost: jitter around it would exceed its limit.
//
//	p := retry.WithRetryAfter(retry.WithJitter(retry.Jam(), 0.1), time.Hour)
//
// [Validate] reports everything wrong with a policy at once. Call it where
// policies are configured: Next has no error to return, and makes the best of
// invalid values.
package retry
