# The course's commands; `make help` lists them. For GNU Make 3.81 or newer on Linux and macOS.
# On Windows, or without make, README.md gives the same steps by hand.

PYTHON ?= python3
VENV := .venv
# Always `python -m tool`, never the tool's own script: scripts hold an absolute path and break when the
# folder is moved.
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed
STARTED := $(VENV)/installing
WITH_BROWSER := $(VENV)/with-browser
INSTALL := -m pip install --constraint constraints.txt --editable ".[dev]"

NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb) $(wildcard solutions/*/*.ipynb))
# A lecture takes at most 180 s in all: a cell that takes longer than this hangs.
CELL_TIMEOUT := 600
# Processes that test side by side. Not one a core: in a container the machine's cores may not all be ours.
WORKERS ?= 2
LOWEST_TESTS := $(addprefix tests/,losses models data training evaluation theory bench grading test_cli.py test_doctor.py)

.DEFAULT_GOAL := help
.PHONY: help lab install test test-quick test-notebooks test-browser test-lowest lint exercises notebooks times diffs api mutation mutation-graders slides site benchmark constraints clean distclean

help: ## list the commands
	@echo "Usage: make COMMAND [PYTHON=python3.11]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

# The stamp holds the folder it was made in; an editable installation in a moved folder points to the old place.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

# The stamp is written last, so an installation that stopped half-way is taken up again. If it was killed in
# the middle, a package may be there in part and pip cannot tell: then the environment is made anew.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, and $(PYTHON) is " + sys.version.split()[0] + ". Name another one: make lab PYTHON=python3.11")'
	@if [ -e $(STARTED) ]; then \
	  echo "==> The last installation was interrupted: removing what it left in $(VENV)"; rm -rf $(VENV); fi
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  echo "==> Making the environment $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); fi
	@echo "==> Installing the course and the packages it needs into $(VENV) (some minutes the first time)"
	@touch $(STARTED)
	@$(PY) $(INSTALL) || { rm -f $(STARTED); exit 1; }
	@rm -f $(STARTED)
	@printf '%s\n' "$(CURDIR)" > $(STAMP)

install: $(STAMP) ## make the environment .venv and install everything

lab: $(STAMP) ## check the machine and open JupyterLab; HEADLESS=1: execute lecture 01 instead
	@echo "==> Checking this machine"
	@$(PY) -m kdcourse.cli doctor
ifeq ($(HEADLESS),1)
	@echo "==> Executing a lecture without a browser"
	@$(PY) -m kdcourse.cli lab --headless $(if $(NOTEBOOK),--notebook "$(NOTEBOOK)")
else
	@$(PY) -m kdcourse.cli lab $(if $(NOTEBOOK),--notebook "$(NOTEBOOK)") $(LAB_OPTIONS)
endif

# Small nets gain little from a second thread, and lose much where other programs want the cores as well.
test test-quick test-notebooks test-lowest notebooks times mutation mutation-graders slides: export OMP_NUM_THREADS ?= 1
# What runs there is nobody's try.
test test-quick test-notebooks test-lowest notebooks times mutation mutation-graders: export KDCOURSE_PROGRESS := off

test: $(STAMP) ## everything: lint, all tests, all notebooks; WORKERS=8: in so many processes
	@$(MAKE) --no-print-directory lint
	@echo "==> All tests"
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal --ignore=tests/browser
	@$(MAKE) --no-print-directory test-notebooks
	@echo "==> All tests passed. Left out: the browser tests (make test-browser)"

test-quick: $(STAMP) ## the every-day tests: no slow ones, no notebooks
	@echo "==> Tests without the slow ones"
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal --ignore=tests/browser -m "not slow"

# tests/offline holds the module that keeps the notebooks' kernels off the network.
test-notebooks: $(STAMP) ## execute lectures and solutions offline, compare the outputs marked for it
ifeq ($(NOTEBOOKS),)
	@echo "==> There are no notebooks to test"
else
	@echo "==> Lectures and solutions"
	@PYTHONPATH="$(CURDIR)/tests/offline" $(PY) -m pytest -n $(WORKERS) --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout $(CELL_TIMEOUT) $(NOTEBOOKS)
endif

$(WITH_BROWSER): $(STAMP)
	@echo "==> Installing what drives a browser into $(VENV)"
	@$(PY) -m pip install --quiet --constraint constraints.txt --editable ".[browser]"
	@printf '%s\n' "$(CURDIR)" > $(WITH_BROWSER)

# The files in their order, so that the one long test does not come last.
test-browser: $(WITH_BROWSER) ## click through the course and the site in Chromium or Chrome
	@echo "==> Browser tests"
	@$(PY) tests/browser/browsers.py
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests/browser

# A second environment, with the oldest packages that pyproject.toml allows: do we ask for new enough ones? For Linux
# and Python 3.11, for which constraints-lowest.txt is made. Left out: the slow tests, and those of notebooks and pages.
LOWEST := build/lowest
test-lowest: $(STAMP) ## the library's tests with the oldest packages that are allowed
	@echo "==> Installing the oldest packages into $(LOWEST)"
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --constraint constraints-lowest.txt --editable ".[dev]"
	@echo "==> Tests with the oldest packages"
	@$(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" $(LOWEST_TESTS)
	@$(LOWEST)/bin/python -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout $(CELL_TIMEOUT) notebooks/01_*.ipynb

lint: $(STAMP) ## check the style of code and the form of notebooks
	@echo "==> Checking code and notebooks"
	@$(PY) -m ruff check --output-format concise .
	@$(PY) -m kdcourse.cli lint

exercises: $(STAMP) ## make the exercises from their solutions
	@$(PY) -m kdcourse.cli build-exercises

notebooks: $(STAMP) ## execute lectures and solutions and rewrite their outputs
	@$(PY) -m kdcourse.cli execute $(NOTEBOOKS)

times: $(STAMP) ## compare measured minutes with the minutes in the headers
	@$(PY) -m kdcourse.cli times

# Reading only; git takes notebooks in and out as they are. `git diff --no-textconv` shows the whole files.
diffs: $(STAMP) ## let git show changes of notebooks as text, without outputs, in this clone
	@git config diff.jupyternotebook.textconv "$(PY) -X utf8 -m kdcourse.authoring.text show"
	@git config diff.jupyternotebook.cachetextconv true
	@echo "==> git diff and git log -p now compare the cells' sources"

api: $(STAMP) ## write the pages of docs/api from the docstrings
	@$(PY) -m kdcourse.cli api

# Not part of `make test`: it takes long. A run that was stopped is taken up where it was.
mutation: $(STAMP) ## mutation testing of the losses; FILES="tasks online": only these; FRESH=1: all again
	@$(PY) tests/mutation/mutation.py $(if $(FRESH),--fresh) $(FILES)

# Not part of `make test` either: some minutes.
mutation-graders: $(STAMP) ## mutation testing of the graders; TASKS="ntk at_loss": only these
	@$(PY) tests/mutation/answers.py --workers $(WORKERS) $(TASKS)

slides: $(STAMP) ## make the instructor's pack in teaching/, to show and to print: it contains solutions
	@$(PY) -m kdcourse.cli slides

site: $(STAMP) ## make the site of the course in build/site; SOLUTIONS=1: with solutions, beside it
	@$(PY) -m kdcourse.cli site $(if $(SOLUTIONS),--with-solutions)

# Wants the machine to itself: about 6 minutes, one thread.
benchmark: $(STAMP) ## time the losses against other libraries and rewrite benchmarks/losses.md
	@$(PY) -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	@$(PY) benchmarks/losses.py

constraints: $(STAMP) ## pin the packages that pyproject.toml asks for, and their oldest; UPGRADE=1: to their newest versions
	@$(PY) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make constraints" \
	  --quiet $(if $(UPGRADE),--upgrade) --output-file constraints.txt
	@$(PY) -m uv pip compile pyproject.toml --extra dev --resolution lowest-direct --no-config --python-version 3.11 \
	  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make constraints" \
	  --quiet --output-file constraints-lowest.txt
	@echo "==> constraints.txt and constraints-lowest.txt are written"

clean: ## remove what running left behind (not .venv, not data)
	@rm -rf build .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name .venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +
	@echo "==> Removed build/ and the caches"

distclean: clean ## remove the environment as well
	@rm -rf $(VENV)
	@echo "==> Removed $(VENV)"
