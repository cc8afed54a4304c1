# Commands of this repository. `make help` lists them; CONTRIBUTING.md says when to use which.
# Each works on a machine where nothing was set up: the set-up is a prerequisite, and quick when done before.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.lab
export PYTHONDONTWRITEBYTECODE := 1

PYTEST := python -m pytest
# Suites that mostly wait for hosts run on two hosts at once, each test process with its own, and tell which tests are long.
SIDE_BY_SIDE := --numprocesses 2 --maxschedchunk 1 --durations 15
# More arguments for pytest or ansible-test: make unit ARGS='-k plan', make sanity ARGS='--test pylint'
ARGS ?=

# A suite that found no tests is a failure (pytest ends with 5), and so is a directory that is not there.
define timed
	@started=$$SECONDS; $(1) && printf '== %s: ok, %s s\n' $@ "$$((SECONDS - started))" \
		|| { printf '== %s: FAILED after %s s\n' $@ "$$((SECONDS - started))" >&2; exit 1; }
endef

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*( [a-z]+)*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup pins format
setup: ## Debian packages, .venv with pinned requirements, collection tree; asks for nothing
	@tools/setup.sh

pins: ## write requirements/test.txt anew from requirements/test.in
	@tools/pins.sh

format: setup ## let ruff format all Python and sort its imports, and write the tables of variables and of lint rules
	@ruff check --quiet --no-cache --fix --select I . && ruff format --quiet --no-cache .
	@python tools/role-readmes.py
	@python tools/migrate-rules.py

# --- checks that need no engine -------------------------------------------------------------------

LINTS := lint-yaml lint-shell lint-python lint-roles lint-docs lint-package lint-ansible
.PHONY: lint $(LINTS)
lint: setup ## all linters, galaxy-importer, the package built and installed
	$(call timed,$(MAKE) --keep-going --output-sync=target --jobs=2 $(LINTS))

lint-yaml:
	@tools/lint-yaml.sh
lint-shell:
	@tools/lint-shell.sh
lint-python:
	@tools/lint-python.sh
lint-roles:
	@python tools/check-role-specs.py
	@python tools/role-readmes.py --check
lint-docs:
	@tools/lint-docs.sh
lint-package:
	@tools/check-package.sh
lint-ansible:
	@tools/lint-ansible.sh

.PHONY: sanity
sanity: setup ## ansible-test sanity, no ignores
	$(call timed,tools/sanity.sh $(ARGS))

.PHONY: unit
unit: setup ## spec, plan and all other code against fakes and recorded output
	$(call timed,$(PYTEST) --numprocesses 2 tests/unit $(ARGS))

# --- tests on the real thing ----------------------------------------------------------------------

.PHONY: engine
engine: setup
	@bash lab/engine.sh && bash lab/base-image.sh

.PHONY: integration molecule e2e faults rollouts bench
integration: engine ## one part at a time against Docker, Nginx, a browser; bad input; the fuzzer
	@tools/browser.sh
	$(call timed,$(PYTEST) --numprocesses 2 --dist loadfile tests/integration tests/inputs tests/fuzz $(ARGS))

molecule: engine ## all scenarios in molecule/, two at a time
	$(call timed,tools/molecule.sh $(ARGS))

e2e: engine ## whole rollouts on a managed host, under load
	$(call timed,$(PYTEST) $(SIDE_BY_SIDE) tests/e2e $(ARGS))

faults: engine ## rollouts that something happens to, under load
	$(call timed,$(PYTEST) $(SIDE_BY_SIDE) tests/faults $(ARGS))

rollouts: engine ## e2e and faults in one go, on the same hosts
	$(call timed,$(PYTEST) $(SIDE_BY_SIDE) tests/e2e tests/faults $(ARGS))

bench: engine ## measure against docker compose and docker_compose_v2
	$(call timed,$(PYTEST) tests/bench $(ARGS))

# --- all together ---------------------------------------------------------------------------------

# The quick ones first. Sanity's checks come one after the other and the integration tests often wait: side by side they
# take little more than the longer of the two.
.PHONY: test test-full
test: ## what CI runs: lint unit sanity integration molecule rollouts
	@for target in setup lint unit; do $(MAKE) $$target ARGS=; done
	@$(MAKE) engine && $(MAKE) --jobs=2 --output-sync=target sanity integration ARGS=
	@for target in molecule rollouts; do $(MAKE) $$target ARGS=; done

test-full: ## all of test, with every fault there is, and bench
	@STEADY_FULL=1 $(MAKE) test
	@$(MAKE) bench ARGS=

# --- demo and cleaning ----------------------------------------------------------------------------

.PHONY: demo demo-down
demo: engine ## a managed host, the example app, four rollouts under load, a table
	@bash lab/demo.sh

demo-down: ## remove every trace of the demo
	@bash lab/demo-down.sh

.PHONY: clean
clean: ## remove what the tools made (not the demo, not the engine)
	rm -rf .venv .lab/sanity .lab/docs .lab/pytest .lab/mypy .lab/ansible_collections .lab/setup-*.log .lab/sanity*.log \
		.ansible .hypothesis .pytest_cache .ruff_cache .mypy_cache changelogs/.plugin-cache.yaml steady-deploy-*.tar.gz
