# Two commands for a newcomer: `make run` and `make test`. Each installs what is missing first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PAGE := api/web/dist/index.html
# What has functions to compile, the longest first.
COMPILED := geo.tiles geo.breaches geo.coverage geo.response geo.grids.warm api.intake.scan geo.plan
PAGE_SOURCES := $(shell find api/web/src api/web/public api/web/index.html api/web/package-lock.json api/web/vite.config.ts -type f 2>/dev/null)

.PHONY: help setup system run test soak check bench lock clean

help:  ## show these lines
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Each waits for something else: with -j they go on side by side.
setup: .venv/.installed .venv/.compiled $(PAGE) system  ## install what is missing: PostGIS, the virtual environment, the page

system:
	@.ci/system postgis

run: setup  ## start everything on the demo region and print the page's address
	@exec .venv/bin/patrolgrid run

test: setup  ## run every test
	@.ci/system browser
	$(PYTHON) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

soak: setup  ## kill -9 the service and its database 200 times while fixes come in (KILLS=, SEED=)
	PATROLGRID_TEST_KILLS=$${KILLS:-200} PATROLGRID_TEST_SEED=$${SEED:-0} \
		$(PYTHON) -m pytest -q -s tests/soak

check: .venv/.installed $(PAGE)  ## lint, types, import contracts, the page's types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup  ## run the benchmarks; they print ratios against peers
	@.ci/system gdal
	@for file in $(filter-out %/bench_month.py,$(wildcard tests/bench/bench_*.py)); do PYTHONPATH=. $(PYTHON) "$$file" || exit 1; done

lock:  ## write requirements.lock anew
	.venv/bin/uv pip compile --system-certs --quiet --upgrade --all-extras --group dev --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements.lock pyproject.toml

clean:  ## remove what was built, and nothing of the data
	rm -rf .venv api/web/dist api/web/node_modules

.venv/.installed: requirements.lock pyproject.toml
	@.ci/system python
	@test -x $(PYTHON) || python3 -m venv .venv
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip install --system-certs --quiet --compile-bytecode --python $(PYTHON) --require-hashes -r requirements.lock
	.venv/bin/uv pip install --system-certs --quiet --python $(PYTHON) --no-deps --no-build-isolation -e .
	@$(PYTHON) -m compileall -q api geo layers
	@touch $@

.venv/.compiled: .venv/.installed
	@echo "compiling what makes tiles, response areas, breaches, coverage and more (a minute or two, once)"
	@printf '%s\n' $(COMPILED) | xargs -P 2 -I{} $(PYTHON) -c "from {} import warm; warm()"
	@touch $@

$(PAGE): .venv/.installed $(PAGE_SOURCES)
	.ci/page
	@touch $@
