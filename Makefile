# Product 360. `make help` lists what there is; `make demo` is where to begin.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Settings a caller may give: make demo SCALE=smoke
SCALE ?= demo
PRODUCT360_HOME ?= $(CURDIR)/.product360
DAGSTER_HOME ?= $(PRODUCT360_HOME)/dagster
# How long `make test-long` lets batches land while it watches for what grows.
SOAK_MINUTES ?= 30
export SCALE PRODUCT360_HOME DAGSTER_HOME SOAK_MINUTES

BIN := .venv/bin
UV_VERSION := 0.13.9
# Rooms of tests side by side, in the order of tests/conftest.py. IN_TWO= runs them in one process.
IN_TWO := -n 2 --dist loadscope --no-loadscope-reorder
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))

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
	@$(BIN)/python -m demo dev $(DEV_OPTIONS)

##@ Prove

.PHONY: test
test: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Run the tests
	@$(BIN)/python -m pytest -m "not long" $(IN_TWO) $(PYTEST_OPTIONS)

.PHONY: test-long
test-long: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Run the soaks and the full-scale tests too
	@$(BIN)/python -m pytest $(PYTEST_OPTIONS)

.PHONY: aws-rehearsal
aws-rehearsal: .venv/.dev .env ## Rehearse the aws environment on loopback, jobs run by spark-submit
	@$(BIN)/python -m pytest tests/rehearsal $(PYTEST_OPTIONS)

.PHONY: check
check: .venv/.dev .env $(DAGSTER_HOME)/dagster.yaml ## Lint, types, import rules, definitions, lock files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@# One at a time: given several, dg 1.13 checks one file of each component type.
	@for source in product360_assets/sources/*/; do $(BIN)/dg check yaml "$$source" || exit 1; done
	@$(BIN)/dagster definitions validate -w workspace.yaml
	@$(BIN)/python -m product360_assets.governance.published_contracts
	@$(MAKE) --no-print-directory lock
	@git diff --exit-code --stat -- requirements.lock requirements-dev.lock \
	  infra/requirements.lock

.PHONY: infra
infra: node-there .venv/.infra ## Synthesise the AWS infrastructure and have it checked (PLAN=file.yaml)
	@$(BIN)/mypy -p infra
	@$(BIN)/python -m infra $(if $(PLAN),--plan "$(PLAN)")

.PHONY: contracts
contracts: .venv/.dev ## Agree on what has changed in the contracts of published tables and breaks no reader
	@$(BIN)/python -m product360_assets.governance.published_contracts --write

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
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url -c requirements-dev.lock infra/requirements.in -o infra/requirements.lock

.PHONY: clean
clean: ## Stop the demo company and remove all data the demo made (.venv stays)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m demo down; fi
	@rm -rf "$(PRODUCT360_HOME)" .env

# --- installation -----------------------------------------------------------------------------

# A .venv outlives the Python that it was made with, and may have been made with another one.
.PHONY: venv-fits
venv-fits:
	@if [ -L $(BIN)/python ] || [ -e $(BIN)/python ]; then \
	  $(BIN)/python -c '$(FITS)' 2>/dev/null || { \
	    found=$$($(BIN)/python --version 2>/dev/null) \
	      || found="$$(readlink $(BIN)/python || echo a file), which does not run"; \
	    echo "make: the Python of .venv: found $$found." >&2; \
	    echo "Expected: Python 3.11 or 3.12, as when .venv was made." >&2; \
	    echo "Next: rm -rf .venv, then the same command again; it makes a new one." >&2; \
	    exit 1; \
	  }; \
	fi

# Python 3.11 or 3.12 of this machine; where there is neither, uv fetches one.
.venv/bin/uv: | venv-fits
	@for python in python3.12 python3.11 python3 python; do \
	  if $$python -c '$(FITS)' >/dev/null 2>&1; then \
	    echo "Making .venv with $$($$python --version)"; \
	    $$python -m venv .venv && .venv/bin/python -m pip install -q uv==$(UV_VERSION) && exit 0; \
	    echo "make: $$python: found one that cannot make a virtual environment (see above)." >&2; \
	    echo "Expected: its venv and pip modules, and a package index that answers." >&2; \
	    echo "Next: on Debian, apt-get install python3-venv; then the same command again." >&2; \
	    exit 1; \
	  fi; \
	done; \
	if python3 -m venv .venv/bootstrap 2>/dev/null \
	  && .venv/bootstrap/bin/python -m pip install -q uv==$(UV_VERSION) \
	  && .venv/bootstrap/bin/uv venv -q --allow-existing --seed --python 3.12 .venv \
	  && .venv/bin/python -m pip install -q uv==$(UV_VERSION); then exit 0; fi; \
	rm -rf .venv/bootstrap; \
	echo "make: Python: found $$(python3 --version 2>/dev/null || echo none)" \
	  "($$(command -v python3 || echo 'no python3 in PATH')), and no other could be fetched." >&2; \
	echo "Expected: Python 3.11 or 3.12 as python3.12, python3.11, python3 or python." >&2; \
	echo "Next: install one of them (python.org, apt, brew, pyenv), then the same command again." >&2; \
	exit 1

.venv/.run: requirements.lock pyproject.toml | venv-fits .venv/bin/uv
	@echo "Installing the locked packages (once; about half a minute)"
	@$(BIN)/uv pip install -q --compile-bytecode -p $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q -p $(BIN)/python --no-deps -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	@echo "Installing what tests and checks need"
	@$(BIN)/uv pip install -q --compile-bytecode -p $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: node-there
node-there:
	@command -v node >/dev/null || { \
	  echo "make: node: found none in PATH." >&2; \
	  echo "Expected: node 20 or newer, in which the AWS CDK runs." >&2; \
	  echo "Next: install it (nodejs.org, apt, brew), then the same command again." >&2; \
	  exit 1; \
	}

.venv/.infra: infra/requirements.lock .venv/.dev
	@echo "Installing the AWS CDK and its checks (once)"
	@$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes -r infra/requirements.lock
	@touch $@

# What to say where the system refuses to write: what it is, and how to choose another place.
refused = { echo "make: $(1): found that it cannot be written (see above)." >&2; \
  echo "Expected: a folder that this user may write to, on a disk with room." >&2; \
  echo "Next: $(2), then the same command again." >&2; exit 1; }

# `dagster dev`, `dg dev` and the product360 command read this file: all share one instance. To
# Dagster it outranks the environment, so it says what this call of make was told.
.PHONY: FORCE
FORCE:
.env: FORCE
	@printf 'DAGSTER_HOME="%s"\nPRODUCT360_HOME="%s"\n' "$(DAGSTER_HOME)" "$(PRODUCT360_HOME)" > $@ \
	  || $(call refused,$(CURDIR)/.env,clone to a folder of your own)

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@{ mkdir -p "$(@D)" && cp dagster.yaml "$@"; } \
	  || $(call refused,$(@D),choose another folder with PRODUCT360_HOME or DAGSTER_HOME)
