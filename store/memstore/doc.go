// Package memstore is a [store.Store] in memory: the reference implementation.
//
// It is for tests, for development, and for whoever writes a Store and wants
// to see the contract in plain Go. Lists cost O(log n + page), as they should
// in a database, so it can also stand in for one in benchmarks.
//
// It is not for production: nothing survives the process, and two processes
// share nothing.
package memstore
