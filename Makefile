# make demo       install, and train on handwritten digits that need no download
# make test       install with the test tools; lint, types, contracts and the tests
# make test-slow  other backends, kills, fuzzing, real data where it is present
# make coverage   the share of lines and branches of src that the tests of make test run
# make examples   every example on its dataset, as a notebook in examples/executed/ (downloads)
# make docs       the documentation site in build/site/; needs no network once it is installed
# make bench      every stage against its peers
# PYTHON=… chooses the interpreter that makes .venv; Python 3.11 or later.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Set, so that nothing of this checkout's leaks into or out of the user's own settings.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# Two processes share the files of tests: they halve the time on two cores. The order is that of
# tests/conftest.py, for else the files of few tests come last, and some of those take longest.
TOGETHER := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-slow coverage lint examples docs bench clean

demo: .venv/.installed
	$(BIN)/viewfinder demo

test: .venv/.installed-dev lint
	$(BIN)/python -m pytest $(TOGETHER)

test-slow: .venv/.installed-dev
	$(BIN)/python -m pytest -m slow $(TOGETHER)

# TESTS=tests/cli measures a part of the tests.
coverage: .venv/.installed-dev
	$(BIN)/python -m pytest $(TOGETHER) --cov --cov-report=term:skip-covered $(TESTS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# OPTIONS= runs them on generated pictures, without a download.
OPTIONS ?= --fetch
examples: .venv/.installed-notebooks
	$(BIN)/python examples/execute.py --options="$(OPTIONS)"

docs: .venv/.installed-docs
	$(BIN)/python docs/site.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/.installed-bench
	@for stage in decode store audit augment batches compat predict train steps transfer export learning_curve; do echo "== $$stage"; $(BIN)/python benchmarks/$$stage.py || exit 1; done

clean:
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Viewfinder needs Python 3.11 or later; PYTHON=/path/to/python3.11 make … names one."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing Viewfinder and TensorFlow (a minute or two the first time) …"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu]'
	@touch $@

.venv/.installed-dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing Viewfinder with its test tools (a minute or two the first time) …"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/.installed

.venv/.installed-docs .venv/.installed-notebooks: .venv/.installed-%: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$*]'
	@touch $@

.venv/.installed-bench: .venv/.installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@
