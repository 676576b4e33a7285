# Everything that can be done with this project. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What .env.example describes, for the native run; Compose reads .env by itself.
-include .env
export DOMAIN ?=
export DEMO PUBLIC_VIEW SM_LOG OTLP_ENDPOINT EVENT_HANDLER_URL NET DATA_DIR SCALE
export FORCE_HTTPS SECURE_COOKIES RATE_LIMIT_AVERAGE RATE_LIMIT_BURST LOGIN_LIMIT_AVERAGE LOGIN_LIMIT_BURST SECRETS
export REDIS_APPENDFSYNC REDIS_MAXMEMORY

# The pinned tools first, then a toolchain that was installed for this project.
export PATH := $(CURDIR)/.venv/bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

STACK := python3 deploy/native/stack.py
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
# Not CONSOLE, which says to Compose where the images take the console from.
CONSOLE_SOURCE := services/console
CLIENT_SOURCE := clients/typescript

##@ Run as plain processes
.PHONY: setup console build run stop status rotate-key
setup: ## Install what is missing (packages by apt, tools into .venv, Rust where there is none)
	@$(STACK) setup
console: tools ## Build the console, which the next build of api-gateway embeds
	@$(STACK) console
build: ## Build the console and all binaries (release)
	@$(STACK) build
run: ## Set up, build, go on air, follow the logs; Ctrl-C stops everything (DOMAIN=, SCALE=, NET=, DATA_DIR=)
	@$(STACK) run
stop: ## Stop what `make run` started
	@$(STACK) down
status: ## Say how each process does
	@$(STACK) status

rotate-key: ## Let a new key sign tokens from now on, while everything runs (DATA_DIR=)
	@$(STACK) rotate-key

##@ Run in containers
.PHONY: secrets up down ps logs scale roll smoke prebuilt
secrets: tools ## Make the secrets of the containers, where there are none
	@$(STACK) secrets "$${SECRETS:-deploy/secrets}"
up: secrets ## Build the images, go on air, print the address and the first login
	@deploy/up.sh
down: ## Stop and remove the containers; the data stays (`make down V=--volumes` removes it)
	@$(COMPOSE) down $(V)
ps: ## List the containers
	@$(COMPOSE) ps
logs: ## Follow the logs (S=service for one)
	@$(COMPOSE) logs --follow --tail 50 $(S)
scale: ## Run N replicas of a service: make scale S=ws-fanout N=3
	@$(COMPOSE) up --detach --no-recreate --wait --scale $(S)=$(N) $(S)
roll: ## Replace a service's containers without losing a request: make roll S=stream-control
	@deploy/roll.sh $(S)
prebuilt: ## Lay the binaries of B (target/release) out for images with BINARIES=prebuilt
	@deploy/ci/prebuilt.sh $(or $(B),target/release)
smoke: ## Run the composed containers for real, scaled, and take them down again
	@deploy/ci/compose-smoke.sh

##@ Work on it
.PHONY: tools fmt lint layers schemas deny audit bench soak drill editing ledger fuzz ci
tools: ## Put the pinned tools into .venv
	@$(STACK) tools
fmt: ## Format everything
	@cargo fmt --all
	@$(STACK) client
	@cd $(CLIENT_SOURCE) && npm run --silent format
	@cd $(CONSOLE_SOURCE) && npm run --silent format
lint: test-lint ## Clippy, formats, types; warnings are errors
	@$(STACK) client
	@cd $(CLIENT_SOURCE) && npm run --silent check
	@cd $(CONSOLE_SOURCE) && npm run --silent check
layers: ## Check which crates may know which
	@deploy/ci/layers.sh
schemas: ## Write docs/api, docs/reference/problems.md, the client's and the console's types from the Rust types
	@cargo run --quiet --locked -p sm-schemas
	@$(STACK) client
	@cd $(CLIENT_SOURCE) && npm run --silent generate
	@cd $(CONSOLE_SOURCE) && npm run --silent generate
deny: ## Check licences, bans and sources (cargo-deny)
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	@cargo deny --workspace check bans licenses sources
audit: deny ## Check for known vulnerabilities (needs the network)
	@cargo deny --workspace check advisories
	@cd $(CLIENT_SOURCE) && npm audit
	@cd $(CONSOLE_SOURCE) && npm audit
bench: build test-setup ## Run the benchmarks (B=name for one); prints a table, writes target/bench/results.json
	@SM_E2E_BIN=$(CURDIR)/target/release cargo run --quiet --release --locked -p sm-bench --bin bench -- $(B)
soak: build test-setup ## Half an hour of changes, dying sources and dying outputs (MINUTES=30); prints what was seen
	@SM_E2E_BIN=$(CURDIR)/target/release cargo run --quiet --release --locked -p sm-e2e --bin soak -- $(or $(MINUTES),30)
drill: build test-setup ## Seven faults on a real stack after an hour of quiet (MINUTES=60): which incident, its cause, the times
	@SM_E2E_BIN=$(CURDIR)/target/release cargo run --quiet --release --locked -p sm-e2e --bin drill -- $(or $(MINUTES),60)
editing: build ## Ten thousand changes by eight people while replicas and Redis die (OPERATIONS=10000, SEED=1)
	@SM_E2E_BIN=$(CURDIR)/target/release cargo run --quiet --release --locked -p sm-e2e --bin editing -- $(or $(OPERATIONS),10000) $(or $(SEED),1)
ledger: build ## A million samples while replicas of analytics and Redis die (SAMPLES=1000000, SEED=1)
	@SM_E2E_BIN=$(CURDIR)/target/release cargo run --quiet --release --locked -p sm-e2e --bin ledger -- $(or $(SAMPLES),1000000) $(or $(SEED),1)
fuzz: build test-setup ## Hostile requests, and bytes that no parser expects (REQUESTS=10000, SEED=1, CASES=20000)
	@SM_E2E_BIN=$(CURDIR)/target/release cargo run --quiet --release --locked -p sm-e2e --bin hostile -- $(or $(REQUESTS),10000) $(or $(SEED),1)
	@PROPTEST_CASES=$(or $(CASES),20000) cargo test --quiet --locked -p sm-common -p sm-media-protocol -p sm-media-files --test outside_bytes
ci: test deny ## What has to hold before a change lands

##@ Test
.PHONY: test test-setup test-routing test-client test-console test-lint test-rust test-e2e test-browser test-client-e2e test-compose
test: test-setup layers test-routing test-client test-console test-lint test-rust test-e2e test-browser test-client-e2e test-compose ## Everything, from a bare machine on
	@echo "== all tests passed"
test-setup:
	@$(STACK) setup --tests
test-routing: ## The compose file, and that both modes route alike, through a real Traefik
	@deploy/ci/routing.sh
test-client: ## TypeScript client: types, formats, generated files, unit tests, size, package
	@deploy/ci/client.sh
test-console: ## Console: types, formats, generated files, unit tests, build
	@deploy/ci/console.sh
test-lint: ## Formats and Clippy; warnings are errors
	@cargo fmt --all --check
	@cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
test-rust: ## Unit, service, contract and media tests; also builds every binary (dev profile)
	@cargo nextest run --workspace --locked --profile ci --filterset 'not package(sm-e2e)'
test-e2e: ## The native stack through Traefik
	@cargo nextest run --workspace --locked --profile ci --filterset 'package(sm-e2e)' --test-threads 1
test-browser: ## The console in headless Chromium, on a native stack
	@deploy/ci/browser.sh
test-client-e2e: ## TypeScript client in Node and in headless Chromium, on a native stack
	@deploy/ci/client-e2e.sh
test-compose: ## The containers, wherever an engine answers
	@deploy/ci/compose.sh

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } \
	    /^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
