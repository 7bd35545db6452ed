module github.com/outhook/outhook

go 1.26.0

// Linked by package sender.
require (
	code.dny.dev/ssrf v0.3.0 // which addresses are public; it has no dependencies
	github.com/cenkalti/backoff/v4 v4.3.0 // waits between tries of a Store's write, retry.Exponential
	github.com/google/uuid v1.6.0 // ids ordered by time; asynq has it too
	github.com/hibiken/asynq v0.26.0 // the queue of wake-ups
	github.com/redis/go-redis/v9 v9.23.0 // Redis, as asynq uses it
	github.com/standard-webhooks/standard-webhooks/libraries v0.0.1 // the signature, by its authors
)

// Linked by packages for development and tests.
require (
	github.com/alicebob/miniredis/v2 v2.40.0 // senderdev: Redis inside the process
	github.com/tidwall/btree v1.8.2 // memstore: ordered indexes
)

// Linked by tests alone.
require go.uber.org/goleak v1.3.0

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/robfig/cron/v3 v3.0.1 // indirect
	github.com/spf13/cast v1.10.0 // indirect
	github.com/yuin/gopher-lua v1.1.1 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/time v0.14.0 // indirect
	google.golang.org/protobuf v1.36.10 // indirect
)
