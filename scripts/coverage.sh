#!/usr/bin/env bash
# coverage.sh MINIMUM PACKAGE…: prints the coverage of each package, from the
# profile of the last test run, and fails unless the packages named have more
# than MINIMUM percent of their statements covered.
set -euo pipefail
cd "$(dirname "$0")/.."

awk -v minimum="$1" -v required="${*:2}" '
	/^mode:/ { next }
	{
		package = $1
		sub(/\/[^\/]*$/, "", package)
		sub(/^github\.com\/outhook\/outhook\/?/, "", package)
		total[package] += $2
		if ($3 > 0) covered[package] += $2
	}
	function percent(p) { return 100 * covered[p] / total[p] }
	END {
		needed = split(required, names, " ")
		for (i = 1; i <= needed; i++) {
			p = names[i]
			must[p] = 1
			if (!total[p]) {
				verdict = "FAILED: no statement of it in the profile"
				printf "%-24s %7s   %s\n", p, "-", verdict
				failed = 1
				continue
			}
			verdict = "ok"
			if (percent(p) <= minimum) {
				verdict = "FAILED"
				failed = 1
			}
			printf "%-24s %6.1f%%   more than %s%%: %s\n", p, percent(p), minimum, verdict
		}
		sorting = "sort"
		for (p in total) if (!(p in must)) printf "%-24s %6.1f%%\n", p, percent(p) | sorting
		close(sorting)
		exit failed
	}' coverage/cover.out
