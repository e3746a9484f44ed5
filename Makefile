# `make run` does the main job, `make test` the tests; both set up what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt
RECIPE ?= zhong2020
OUT ?= runs/$(RECIPE)
ARGS ?=

.PHONY: help setup run test check bench clean

help:  ## Show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/.installed: pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[export,kaggle,pretrained]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[dev]'
	touch $@

setup: $(VENV)/.installed-dev  ## Install covidcxr with everything development needs into .venv

run: $(VENV)/.installed  ## Compile, train, evaluate and report: RECIPE=zhong2020 OUT=runs/zhong2020
	$(BIN)/covidcxr run $(RECIPE) --out $(OUT) $(ARGS)

test: setup  ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: setup  ## Lint, types and the contracts between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## Run the benchmarks (long; needs the real sources), see benchmarks/README.md
	$(BIN)/python -m benchmarks $(ARGS)

clean:  ## Remove the environment and caches, never a run
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
