# Everything a developer types. Each target does its own set-up; a fresh Debian needs python3.11, git and make.
# PYTHON=/path/to/python3.11 chooses another interpreter for the first set-up.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation
UV_COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--quiet --custom-compile-command "make lock"

.DELETE_ON_ERROR:
.PHONY: setup test lint format types imports pytest soak mutants demo bench live lock clean

setup: $(VENV)/installed

test: lint types imports pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

# ARGS goes to pytest: make pytest ARGS="-k outbox"
pytest: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

# The long versions of the tests under fire: half an hour.
soak: setup
	SOAK=1 $(BIN)/python -m pytest -o faulthandler_timeout=3600 \
		tests/system/test_promises.py tests/system/test_operations.py tests/platforms/test_arbitrary_orders.py $(ARGS)

# Changes the code that the promises stand on, one small thing at a time, and shows what no test noticed.
# An hour; not in CI. From the start each time: mutmut keeps its verdicts though the tests changed.
# CHILDREN=1 uses one processor.
mutants: $(VENV)/mutants
	rm -rf mutants
	$(BIN)/mutmut run --max-children $(or $(CHILDREN),2)
	$(BIN)/mutmut results --all true | $(BIN)/python -m tests.mutants

demo: setup
	$(BIN)/connector demo --seconds 40

bench: setup
	$(BIN)/python -m tests.bench

# Real shops from the package registries, kept in .live: needs node 20, npm and PostgreSQL's programs, and minutes.
# ARGS="--shops medusa" takes one of them.
live: setup
	$(BIN)/python -m tests.live $(ARGS)

# Pins every dependency by version and hash, for CPython from 3.11 on. Keeps the versions that stand in the
# files; `make lock UPGRADE=--upgrade` takes the newest.
lock: setup
	$(UV_COMPILE) $(UPGRADE) --group build -o requirements-build.lock
	$(UV_COMPILE) $(UPGRADE) pyproject.toml --extra postgres -o requirements.lock
	$(UV_COMPILE) $(UPGRADE) pyproject.toml --extra postgres --group dev -c requirements.lock -o requirements-dev.lock
	$(UV_COMPILE) $(UPGRADE) --group mutants -c requirements-dev.lock -o requirements-mutants.lock

clean:
	rm -rf $(VENV) .live mutants build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian splits what `python3.11 -m venv` needs into a package of its own. The build backend is installed first:
# some dependencies are published as source only, and nothing unpinned may build them.
$(VENV)/locked: requirements-build.lock requirements-dev.lock
	@if ! command -v $(PYTHON) >/dev/null; then \
		echo "There is no $(PYTHON) here: install Python 3.11 (Debian: apt-get install python3.11)," \
			"or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing python3.11-venv: Debian's python3.11 cannot make a virtual environment without it." >&2; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3.11-venv >/dev/null; \
	else \
		echo "$(PYTHON) cannot make a virtual environment: install its venv module" \
			"(Debian: as root, apt-get install python3.11-venv), then run make again." >&2; exit 1; \
	fi
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements-build.lock
	$(PIP_INSTALL) --require-hashes --use-pep517 -r requirements-dev.lock
	@touch $@

$(VENV)/mutants: $(VENV)/installed requirements-mutants.lock
	$(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements-mutants.lock
	@touch $@

$(VENV)/installed: $(VENV)/locked pyproject.toml
	$(PIP_INSTALL) --no-deps --editable .
	@touch $@
