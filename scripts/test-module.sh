#!/usr/bin/env bash
# test-module.sh DIR: runs the tests of the module in the current directory under
# the race detector, and leaves the coverage profile in DIR.
set -euo pipefail

profile=$1/$(pwd | cksum | cut -d' ' -f1).part
# The suites on real databases take minutes on a busy machine.
# How much of the whole repository each test binary runs says nothing: it is cut.
go test -race -vet=off -timeout 25m -coverpkg=github.com/outhook/outhook/... -coverprofile="$profile" ./... |
	sed -E '/^\t.*coverage: 0.0% of statements$/d; s/\tcoverage: [0-9.]+% of statements in .*//'
