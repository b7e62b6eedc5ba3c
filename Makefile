# semtune: `make demo` shows the main job, `make test` runs the tests; both make what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := src tests benchmarks docs
export HF_HUB_DISABLE_TELEMETRY := 1
unexport PYTHONDONTWRITEBYTECODE  # the tests start many processes; our code is compiled once, not in each of them

.DEFAULT_GOAL := help
.PHONY: help install demo fix check test test-all bench docs

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e '.[all,dev]'
	touch $@

install: $(STAMP) ## make .venv with everything in it

demo: $(STAMP) ## the whole way on the documentation of this Python
	HF_HUB_OFFLINE=1 $(BIN)/semtune run examples/python-docs.yaml

fix: $(STAMP) ## format, and mend what can be mended
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

check: $(STAMP) ## lint, types, layers of imports
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/pyright
	$(BIN)/lint-imports

test: $(STAMP) ## the fast tests; takes minutes
	HF_HUB_OFFLINE=1 $(BIN)/pytest -q -n 2 --dist loadfile -m 'not slow'

test-all: $(STAMP) ## all tests, the slow ones too; takes many minutes
	HF_HUB_OFFLINE=1 $(BIN)/pytest -q -n 2 --dist loadfile

bench: $(STAMP) ## measure speed against named peers; keep the machine idle meanwhile
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/train_step.py
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/train.py
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/encode.py

docs: $(STAMP) ## write the reference pages from the code
	$(BIN)/python docs/generate.py
