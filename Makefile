# Everything a person does with this repository. `make` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/signet
# Outside the checkout, so that a fresh clone builds what changed and no more.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin:/usr/sbin
BED := tests/bed/provide
BED_DIR = $(shell $(BED) --where)

.PHONY: help
help: ## Lists what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: demo
demo: ## Shows both daemons at work, without a cluster
	@tests/demo/run

.PHONY: test
test: bed fmt lint deny ## Runs every check and every test, on real servers
	cargo build --locked -p sealer -p imagebot -p sealctl
	INSTA_UPDATE=no cargo test --locked --workspace
	FUZZ_SEED=1 tests/fuzz/run 3

.PHONY: test-full
test-full: ## Runs the same with the long corpora, and kills processes 200 times instead of 20
	SIGNET_KILLS=200 SIGNET_SOPS_FILES=500 $(MAKE) test

.PHONY: bed
bed: ## Provides the servers and programs that the tests run
	$(BED) all

.PHONY: fmt
fmt: ## Checks the formatting
	cargo fmt --all --check

.PHONY: lint
lint: ## Checks the lints
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: deny
deny: ## Checks licences and banned crates
	$(BED) cargo-deny
	$(BED_DIR)/bin/cargo-deny --locked check bans licenses sources

.PHONY: audit
audit: ## Checks for published advisories; needs the network
	$(BED) cargo-deny
	$(BED_DIR)/bin/cargo-deny check advisories

.PHONY: test-core
test-core: ## Runs the tests of the pure crates: seconds
	cargo test --locked -p yaml -p golang -p gotmpl -p sealer-core -p imagebot-core

.PHONY: bench
bench: bed ## Measures the daemons on real servers and prints a table
	cargo build --locked --release -p sealer -p imagebot -p sealctl
	cargo run --locked --release -p tests --bin bench -- $(ROWS)

.PHONY: generate
generate: ## Writes what is made from the source: CRDs of the charts, tables of docs/reference
	cargo run --locked --quiet -p tests --bin crds

.PHONY: fuzz
fuzz: ## Fuzzes TARGET, or every parser of foreign bytes, for SECONDS each
	tests/fuzz/run $(or $(SECONDS),60) $(TARGET)
