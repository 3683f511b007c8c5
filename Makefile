# Two commands on a fresh machine: `make demo` and `make test`. Everything else serves them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Real servers the tests and the demo start for themselves; installed only where root and apt are at hand.
SYSTEM_PACKAGES := prometheus prometheus-alertmanager chromium fonts-noto-color-emoji \
  systemd-container debootstrap nftables iproute2 pgbouncer
SYSTEM_COMMANDS := prometheus prometheus-alertmanager chromium systemd-nspawn debootstrap nft ip pgbouncer

.PHONY: setup system packages systemd-root control-plane demo test unit coverage check lint types imports lock wheel \
  diagrams bench fuzz mutants clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What only tests need and takes minutes to make, kept outside the tree, once for each user.
system: packages systemd-root control-plane

packages:
	@missing=""; for c in $(SYSTEM_COMMANDS); do command -v $$c >/dev/null 2>&1 || missing="$$missing $$c"; done; \
	if [ -z "$$missing" ]; then :; elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing system packages (missing:$$missing)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SYSTEM_PACKAGES) >/dev/null; \
	else echo "Missing:$$missing. What needs them is skipped, loudly. To install: sudo apt-get install $(SYSTEM_PACKAGES)"; fi

systemd-root:
	@if [ "$$(id -u)" = 0 ]; then $(PYTHON) -m tests.fixtures.systemd_root; \
	else echo "Not root: what needs a container or a network namespace is skipped, loudly."; fi

# A real Kubernetes, built from source where it is missing: about 6 minutes.
control-plane:
	@$(PYTHON) -m tests.control_plane

demo: setup packages
	$(BIN)/watchkeeper demo

check: setup lint types imports

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

# For the inner loop: what needs no server, in less than a minute.
unit: setup
	$(BIN)/python -m tests.unit

# Branch coverage of the decision core, from examples alone: what Hypothesis tries differs from run to run.
coverage: setup
	$(BIN)/coverage run -m pytest tests/policy -n 0 --quiet -m "not hypothesis"
	$(BIN)/coverage report

test: setup system check coverage
	$(BIN)/python -m tests.rerun -n auto --dist loadgroup

bench: setup
	@for file in tests/benchmarks/*.py; do \
	  name=$$(basename "$$file" .py); echo "== $$name"; $(BIN)/python -m tests.benchmarks.$$name || exit 1; \
	done

# Hostile input for the real bot on both databases, by count and seed; half an hour each. A fixed share is in `make test`.
# `make fuzz FUZZ="--seed 7 --alerts 2000 --slack 500"` for less; what was answered as nothing may be is kept in .fuzz.
fuzz: setup
	nice -n 19 $(BIN)/python -m tests.fuzz $(FUZZ)

# Mutation testing of the decision core, by hand: does a test notice every small fault? It takes its time for all that must
# be whole; `make mutants MODULES="rules/forbidden decide"` for some.
mutants: setup
	nice -n 19 $(BIN)/python -m tests.mutation $(MODULES)

# requirements.lock is what production runs; requirements-dev.lock is the same and the developers' tools on top.
# Versions stay as they are as long as pyproject.toml allows them; `make lock UPGRADE=1` takes the newest.
LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 $(if $(UPGRADE),--upgrade)

lock: setup
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

# The wheel, and the proof that it runs with nothing but what production installs.
wheel: setup
	rm -rf dist
	$(BIN)/python -m hatchling build --target wheel
	$(PYTHON) -m venv dist/proof
	dist/proof/bin/python -m pip install --quiet --require-hashes --requirement requirements.lock
	dist/proof/bin/python -m pip install --quiet --no-deps --no-index dist/*.whl
	dist/proof/bin/watchkeeper --help >/dev/null
	dist/proof/bin/watchkeeper check docs/policy.example.yml
	@echo "Installed: $$(du -sm dist/proof | cut -f1) MB to run, $$(du -sm $(VENV) | cut -f1) MB to develop"

diagrams: setup
	$(BIN)/python -m bot.response.model.diagrams > docs/lifecycles.md

clean:
	rm -rf $(VENV) dist .demo .fuzz .coverage .unstable .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
