package retry

import "time"

// Jam returns the schedule of the Jam webhook page: eight attempts, the first
// one immediately, the others 5 seconds, 5 minutes, 30 minutes, 2 hours, 5 hours,
// 10 hours and 10 hours after the end of the one before; 27h35m5s in all.
// The page says of the last entry that it is "in addition to the previous
// attempt"; every entry is read that way. Without jitter, which the page does not
// mention.
func Jam() Policy {
	return Schedule{
		0,
		5 * time.Second,
		5 * time.Minute,
		30 * time.Minute,
		2 * time.Hour,
		5 * time.Hour,
		10 * time.Hour,
		10 * time.Hour,
	}
}

// Jasper returns the schedule of the Jasper webhook page, "Retry Policy": an
// attempt immediately, then the "3 retry attempts before marking as failed",
// 1 second, 10 seconds and 60 seconds after the end of the one before. Four
// attempts, 1m11s in all. Without jitter, which the page does not mention.
func Jasper() Policy {
	return Schedule{
		0,
		1 * time.Second,
		10 * time.Second,
		60 * time.Second,
	}
}

// StandardWebhooks returns the example schedule of the Standard Webhooks
// specification 1.0.0, "Deliverability and reliability": ten attempts, the first
// one immediately, the others 5 seconds, 5 minutes, 30 minutes and 2, 5, 10, 14,
// 20 and 24 hours after the end of the one before; 75h35m5s in all. The same
// section recommends jitter without giving an amount; here each wait is up to
// 10 % longer.
func StandardWebhooks() Policy {
	return WithJitter(Schedule{
		0,
		5 * time.Second,
		5 * time.Minute,
		30 * time.Minute,
		2 * time.Hour,
		5 * time.Hour,
		10 * time.Hour,
		14 * time.Hour,
		20 * time.Hour,
		24 * time.Hour,
	}, 0.1)
}
