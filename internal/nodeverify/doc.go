// Package nodeverify tests Outhook against what receivers on Node really use:
// the npm packages svix and standardwebhooks, and the sample that Jasper's page
// prints. It has tests only.
//
// The tests need node and npm; npm installs the packages, in the versions of
// testdata/package-lock.json, into testdata the first time. They are in
// testdata because the go command does not look for packages in there.
package nodeverify
