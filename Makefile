# What a contributor runs. Every target works in a fresh clone: "make help".

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The modules of this repository are tested as they are published, each by its own go.mod.
export GOWORK := off
# A suite whose server is missing fails instead of being skipped.
export OUTHOOK_REQUIRE_SERVERS ?= 1

BENCHTIME ?= 1s
BENCHFLAGS ?=
FUZZTIME ?= 10s
# Flags of the drills, such as -run=redis, -seed=7 and -keep.
DRILLS ?=

COVERAGE := 85
COVERED := sender sender/portal retry signing store store/sqlstore storetest

GOLANGCI_VERSION := 2.15.0
GOLANGCI := $(CURDIR)/bin/golangci-lint

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: deps ## Run all tests of all modules under the race detector, check coverage, lint
	scripts/each-module.sh go vet ./...
	scripts/test.sh
	@cat coverage/report
	scripts/coverage.sh $(COVERAGE) $(COVERED)
	$(MAKE) --no-print-directory lint

.PHONY: deps
deps: ## Install redis-server, PostgreSQL, MariaDB, Chromium, node, npm and curl if they are missing
	scripts/deps.sh

.PHONY: race
race: deps ## Run the tests of the root module three times under the race detector
	go test -race -count=3 ./...

.PHONY: cover
cover: ## Show each function's coverage in the last "make test"
	go tool cover -func=coverage/cover.out

.PHONY: lint
lint: golangci ## Check format, go vet, golangci-lint
	scripts/lint.sh $(GOLANGCI)

.PHONY: golangci
golangci:
	@if [[ "$$($(GOLANGCI) version --short 2>/dev/null)" != "$(GOLANGCI_VERSION)" ]]; then \
		echo "installing golangci-lint $(GOLANGCI_VERSION) into ./bin; this takes minutes, once"; \
		GOBIN=$(CURDIR)/bin go install -ldflags='-s -w' github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION); \
	fi

.PHONY: fuzz
fuzz: ## Run each fuzz test (FUZZTIME=10s)
	scripts/each-module.sh $(CURDIR)/scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: deps ## Run all benchmarks (BENCHTIME=1s; BENCHFLAGS=-short for a small backlog)
	scripts/each-module.sh go test -vet=off -run '^$$' -bench . -benchtime $(BENCHTIME) $(BENCHFLAGS) ./...

.PHONY: examples
examples: ## Compile all examples and run those that need nothing
	scripts/each-module.sh $(CURDIR)/scripts/examples.sh

.PHONY: drills
drills: deps ## Break what Outhook runs on, and count what became of every event
	@cd internal/drills && go run . $(DRILLS)

.PHONY: drills-short
drills-short: deps ## The most telling drills, smaller, as in CI
	@cd internal/drills && go run . -short $(DRILLS)

.PHONY: tidy
tidy: ## Run go mod tidy in every module
	scripts/each-module.sh go mod tidy

.PHONY: tidy-check
tidy-check: ## Fail if go mod tidy would change anything
	scripts/each-module.sh go mod tidy -diff
