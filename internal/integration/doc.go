// Package integration tests the parts that meet real databases. It is a module
// of its own, so that no driver gets into the go.mod that hosts depend on.
package integration
