// Package docs holds no code but tests of what is written about the code: that
// the README shows code that compiles, that what is exported is explained, and
// that the sender links the modules it is known to link and no other.
//
// Each go block of the README is a copy, and says of what in a comment on the
// line above it:
//
//	<!-- example: sender/example_test.go ExampleSender -->   the body of a function
//	<!-- file: examples/quickstart/main.go -->               a whole file
//	<!-- region: examples/jam/main.go setup -->              what lies between the lines
//	                                                         "// readme:begin setup" and
//	                                                         "// readme:end setup"
//
// Bodies and regions are unindented, and the "// Output:" of an Example is left
// out. To bring the README, and the list of modules, up to date:
//
//	UPDATE_GOLDEN=1 go test ./internal/docs
package docs
