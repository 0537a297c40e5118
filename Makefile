# Two commands for everybody, `make serve` and `make test`; the others are for people who change the code.
# Needed: Python >= 3.11, make, git. Everything else is installed, as locked, into .venv.
# ARGS goes to the command behind the target: make test ARGS="tests/config -x", make serve ARGS="--listen :4000".
# Tests run in JOBS processes: make test JOBS=0 for one, in which a debugger works.

ARGS ?=
JOBS ?= 2
VENV := .venv
SYNCED := $(VENV)/.synced
# Tools of the environment come last: a go of the person's own goes before the one of the wheel.
RUN := PATH="$$PATH:$(CURDIR)/$(VENV)/bin"

.PHONY: help serve test check docs bench format clean

help:
	@echo "make serve    run the module proxy on 127.0.0.1:3000"
	@echo "make test     run the tests"
	@echo "make check    lint, formatting, types, layers"
	@echo "make docs     compare the README and docs/ with the command and the configuration"
	@echo "make bench    measure, as ratios to nginx and a plain upstream"
	@echo "make format   format the code"
	@echo "make clean    remove the environment and every cache"
	@echo "ARGS=... is passed on: make test ARGS=\"tests/config -x\""

serve: $(SYNCED)
	@$(RUN) $(VENV)/bin/modgate serve $(ARGS)

test: $(SYNCED)
	@$(RUN) $(VENV)/bin/pytest -n $(JOBS) --dist loadfile $(ARGS)

check: $(SYNCED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(SYNCED)
	@$(RUN) $(VENV)/bin/pytest tests/docs $(ARGS)

bench: $(SYNCED)
	@$(RUN) $(VENV)/bin/python -m bench.run $(ARGS)

format: $(SYNCED)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(SYNCED): pyproject.toml uv.lock tools/bootstrap
	@tools/bootstrap
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
