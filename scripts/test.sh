#!/usr/bin/env bash
# test.sh runs the tests of every module, once: the same run writes the coverage
# profiles. They end up as one, coverage/cover.out, so that a package counts as
# covered by whichever test runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf coverage
mkdir coverage
# What the tests ran on, skipped and measured; go test shows none of it.
export OUTHOOK_TEST_REPORT=$PWD/coverage/report
scripts/each-module.sh "$PWD/scripts/test-module.sh" "$PWD/coverage"

# Each test binary reports every block: the highest count of each is kept.
awk '
	/^mode:/ { next }
	!($1 in stmts) { order[++n] = $1; stmts[$1] = $2 }
	$3 > count[$1] { count[$1] = $3 }
	END {
		print "mode: atomic"
		for (i = 1; i <= n; i++) print order[i], stmts[order[i]], count[order[i]] + 0
	}' coverage/*.part >coverage/cover.out
rm coverage/*.part
