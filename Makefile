# The targets are the README's commands. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCKED := $(VENV)/.installed
TESTED := $(VENV)/.installed-test

unexport PYTHONDONTWRITEBYTECODE # where it is set, every process of the tests compiles every module again

.DEFAULT_GOAL := help
.PHONY: help install demo clean-demo test test-all bench lint lock audit clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(LOCKED) ## set up .venv with the pinned dependencies (leaves .venv/bin/tillroll)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tillroll needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(LOCKED): requirements.txt requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "Installing Tillroll into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-build.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(TESTED): requirements-test.lock $(LOCKED)
	@echo "Installing the test extras ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-test.lock
	@touch $@

demo: install ## the real job on your machine: a sandbox store, the pages and the loop
	@$(BIN)/tillroll demo

clean-demo: ## forget the demo (its store, ledger, outbox and sign-in)
	@$(BIN)/tillroll demo --forget

lint: $(TESTED) ## formatting, lint, types and the import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: $(TESTED) lint ## every check and every test but the slow ones (on PostgreSQL only those of the ledger)
	@$(BIN)/python -m tests.tools
	@$(BIN)/pytest -m "not slow and not once and not again"

test-all: $(TESTED) lint ## the slow ones too, and all on both databases
	@$(BIN)/python -m tests.tools
	@$(BIN)/pytest

bench: $(TESTED) ## measure, beside floors and peers (NAMES="sandbox mint" for some; takes long)
	@$(BIN)/python -m bench $(NAMES) --json bench.json

lock: ## draw the lock files anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --extra test -c requirements.txt pyproject.toml -o requirements-test.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --group build -c requirements-test.lock -o requirements-build.lock
	$(BIN)/python -m tests.sbom

audit: ## compare the locked packages with the advisories of PyPI and OSV (needs uv and the network)
	uvx pip-audit --require-hashes --disable-pip --requirement requirements.txt --requirement requirements-build.lock

clean: ## remove the environment
	rm -rf $(VENV)
