# Two commands on a fresh machine: `make demo` and `make test`. Everything else serves them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Real servers the demo and the tests start for themselves; installed only where root and apt are at hand.
MONITOR := prometheus prometheus-alertmanager
SYSTEM_PACKAGES := $(MONITOR) chromium fonts-noto-color-emoji systemd-container debootstrap nftables iproute2 pgbouncer \
  podman runc
SYSTEM_COMMANDS := $(MONITOR) chromium systemd-nspawn debootstrap nft ip pgbouncer podman runc
# Whoever watches sees pip's own progress; a log has one line before each long step.
QUIETLY := $(shell test -t 2 || echo --quiet)

.PHONY: setup system packages monitor systemd-root wheels control-plane demo test unit coverage check lint types imports lock wheel \
  diagrams bench fuzz mutants clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@echo "Making $(VENV) (once, about ten seconds) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing $$(grep -c '==' requirements-dev.lock) libraries into $(VENV) (once, a minute or two) ..."
	@$(BIN)/python -m pip install $(QUIETLY) --require-hashes --requirement requirements-dev.lock
	@echo "Installing Watchkeeper itself into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What only tests need and takes minutes to make, kept outside the tree, once for each user.
system: packages systemd-root wheels control-plane

# $(call install,COMMANDS,PACKAGES): the packages, unless each of the commands is there.
install = @missing=""; for c in $(1); do command -v $$c >/dev/null 2>&1 || missing="$$missing $$c"; done; \
	if [ -z "$$missing" ]; then :; elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing system packages (missing:$$missing; once, about a minute) ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
	else echo "Missing:$$missing. What needs them is skipped, loudly. To install: sudo apt-get install $(2)"; fi

packages:
	$(call install,$(SYSTEM_COMMANDS),$(SYSTEM_PACKAGES))

# What the demo watches its shop with.
monitor:
	$(call install,$(MONITOR),$(MONITOR))

systemd-root:
	@if [ "$$(id -u)" = 0 ]; then $(PYTHON) -m tests.fixtures.systemd_root; \
	else echo "Not root: what needs a container or a network namespace is skipped, loudly."; fi

# The libraries that production runs, as the image's test installs them: without asking a registry.
wheels:
	@if [ "$$(id -u)" = 0 ]; then $(PYTHON) -m tests.fixtures.wheels; fi

# A real Kubernetes, built from source where it is missing: about 6 minutes.
control-plane:
	@$(PYTHON) -m tests.control_plane

demo: setup monitor
	@$(BIN)/watchkeeper demo

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

# requirements.lock is what production runs; requirements-dev.lock is the same and the developers' tools on top;
# requirements-build.lock is what the image's wheel is built with.
# Versions stay as they are as long as pyproject.toml allows them; `make lock UPGRADE=1` takes the newest.
LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 $(if $(UPGRADE),--upgrade)

lock: setup
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	echo hatchling | $(LOCK) --constraint requirements-dev.lock --output-file requirements-build.lock -

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
