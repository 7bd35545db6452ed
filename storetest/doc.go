// Package storetest is the conformance suite for a [store.Store]: each case
// holds one rule of the contract, and prints it when it is broken.
//
// A Store's own test is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			return open(t) // an empty Store that nothing else uses
//		})
//	}
//
// The suite fills every field of every type by reflection: a field that is
// added to a type tomorrow, and that the Store drops, fails without a change
// here. It needs nothing but the standard library.
package storetest
