// Package browser tests the pages of sender/portal as the customers of two
// products use them: in a real Chromium, against a host that runs workers on a
// real Redis and delivers to a real receiver. It has tests only, named after what
// the products' pages promise.
//
// The tests need chromium; and node and npm for axe-core, which npm installs, in
// the version of testdata/package-lock.json, into testdata the first time. This is
// a module of its own because nobody who imports Outhook needs to drive a browser.
package browser
