# Thin targets; the work is in setup.py, pytest and the packages. `make build` is all that the others need.
PYTHON ?= python3
CALLS ?= 2000
VENV ?= .venv
BIN := $(VENV)/bin
# no setuptools advice about editable installations
PIP := PYTHONWARNINGS="ignore:Editable installation" $(BIN)/pip install --quiet
STAMP := $(VENV)/.built
NATIVE := $(wildcard native/csip/*.[ch] native/crelay/*.[ch] native/bpf/*.[ch])

.PHONY: build run test check sanitize fuzz bench soak clean preflight peers

preflight:
	@command -v gcc >/dev/null || { echo "gcc is missing: apt-get install gcc"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "venv is missing: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || { echo "Python.h is missing: apt-get install python3-dev"; exit 1; }
	@echo '#include <openssl/evp.h>' | gcc -E - >/dev/null 2>&1 || { echo "openssl/evp.h is missing: apt-get install libssl-dev"; exit 1; }

build: preflight $(STAMP)

$(STAMP): pyproject.toml setup.py $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip "setuptools>=77"
	$(PIP) --no-build-isolation --editable .
	@touch $(STAMP)

$(VENV)/.tests: $(STAMP)
	$(PIP) --no-build-isolation --editable ".[dev,interop]"
	@touch $@

run: build
	$(BIN)/sipmesh run --demo

# before the build, which makes the fast path's program where there is clang
peers:
	./interop/install.sh

# those of the interop tests that share a node run one after another
test: peers build $(VENV)/.tests
	$(BIN)/python -m pytest -n 3 --ignore tests/interop
	$(BIN)/python -m pytest -n 3 --dist loadscope tests/interop

check: build $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

sanitize: build $(VENV)/.tests
	./tests/native/sanitize.sh

fuzz: build
	./tests/native/fuzz.sh

bench: peers build $(VENV)/.tests
	$(BIN)/python -m bench.sip --json
	$(BIN)/python -m bench.relay --json

soak: peers build $(VENV)/.tests
	$(BIN)/python -m interop.soak --json --calls $(CALLS)

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -exec rm -rf {} +
	rm -f native/*.so
