# The README's commands. Each makes what it needs, once: .venv is renewed only when pyproject.toml
# or constraints.txt has changed since. Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin
PIN    := pyproject.toml constraints.txt

.PHONY: help demo test lint cluster cluster-stop clean

help:
	@echo "make demo    install into $(VENV), run +sweep=wd_vs_frac, draw its phase diagram"
	@echo "make test    install into $(VENV), run the tests (ARGS='-k layout' picks some)"
	@echo "make lint    ruff and pyright"
	@echo "make cluster start a two-node SLURM in .cluster/ to try launch=slurm on (needs Debian's"
	@echo "             packages and says which); make cluster-stop ends it and its jobs"
	@echo "make clean   remove $(VENV) and what the tools left; outputs/ stays"

demo: $(VENV)/ready-to-run
	$(BIN)/python -m phasegrok.sweep +sweep=wd_vs_frac
	@echo "The figure is $(CURDIR)/outputs/wd_vs_frac/phase_diagram.png"

test: $(VENV)/ready-to-test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/ready-to-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m pyright --pythonpath $(BIN)/python

cluster: $(VENV)/ready-to-run
	@$(BIN)/python -m tests.slurm.cluster start $(ARGS)

cluster-stop:
	@$(PYTHON) -m tests.slurm.cluster stop

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment without pip is one whose making was cut short (Debian: no python3-venv).
$(VENV)/ready-to-run: $(PIN)
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e .
	@touch $@

$(VENV)/ready-to-test: $(PIN)
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/ready-to-run
