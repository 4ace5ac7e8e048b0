# All commands of this repository. They need only make, Python 3.11+ with venv, and pip's package index.
#
#   make demo               show it: all processes on this machine, with a registry and a Nomad simulator
#   make up CONFIG=my.toml  run it against your own registry and Nomad
#   make test               the tests, AT_ONCE=4 at a time; `make test ARGS="tests/unit -x"` for some
#   make faults             the long tier: faults of every part, and browsers; LONG=1 with thousands of moves, SEED=2
#   make reliability        publish the last run of the long tier in docs/reliability.md; ARGS="a.xml b.xml" for parts
#   make check              linters, types, import layers, and the pure core at full branch coverage
#   make contract           test our use of Nomad on the simulator; NOMAD_ADDR=http://127.0.0.1:4646 for a real agent too
#   make bench              measure its speed
#   make mutants            plant small faults, and say which of them no test sees; make mutants ARGS="decision" for some
#   make planted            plant bugs in copies of the tree: the tests must find each of them twice
#   make docs               write docs/refusals.md from the code's messages
#   make screenshots        save every page in every state in .registrywatcher/screenshots; needs chromium
#   make snakeoil           make throw-away TLS certificates in .registrywatcher/snakeoil
#   make lock               solve the dependencies again (UPGRADE=--upgrade for newer ones)
#   make clean              remove everything that these commands create
#
# PYTHON=… chooses the interpreter of a new .venv; the default is the newest one on PATH.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
CONFIG ?= config/staging.toml
ARGS ?=
LONG ?=
SEED ?= 1
AT_ONCE ?=
STATE := .registrywatcher
BIN := .venv/bin
UV_VERSION := 0.13.9
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE # or each of the many processes compiles our modules again: half a second

# Pure code that decides, parses and translates: the unit tests alone must cover 100 % of its branches.
PURE := app/domain/* app/webhooks/* app/settings/* app/adapters/registry/auth/challenges.py app/adapters/registry/wire.py \
	app/adapters/nomad/register/jobspec.py app/adapters/nomad/translate.py app/adapters/nomad/running.py app/adapters/nomad/register/changes.py \
	app/adapters/nomad/register/plan.py app/adapters/nomad/register/source.py app/adapters/nomad/refusals.py app/adapters/nomad/images.py app/services/notify/compose.py app/services/commands/audit_entries.py \
	app/services/reconcile/settle.py app/services/reconcile/fleet.py app/services/reconcile/launch.py \
	app/outbound/loopback.py app/web/http/arrival.py
empty :=
comma := ,
PURE_LIST := $(subst $(empty) $(empty),$(comma),$(strip $(PURE)))

.PHONY: help demo up test faults reliability check contract bench mutants planted docs screenshots snakeoil lock clean
.NOTPARALLEL:

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/.runtime
	@$(BIN)/registrywatcher demo $(ARGS)

up: .venv/.runtime
	@$(BIN)/registrywatcher up --config $(CONFIG) $(ARGS)

# Most of these tests wait more than they compute; those of the long tier do not.
test: .venv/.dev
	@$(BIN)/pytest -n $(or $(AT_ONCE),4) --no-loadscope-reorder -m "not long" $(ARGS)

# What they wrote down goes to docs/reliability.md by `make reliability`.
faults: export FAULTS_LONG = $(LONG)
faults: export FAULTS_SEED = $(SEED)
faults: .venv/.dev
	@mkdir -p $(STATE)
	@$(BIN)/pytest -n $(or $(AT_ONCE),2) --no-loadscope-reorder -m long --junitxml $(STATE)/faults.xml \
		$(or $(ARGS),$$($(BIN)/python -m tests.tiers))

reliability: .venv/.dev
	$(BIN)/python -m tests.faults.report $(or $(ARGS),$(STATE)/faults.xml) docs

# In two processes, each with about half of the time.
MEASURED = $(BIN)/coverage run --parallel-mode --source app -m pytest -q
HALF := tests/unit/nomad

check: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	@rm -f .coverage.*
	$(BIN)/mypy & mypy=$$!; \
		$(MEASURED) $(HALF) & half=$$!; \
		$(MEASURED) tests/unit --ignore tests/unit/foreign $(HALF:%=--ignore %); rest=$$?; \
		wait $$half && wait $$mypy && exit $$rest
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --show-missing --skip-covered --fail-under=100 --include='$(PURE_LIST)'

# A real agent with docker runs tiny images that the suite makes and serves on loopback; nothing else is needed. With
# ACLs, NOMAD_TOKEN is a management token. With CONTRACT_STRICT=1, a test that cannot run there fails.
contract: export TEST_NOMAD_ADDR = $(NOMAD_ADDR)
contract: export TEST_NOMAD_TOKEN = $(NOMAD_TOKEN)
contract: .venv/.dev
	@$(BIN)/pytest tests/contract/deployer $(ARGS)

bench: .venv/.dev
	@$(BIN)/python -m tests.bench $(ARGS)

# Long: an hour or more for all of it, and at most two processes at a time, so that the machine stays usable.
mutants: .venv/.dev
	@$(BIN)/python -m tests.mutants $(ARGS)

planted: .venv/.dev
	@$(BIN)/python -m tests.planted $(ARGS)

docs: .venv/.dev
	@mkdir -p $(STATE)
	$(BIN)/python -m app.refusals > $(STATE)/refusals.md
	@mv $(STATE)/refusals.md docs/refusals.md

screenshots: .venv/.dev
	@$(BIN)/python -m tests.ui.screenshots

snakeoil: .venv/.dev
	@mkdir -p $(STATE)/snakeoil
	@$(BIN)/python -m trustme --dir $(STATE)/snakeoil --identities localhost 127.0.0.1 ::1

# The stamps: the packages are installed again only if a lock file or pyproject.toml is newer than its stamp.

.venv/.made:
	@python=$$(.ci/find-python) && echo "Making .venv with $$python" && "$$python" -m venv .venv
	@touch $@

.venv/.runtime: requirements.lock pyproject.toml | .venv/.made
	@echo "Installing the packages of $<"
	@$(install)
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml | .venv/.made
	@echo "Installing the packages of $<"
	@$(install)
	@touch $@ .venv/.runtime

# The build backend is among the locked packages, so that pip fetches nothing unlocked for our own package either. It
# finds its program on PATH.
install = $(BIN)/python -m pip install --quiet --require-hashes --requirement $< \
	&& PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .

# Lock files for every platform and Python, with hashes and without the name of any package index.
lock:
	@python=$$(.ci/find-python) && "$$python" -m venv $(STATE)/lock
	@$(STATE)/lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@$(STATE)/lock/bin/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' > $(STATE)/lock/build.in
	@$(solve) --output-file requirements.lock
	@$(solve) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@for lock in requirements.lock requirements-dev.lock; do \
		{ echo '# Written by `make lock` from pyproject.toml; every platform, every Python from 3.11.'; grep -v '^#' $$lock; } \
		> $(STATE)/lock/new && mv $(STATE)/lock/new $$lock; done
	@rm -rf $(STATE)/lock

solve = $(STATE)/lock/bin/uv pip compile pyproject.toml $(STATE)/lock/build.in --extra embedded --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet $(UPGRADE)

clean:
	@find $(STATE) -type l -name 'pg[0-9]*' -exec readlink {} \; 2> /dev/null \
		| sed -n 's,^\(/var/lib/registrywatcher/[0-9a-f]*\)/pg[0-9]*$$,\1,p' | xargs rm -rf
	rm -rf .venv $(STATE) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
