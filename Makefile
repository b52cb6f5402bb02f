# Issuewright's commands. `make` lists them.
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help
.SUFFIXES:

ARGS ?=
JOBS ?= 4
STORY_JOBS ?= 6
KILLS ?= 20
DATABASE ?= sqlite
SEED ?=
WORKERS ?= 1
POINTS ?=

BIN := .venv/bin
RUNTIME := .venv/.installed-runtime
DEV := .venv/.installed-dev
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

# An environment that was moved, or whose Python is gone, is made anew.
ifneq ($(shell $(BIN)/python -c 'import sys; print(open(".venv/.place").read())' 2>/dev/null),$(CURDIR))
$(RUNTIME) $(DEV): FORCE
endif

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(RUNTIME) ## A spec issue becomes a merged pull request, on this machine (ARGS="--auto --exit --json")
	@$(BIN)/issuewright demo $(ARGS)

# Tests of processes mostly wait for them: more run at once than there are cores. Stories come second, and only when the
# fast tests passed.
STORIES := $(wildcard tests/stories tests/chaos tests/hosts)

.PHONY: test
test: $(DEV) ## All tests but the slow ones: fast ones first, then the stories (under 15 minutes)
	@$(BIN)/python -m pytest -m "not slow" -n $(JOBS) $(STORIES:%=--ignore=%)
ifneq ($(STORIES),)
	@$(BIN)/python -m pytest -m "not slow" -n $(STORY_JOBS) --dist worksteal $(STORIES)
endif

.PHONY: test-slow
test-slow: $(DEV) ## The slow tests alone
	@$(BIN)/python -m pytest -m slow -n $(STORY_JOBS) --dist worksteal --timeout 600 || [ $$? -eq 5 ]  # 5: there are none

.PHONY: check
check: $(DEV) ## What CI checks without running anything: ruff, mypy --strict, direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: chaos
chaos: $(DEV) ## Kill it at all named points and KILLS times at random (DATABASE=sqlite|postgres WORKERS=n POINTS=all|few|none SEED=n)
	@$(BIN)/python -m tests.chaos --kills $(KILLS) --database $(DATABASE) --workers $(WORKERS) $(if $(POINTS),--points $(POINTS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: bench
bench: $(DEV) ## What it costs, beside the floor of each figure (ARGS="--only edge --quick"); bench/results.json
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: format
format: $(DEV) ## Sort imports and format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: docs
docs: $(DEV) ## Make the reference pages in docs/reference/ from the code
	@$(BIN)/python -m tests.docs.reference

.PHONY: lock
lock: $(DEV) ## Resolve pyproject.toml again into requirements/*.txt (UPGRADE=1 takes newer versions)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --group build --group dev pyproject.toml -o requirements/dev.txt
	@$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) -c requirements/dev.txt --group build -o requirements/build.txt

.PHONY: env
env: $(DEV) ## Make or repair the environment in .venv (PYTHON=… chooses the interpreter)

.PHONY: clean
clean: ## Remove the environment, caches and build output
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find bot workflows tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up speaks on stderr: stdout belongs to the command that was asked for.
$(RUNTIME): pyproject.toml requirements/install.sh requirements/build.txt requirements/runtime.txt
	@PYTHON="$(PYTHON)" sh requirements/install.sh runtime >&2

$(DEV): $(RUNTIME) requirements/dev.txt
	@PYTHON="$(PYTHON)" sh requirements/install.sh dev >&2

.PHONY: FORCE
FORCE:
