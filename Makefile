# What a person or a CI job runs. "make" alone lists the goals. Nothing here needs more than make, a POSIX shell and Python 3.11+.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin

# Stamps carry this folder's path and the Python version, so that a copied .venv or another PYTHON counts as not installed.
KEY := $(shell { $(PYTHON) -c 'import sys; print(sys.version_info[:2])'; pwd -P; } 2>&1 | cksum | cut -d ' ' -f 1)
PACKAGES := $(VENV)/.packages-$(KEY)
PROJECT := $(VENV)/.project-$(KEY)

COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(if $(UPGRADE),--upgrade)

step = @printf '\n=== %s\n' '$(1)'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test fast bench soak statistics lint types venv servers test-tools lock clean

help:  ## list the goals
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\n%s\n' 'Variables: PYTHON=python3.12 (default python3), ARGS="..." for demo, test and fast, WORKERS=2 for tests.'

demo: $(PROJECT) servers  ## run the whole product on simulated users until Ctrl-C; ARGS=--once stops after the first report
	@$(BIN)/slo-daemon demo $(ARGS)

test: lint types servers test-tools  ## everything: style, types, import contracts, then all tests with real servers
	$(call step,all tests with a real Prometheus and Alertmanager)
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS) || \
		{ [ $$? -eq 1 ] && printf '\n=== %s\n' 'FAILED ONCE, see above. The same once more, alone; who passes now hangs on time or load: mend it' && \
		$(BIN)/pytest --last-failed --last-failed-no-failures none --maxfail 1 -v; }

fast: $(PROJECT)  ## only the tests that need no server and are quick
	$(call step,tests without servers)
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m 'not servers and not slow' $(ARGS)

bench: $(PROJECT) servers  ## measure costs and accuracy on 31 generated days; variables: docs/performance.md
	@tools/install-slo-generator '$(PYTHON)' build/bench/slo-generator
	@$(BIN)/python -m bench run

soak: $(PROJECT) servers  ## watch the daemon with SOAK_SLOS=10000 for SOAK_MINUTES=30; see docs/performance.md
	@$(BIN)/python -m bench soak

statistics: $(PROJECT)  ## try out what the statistics promise on simulated pilots; variables: docs/experiments.md
	@$(BIN)/python -m bench statistics

lint: $(PROJECT)  ## style, formatting and import contracts
	$(call step,style: ruff check)
	@$(BIN)/ruff check .
	$(call step,formatting: ruff format --check)
	@$(BIN)/ruff format --check .
	$(call step,import contracts: lint-imports)
	@$(BIN)/lint-imports

types: $(PROJECT)  ## static types
	$(call step,types: mypy --strict)
	@$(BIN)/mypy --strict

venv: $(PROJECT)  ## create .venv with the locked packages and this project

servers:  ## make sure that Prometheus and Alertmanager are there
	@tools/install-servers

test-tools:
	@tools/install-test-tools
	@tools/install-chart-schemas

# The lock is made on the oldest Python we support. Existing pins stay unless UPGRADE=1.
lock: $(PACKAGES)  ## write constraints.txt and constraints-dev.txt from pyproject.toml; UPGRADE=1 takes newer versions
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo 'make lock needs Python 3.11: make clean, then make lock PYTHON=python3.11' >&2; exit 1; }
	$(call step,constraints.txt)
	@CUSTOM_COMPILE_COMMAND='make lock' $(COMPILE) --output-file constraints.txt pyproject.toml
	$(call step,constraints-dev.txt)
	@CUSTOM_COMPILE_COMMAND='make lock' $(COMPILE) --extra dev --constraint constraints.txt \
		--output-file constraints-dev.txt pyproject.toml

clean:  ## remove .venv, caches and builds
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find slo_daemon tests bench -type d -name __pycache__ -prune -exec rm -rf {} +

$(PACKAGES): constraints-dev.txt tools/create-venv
	$(call step,virtual environment in $(VENV))
	@tools/create-venv '$(PYTHON)' $(VENV)
	$(call step,packages of constraints-dev.txt; the first time takes a while)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	@touch $@

$(PROJECT): $(PACKAGES) pyproject.toml
	$(call step,slo-daemon itself)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check || \
		{ echo 'The installed packages do not fit pyproject.toml. Next step: make lock' >&2; exit 1; }
	@touch $@
