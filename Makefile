# Product 360. `make help` lists what there is; `make demo` is where to begin.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Settings a caller may give: make demo SCALE=smoke
SCALE ?= demo
PRODUCT360_HOME ?= $(CURDIR)/.product360
DAGSTER_HOME ?= $(PRODUCT360_HOME)/dagster
export SCALE PRODUCT360_HOME DAGSTER_HOME

BIN := .venv/bin
UV_VERSION := 0.13.9
PACKAGES := product360_assets resources spark demo

##@ Run

.PHONY: help
help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "; printf "usage: make COMMAND [SCALE=smoke|demo|full]\n"} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: .venv/.run .env $(DAGSTER_HOME)/dagster.yaml ## Install what running needs into .venv

.PHONY: demo
demo: install ## Run the whole lineage on real data (SCALE=smoke|demo|full)
	@$(BIN)/python -m demo

.PHONY: dev
dev: install ## Open the Dagster UI on what the demo made, with the source systems running
	@$(BIN)/python -m demo run -- $(BIN)/dagster dev -w workspace.yaml $(DEV_OPTIONS)

##@ Prove

.PHONY: test
test: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Run the tests
	@$(BIN)/python -m pytest -m "not long" $(PYTEST_OPTIONS)

.PHONY: test-long
test-long: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Run the soaks and the full-scale tests too
	@$(BIN)/python -m pytest $(PYTEST_OPTIONS)

.PHONY: check
check: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Lint, types, import rules, definitions, lock files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@# One at a time: given several, dg 1.13 checks one file of each component type.
	@for source in product360_assets/sources/*/; do $(BIN)/dg check yaml "$$source" || exit 1; done
	@$(BIN)/dagster definitions validate -w workspace.yaml
	@$(MAKE) --no-print-directory lock
	@git diff --exit-code --stat -- requirements.lock requirements-dev.lock

.PHONY: bench
bench: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Measure the platform against plain scripts (BENCH_OPTIONS="--help")
	@$(BIN)/python -m benchmarks $(BENCH_OPTIONS)

##@ Keep

.PHONY: lock
lock: .venv/.dev ## Bring the lock files in line with pyproject.toml; pins stay unless they must move
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --extra test --extra check --extra bench -c requirements.lock pyproject.toml \
	  -o requirements-dev.lock

.PHONY: clean
clean: ## Stop the demo company and remove all data the demo made (.venv stays)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m demo down; fi
	@rm -rf "$(PRODUCT360_HOME)" .env

# --- installation -----------------------------------------------------------------------------

# Python 3.11 or 3.12 of this machine; where there is neither, uv fetches one.
.venv/bin/uv:
	@for python in python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
	    >/dev/null 2>&1; then \
	    echo "Making .venv with $$($$python --version)"; \
	    $$python -m venv .venv && .venv/bin/python -m pip install -q uv==$(UV_VERSION) && exit 0; \
	    echo "make: $$python cannot make a virtual environment (see above)." >&2; \
	    echo "Expected: its venv and pip modules. On Debian: apt-get install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	done; \
	if python3 -m venv .venv/bootstrap 2>/dev/null \
	  && .venv/bootstrap/bin/python -m pip install -q uv==$(UV_VERSION) \
	  && .venv/bootstrap/bin/uv venv -q --allow-existing --seed --python 3.12 .venv \
	  && .venv/bin/python -m pip install -q uv==$(UV_VERSION); then exit 0; fi; \
	echo "make: Python 3.11 or 3.12 is needed; found: $$(python3 --version 2>&1)." >&2; \
	echo "Install one of them (python.org, apt, brew, pyenv) and run make again." >&2; \
	exit 1

.venv/.run: requirements.lock pyproject.toml | .venv/bin/uv
	@echo "Installing the locked packages (once; about half a minute)"
	@$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q -p $(BIN)/python --no-deps -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	@echo "Installing what tests and checks need"
	@$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

# `dagster dev`, `dg dev` and the product360 command read this file: all share one instance. To
# Dagster it outranks the environment, so it says what this call of make was told.
.PHONY: FORCE
FORCE:
.env: FORCE
	@printf 'DAGSTER_HOME="%s"\nPRODUCT360_HOME="%s"\n' "$(DAGSTER_HOME)" "$(PRODUCT360_HOME)" > $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@mkdir -p "$(@D)"
	@cp dagster.yaml "$@"
