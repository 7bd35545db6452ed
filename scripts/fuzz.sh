#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz test of the module in the current directory, each
# for that long.
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

test_files='{{$dir := .Dir}}{{range .TestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}'
go list -f "$test_files" ./... | { xargs -r grep -l '^func Fuzz' || true; } | xargs -r dirname | sort -u |
	while IFS= read -r dir; do
		go test -list '^Fuzz' "$dir" | grep '^Fuzz' | while IFS= read -r name; do
			echo "fuzz: ${dir#"$PWD"/} $name"
			go test -vet=off -run '^$' -fuzz "^$name\$" -fuzztime "$1" "$dir" </dev/null >"$log" 2>&1 && continue
			# Before Go 1.27 the fuzzer may take the end of its own time for
			# a failure. A real one names the input that failed.
			if grep -q '^ *context deadline exceeded$' "$log" && ! grep -q 'Failing input written' "$log"; then
				continue
			fi
			cat "$log"
			exit 1
		done
	done
