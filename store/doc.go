// Package store defines what Outhook records and the [Store] interface that
// keeps it.
//
// The Store is the truth, the queue is only a wake-up call: an event that was
// accepted is in the Store before anything else happens to it, and every
// change of a delivery is one atomic write here. Redis may lose everything; a
// Store may not.
//
// # Who reads what
//
// A host application reads this package for its own delivery log: the types
// [Endpoint], [Event], [Delivery] and [Attempt], and the list methods of
// [Store]. It does not write events or deliveries itself: package sender does.
//
// Somebody who implements a Store reads the comments of [EndpointStore],
// [EventStore] and [DeliveryStore] as the contract, and runs package storetest
// against the result. Package memstore is the reference implementation, and
// examples/customstore shows another in one file.
//
// # Rules for every method
//
//   - Methods are safe for concurrent use.
//   - A method whose context is done returns an error that wraps ctx.Err() and
//     has written nothing.
//   - What goes in is copied and left as it is, what comes out is the
//     caller's: changing either never changes what is stored.
//   - Records belong to a tenant. An id of another tenant does not exist.
//   - Times come back as the same instant, exact to the microsecond; the zero
//     time comes back as the zero time. The location may differ.
//   - Numbers come back exactly: a float64 as the same float64.
//   - A nil slice or map may come back empty and an empty one nil. Bytes come
//     back exactly.
//   - Strings are valid UTF-8 without NUL: the caller sees to that, also for
//     what comes from strangers. Payload and ResponseBody are any bytes.
//   - Ids and tenants are compared, and ordered, byte for byte: "a" is neither
//     "A" nor "a ".
//
// # Growth
//
// No method is ever added to Store in v1. A new ability is an optional
// interface with a package function that falls back, as [LoadJob] and [Stats]
// do, or is there or not, as a [ReplayStore] is; [As] finds it through wrappers
// that have an Unwrap method.
package store
