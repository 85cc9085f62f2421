PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= out/demo

.PHONY: demo test test-slow lint types clean

demo: $(VENV)/ready  ## build the sample corpus and train on it
	$(BIN)/python -m pipelines.kernels
	$(BIN)/python -m massivetext.build --mixture gopher --output $(DEMO) --vocabulary 4096
	$(BIN)/python -m massivetext.train --data $(DEMO)/train --model tiny --steps 20 --out $(DEMO)/model

test: $(VENV)/ready  ## every test but the slow ones
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/ready
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("massivetext needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[trainer,dev]'
	touch $@

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache build *.egg-info
