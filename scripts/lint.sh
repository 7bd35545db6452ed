#!/usr/bin/env bash
# lint.sh GOLANGCI_LINT: gofmt, go vet and golangci-lint, over every module.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(find . -name '*.go' -not -path '*/node_modules/*' -not -path '*/testdata/*' -print0 | xargs -0 -r gofmt -l)
if [[ $unformatted ]]; then
	echo "gofmt -w is needed for:" "$unformatted" >&2
	exit 1
fi
scripts/each-module.sh go vet ./...
scripts/each-module.sh "$1" run --config "$PWD/.golangci.yaml"
