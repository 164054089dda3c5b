# Everything there is to do with this checkout. `make help` lists it.
#
# There is one target folder, and one cargo at a time. Tests, the demonstration and `make run` share the dev profile, in which
# the arithmetic of documents and keys is optimised (see Cargo.toml); only packages and the bench use release.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):$(HOME)/.cargo/bin

# Windows of the demonstration keep off the person's session bus, and start none of their own.
APART := DBUS_SESSION_BUS_ADDRESS=disabled: NO_AT_BRIDGE=1
DEBUG := target/debug
RELEASE := target/release
UI_SOURCES := $(shell find ui/src ui/public ui/index.html ui/package-lock.json ui/*.ts ui/*.json -type f 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Use ---

.PHONY: run
run: build ## build and open the app; without a display, show the demonstration instead
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then \
	    echo "==> Opening Commonplace. The command line is $(DEBUG)/commonplace."; \
	    exec $(DEBUG)/commonplace-desktop; \
	else \
	    echo "==> There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can be shown."; \
	    echo "    The demonstration follows instead: two installations of the app on a virtual display."; \
	    $(MAKE) demo; \
	fi

.PHONY: demo
demo: setup-test build ## two installations of the app on a virtual display meet and write one page; pictures/ shows them
	@$(APART) $(DEBUG)/demo

# --- Build ---

.PHONY: setup setup-test
setup: ## install what a build needs (Debian packages, Rust, npm packages)
	@scripts/setup.sh build

setup-test:
	@scripts/setup.sh build test

.PHONY: build
build: ui ## the app and the command line, in target/debug
	@cargo build --workspace --bins

.PHONY: ui
ui: setup ui/dist/index.html ## the interface, in ui/dist

ui/dist/index.html: $(UI_SOURCES)
	@npm --prefix ui run --silent build
	@touch $@

.PHONY: dev
dev: ## the app with the interface served by Vite, for work on it
	@scripts/setup.sh build dist
	@scripts/node_modules/.bin/tauri dev --config src-tauri/dev.conf.json

.PHONY: dist
dist: ## installable packages, .deb and .rpm, in dist/
	@scripts/setup.sh build dist
	@$(MAKE) ui
	@scripts/dist.sh

# --- Check ---

.PHONY: test
test: setup-test ## everything CI checks: formatting, lints, licences, the interface, every Rust test and suite
	@scripts/test.sh

.PHONY: test-quick
test-quick: ui ## tests of the crates and the interface, without the suites that start processes and windows
	@scripts/test.sh quick

.PHONY: check
check: ui ## formatting, lints, licences and types, without tests
	@scripts/test.sh check

.PHONY: deny
deny: ## licences, sources and banned crates of all dependencies
	@scripts/deny.sh

.PHONY: advisories
advisories: ## known vulnerabilities of all dependencies; fetches the advisory database
	@scripts/deny.sh advisories

MINUTES ?= 10
.PHONY: fuzz
fuzz: setup ## look longer for input that does harm: MINUTES=10 for each kind of input
	@export COMMONPLACE_FUZZ_SECONDS=$$((60 * $(MINUTES))); \
	    cargo test --workspace --test fuzz -- --nocapture && cargo test --workspace --test gate -- --nocapture fuzz:: && \
	    cargo test --workspace --lib -- --nocapture changed_anywhere whatever_is_announced

.PHONY: mutants
mutants: setup ## change the code of trust and governance line by line and list what no test notices; takes hours, and goes on where it was stopped
	@cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants
	@COMMONPLACE_FUZZ_SECONDS=0 PROPTEST_CASES=16 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 \
	    cargo mutants --iterate --test-tool nextest --output target --minimum-test-timeout 60 \
	    --package commonplace-trust --package commonplace-governance -- --fail-fast -E 'not test(cost::)'

.PHONY: bench
bench: setup-test ui ## measure, print a table and write it as JSON (target/bench.json)
	@cargo build --release --workspace --bins --features commonplace-tests/compare
	@$(RELEASE)/bench

SIZES ?= 10,100,1000
.PHONY: scale
scale: setup ## simulate commons of many devices and print what they cost each: SIZES=10,100,1000; takes some minutes
	@COMMONPLACE_SCALE=$(SIZES) cargo test --workspace --test simulator -- --exact --nocapture scale::many_in_one_commons

# --- Tidy ---

.PHONY: fmt
fmt: ## format the Rust code and copy the pure crates' lints
	@cargo fmt --all
	@scripts/pure-clippy.sh copy

.PHONY: clean
clean: ## remove everything that was built or fetched
	@rm -rf target dist gen pictures ui/dist ui/node_modules scripts/node_modules
