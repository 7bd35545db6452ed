// Package sendertest is for the tests of applications that send with Outhook.
//
// [Sender] stands in for the real one and records what it was asked to send:
// it tests the code that sends. [Receiver] is an endpoint that verifies
// signatures and can be told to fail, hang, reset, redirect, throttle or answer
// with too much: with senderdev it tests the whole way.
package sendertest
