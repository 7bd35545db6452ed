#!/usr/bin/env bash
# examples.sh compiles everything in the module in the current directory, and runs
# the examples that need nothing. Those are the ones whose opening comment shows
# the command without flags or variables, on a line of its own:
#
#	go run ./examples/quickstart
#
# They end by themselves.
set -euo pipefail

go build -o /dev/null ./...

go list -f '{{if eq .Name "main"}}{{.Dir}}{{end}}' ./... | while IFS= read -r dir; do
	if grep -qE "^//	go run (\.|\./([^ ]*/)?${dir##*/})\$" "$dir/main.go"; then
		echo "run: ${dir#"$PWD"/}"
		timeout 60 go run -buildvcs=false "$dir" </dev/null
	fi
done
