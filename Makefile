# `make help` says what there is. Every target first makes the environment in .venv, once.

PYTHON ?= python3
VENV   ?= .venv
PIP_OPTIONS ?=
LAB_OPTIONS ?=
JOBS   ?= 3
BIN    := $(VENV)/bin

# Tests are many processes that import the same files: compiled ones are kept, in __pycache__.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book pdf test bench mutants lab record serve check colab-check clean clean-all environment

help:
	@echo "Runnable Papers"
	@echo
	@echo "  make book                 run what changed, build the site, say where it is"
	@echo "  make pdf                  the same, and the whole book as one PDF; needs Chromium"
	@echo "  make test                 all tests: package, notebooks, site"
	@echo "  make test ARGS=tests/...  some tests, in one process; ARGS goes to pytest"
	@echo "  make bench                measure ratios of run times and their growth; quiet machine"
	@echo "  make mutants              apply kept mistakes, see that the tests notice (long)"
	@echo "  make lab                  open the notebooks in JupyterLab"
	@echo "  make serve                show the built site at http://127.0.0.1:8000"
	@echo "  make record CHAPTER=slug  run a chapter at book scale and publish its results"
	@echo "  make check                lint and format check"
	@echo "  make colab-check          install and run beside the versions that Colab ships"
	@echo "  make clean                empty build/ (runs and site)"
	@echo "  make clean-all            remove the environment too"
	@echo
	@echo "Variables: PYTHON (now $(PYTHON)), VENV ($(VENV)), PIP_OPTIONS, LAB_OPTIONS, ARGS,"
	@echo "JOBS (processes of tests side by side, now $(JOBS))."
	@echo
	@echo "Disk: about 3 GB with a CPU build of torch, about 7 GB with the build for CUDA that"
	@echo "pip chooses on Linux. Nothing here needs CUDA but scale paper. To choose, point"
	@echo "PIP_OPTIONS at an index of CPU builds; torch's site says which."

book: environment
	@$(BIN)/companion build

# The whole book as one file; needs Chromium.
pdf: book
	@$(BIN)/companion pdf

# All tests are two passes: everything side by side, then, with nothing beside them, those that
# measure a ratio of run times. The second pass runs even if the first one failed.
test: environment
ifeq ($(strip $(ARGS)),)
	@failed=0; \
	$(BIN)/python -m pytest -m 'not bench' -n $(JOBS) --dist loadgroup --no-loadscope-reorder \
	  || failed=1; \
	$(BIN)/python -m pytest -m bench || failed=1; \
	exit $$failed
else
	@$(BIN)/python -m pytest $(ARGS)
endif

# The ratios of run times, and how times grow, kept for the page that shows them; on a quiet
# machine.  What misses its target is shown as well.
bench: environment
	@failed=0; \
	COMPANION_BENCH=book/speed.json $(BIN)/python -m pytest -m bench || failed=1; \
	$(BIN)/companion sync || failed=1; \
	exit $$failed

mutants: environment
	@$(BIN)/python -m tests.mutants $(ARGS)

lab: environment
	@$(BIN)/jupyter lab $(LAB_OPTIONS) notebooks

record: environment
	@test -n "$(CHAPTER)" || { echo "say which chapter: make record CHAPTER=slug" >&2; \
	  $(BIN)/companion list >&2; exit 2; }
	@$(BIN)/companion record $(CHAPTER)

serve: environment
	@$(BIN)/companion serve

check: environment
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

colab-check: environment
	@$(BIN)/companion colab-check $(ARGS)

# A build that runs is waited for, by the command; without an environment none of ours runs.
clean:
	@if $(BIN)/python -c 'import companion.cli' 2>/dev/null; then $(BIN)/companion clean; \
	  else rm -rf build; fi
	rm -rf .pytest_cache .ruff_cache .hypothesis

clean-all: clean
	rm -rf $(VENV) *.egg-info

environment: $(VENV)/.models

# The package with everything that building and testing need, in the versions of constraints.txt.
$(VENV)/.installed: constraints.txt pyproject.toml
	@command -v git >/dev/null || { echo "git is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is not." >&2; \
	  echo "Name another one: make PYTHON=python3.12 book" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make environments (on Debian: apt-get install python3-venv)" >&2; \
	  exit 1; }
	@echo "installing into $(VENV), the first time this takes some minutes; it needs about 3 GB"
	@echo "of disk with a CPU build of torch, about 7 GB with one for CUDA (see make help)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) \
	  -c constraints.txt -e '.[all,book,test]' || { \
	  echo "The installation did not succeed; pip says why above. It needs a package index:" >&2; \
	  echo "without a network, set PIP_OPTIONS or pip's own configuration to a local one." >&2; \
	  exit 1; }
	@touch $@

# The offline models that the chapters use, pinned in the register.
$(VENV)/.models: $(VENV)/.installed companion/papers.toml
	@$(BIN)/companion models --install >$(VENV)/.models.log 2>&1 || { \
	  cat $(VENV)/.models.log >&2; exit 1; }
	@touch $@
