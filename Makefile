PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= out/demo

.PHONY: demo test test-slow conformance conformance-pack lint types clean

demo: $(VENV)/ready  ## build the sample corpus and train on it
	$(BIN)/python -m pipelines.kernels
	$(BIN)/python -m massivetext.build --mixture gopher --output $(DEMO) --vocabulary 4096
	rm -rf $(DEMO)/model
	$(BIN)/python -m massivetext.train --data $(DEMO)/train --model tiny --steps 20 --out $(DEMO)/model

test: $(VENV)/ready  ## every test but the slow ones
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/ready
	$(BIN)/python -m pytest -m slow

conformance: $(VENV)/ready  ## the sample corpus on every engine; one table, equal sums or red
	$(BIN)/python -m tests.conformance.run

conformance-pack: $(VENV)/ready  ## the same with the shared pack
	$(BIN)/python -m tests.conformance.run --corpus ../shared/data --vocabulary 32000 --timeout 3600 --work out/conformance-pack

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("massivetext needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[trainer,dev,gcp,aws]'
	touch $@

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache build *.egg-info
