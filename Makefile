# Each target does all of its own set-up: Python >= 3.10 with venv, and a package index, are all it takes.
PYTHON ?= python3
# With a browser on this machine, the demonstration shows pages in it.
EXTRAS := sandbox$(shell for one in chromium chromium-browser google-chrome; do command -v $$one >/dev/null && echo ,playwright && break; done)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test coverage slow browser plugins looks pictures bench package clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo ## crawl the example project against the local sandbox: no key, no cost
	@$(BIN)/python example_project/demo.py

test: $(VENV)/tox ## lint, types, all tests with the newest and with the oldest supported versions
	$(BIN)/tox run

coverage: $(VENV)/tox ## the branches that the tests cover, with a bound (Debian's package chromium)
	$(BIN)/tox run -e coverage

slow: $(VENV)/tox ## the tests that take long: small benchmarks, several workers, stops and resumptions
	$(BIN)/tox run -e slow

browser: $(VENV)/tox ## the tests that drive Chromium (Debian's package chromium)
	$(BIN)/tox run -e browser

plugins: $(VENV)/tox ## crawls with the packages that Scrapy users combine, as their latest releases are
	$(BIN)/tox run -e plugins

looks: $(VENV)/tox ## screenshots of the report and the documentation, in dist/looks (Debian's packages chromium and npm)
	$(BIN)/tox run -e looks

pictures: $(VENV)/tox ## draw the documentation's drawings, and take its screenshots of a browser (Debian's package chromium)
	$(BIN)/tox run -e pictures

bench: $(VENV)/demo ## measure everything beside what one would do otherwise; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks --check

package: $(VENV)/package ## build, check and try sdist and wheel; they end up in dist/
	$(BIN)/python tests/proofs/package.py dist

clean: ## remove what the targets above installed
	rm -rf $(VENV) .tox .cache dist docs/_build

$(VENV)/demo: setup.cfg pyproject.toml
	@echo 'Setting up (once, about a minute): Scrapy, this plugin and its sandbox go into $(VENV).'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python example_project/install.py '.[$(EXTRAS)]'
	@touch $@

$(VENV)/package: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	touch $@

$(VENV)/tox: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'tox >= 4.26'
	touch $@
