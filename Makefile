# `make demo` runs the main job, `make test` the tests; each sets up all it needs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := core policy generator watermark provenance detector reelproof

.PHONY: demo test unit lint types bench serve setup browser clean

demo: $(STAMP)
	$(BIN)/python -m reelproof demo --out out/demo

test: $(STAMP) lint types
	$(BIN)/python -m pytest

unit: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not browser and not clips"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m bench.watermark
	$(BIN)/python -m bench.generator
	$(BIN)/python -m bench.policy
	$(BIN)/python -m bench.provenance
	$(BIN)/python -m bench.detector

serve: $(STAMP)
	$(BIN)/python -m reelproof serve

setup: $(STAMP)

browser:
	sh scripts/install-browser.sh

# torch goes first and by this range: that is what finds a CPU build; anything wider may pull gigabytes of CUDA.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'torch>=2.9,<2.14'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,diffusers]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) out .mypy_cache .pytest_cache .ruff_cache .hypothesis
