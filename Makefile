# Everything here makes and uses a virtual environment of its own, in .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench eval soak clean

demo: $(READY)  ## set up, fetch the embedded model, and ask a real question
	$(BIN)/python -m unspool.cli.main models pull
	@echo
	$(BIN)/python benchmarks/demo.py

test: $(READY)  ## all tests, with the real embedded model where it has been fetched
	$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup -m "not local_model"
	$(BIN)/python -m pytest -m local_model  # alone: its threads wait for each other

check: $(READY)  ## lint, format, types, import order
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(READY)  ## the tests that kill runs and fill disks, two hundred times over
	UNSPOOL_SOAK_KILLS=200 $(BIN)/python -m pytest --timeout 3600 tests/integration/test_resume.py tests/properties tests/unit

bench: $(READY)  ## speed, side by side with rlms and dspy
	$(BIN)/python benchmarks/speed.py

eval: $(READY)  ## the embedded model's answers, each kept, and their table: hours, by day and night
	$(BIN)/python -m unspool.cli.main models pull
	$(BIN)/python benchmarks/eval.py

clean:  ## remove what the commands above have made, but not the models
	rm -rf $(VENV) benchmarks/.venv benchmarks/results build dist .pytest_cache .mypy_cache \
	    .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV) 2>/dev/null || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,local,prices]'
	touch $@
