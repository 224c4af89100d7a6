# make run    load highway_mnist_50 and classify real digits
# make test   install what the tests need, and run them
# make help   the rest

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VENV := $(ROOT)/.venv
PYTHON ?= python3
BIN := $(VENV)/bin

# A relative ZOO_DATA_DIR is meant from where make was called.
ifdef ZOO_DATA_DIR
export ZOO_DATA_DIR := $(abspath $(ZOO_DATA_DIR))
endif
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Processes of tests side by side; each takes up to 4 GB of memory. A file's tests stay together, and
# files in the order of tests/conftest.py.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help run test check lint verify-all backends wheel clean

help:
	@echo "make run         load highway_mnist_50 and classify real digits"
	@echo "make test        run all tests, with one published checkpoint a family against its card"
	@echo "make check       lint and the quick tests: the inner loop"
	@echo "make lint        ruff and mypy"
	@echo "make verify-all  hold every published checkpoint against its card"
	@echo "make backends    install JAX and PyTorch, so that make test runs on them too"
	@echo "make wheel       build the wheel and try it in an environment of its own"
	@echo "make clean       remove the virtual environment and what was built"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "venv is missing; on Debian: apt-get install python3-venv"; exit 1; }

# One stamp a set of extras: a second run finds it and installs nothing. An old pip would run the
# setup.py of seqeval, which comes as source alone, by itself, and fail: hence --use-pep517.
$(VENV)/installed-%: $(ROOT)/pyproject.toml $(ROOT)/setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -e "$(ROOT)[$*]"
	@touch $@

run: $(VENV)/installed-train
	@cd $(ROOT) && $(BIN)/python docs/examples/classify_digits.py

test: $(VENV)/installed-test
	cd $(ROOT) && $(PYTEST) --durations=10

check: lint
	cd $(ROOT) && $(PYTEST) -x --ignore=tests/test_training.py \
		--ignore=tests/test_published.py --ignore=tests/test_wheel.py \
		--ignore=tests/test_faults.py

lint: $(VENV)/installed-test
	cd $(ROOT) && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

verify-all: $(VENV)/installed-test
	cd $(ROOT) && $(BIN)/zoo verify

backends: $(VENV)/installed-backends

wheel: $(VENV)/installed-test
	cd $(ROOT) && $(BIN)/python -m pytest -q tests/test_wheel.py

clean:
	rm -rf $(VENV) $(ROOT)/build $(ROOT)/dist $(ROOT)/*.egg-info
