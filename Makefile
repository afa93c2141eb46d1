# One command a chore; each sets up what it needs. `make demo` on a fresh machine wants only Python 3.11 and make.
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test check format bench matrix same docs soak clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.demo  ## the default study: runs/digits/report.html
	$(BIN)/edgequant run digits

# The demo needs a part of what the tests need: on a machine that has neither, it installs that part alone.
$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	touch $@

test: setup  ## everyday tests, under ten minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not soak"

check: setup  ## format, lint, types
	$(BIN)/ruff format --check src tests benchmarks docs/*.py
	$(BIN)/ruff check src tests benchmarks docs/*.py
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format src tests benchmarks docs/*.py
	$(BIN)/ruff check --fix src tests benchmarks docs/*.py

bench: setup  ## each benchmark prints a ratio measured in one run
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

matrix: setup  ## the tests under every Python and torch that is promised; CELLS="-s matrix-3.12" for one
	$(BIN)/python -m nox $(CELLS)

same: setup  ## files and results equal to those of the commit BASE, times aside
	EDGEQUANT_BASE=$(or $(BASE),HEAD) $(BIN)/python -m pytest -m soak tests/test_two_commits.py

docs: setup  ## the site: site/index.html
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

soak: setup  ## the long tests
	$(BIN)/python -m pytest -m soak

clean:
	rm -rf $(VENV) runs site .pytest_cache .mypy_cache .ruff_cache
