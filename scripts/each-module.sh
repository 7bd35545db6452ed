#!/usr/bin/env bash
# each-module.sh COMMAND…: runs the command in the directory of every Go module
# of the repository. It goes on after a failure, and fails at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=()
while IFS= read -r mod; do
	dir=$(dirname "$mod")
	echo "--- $dir: $*"
	(cd "$dir" && "$@") || failed+=("$dir")
done < <(find . -name go.mod -not -path '*/node_modules/*' -not -path '*/testdata/*' | sort)

if ((${#failed[@]})); then
	echo "FAILED in ${failed[*]}: $*" >&2
	exit 1
fi
