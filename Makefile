PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install serve demo test coverage fuzz check check-install fmt bench constraints clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

install: ## make .venv and install everything, with exact versions
	@$(PYTHON) requirements/install.py

serve: install ## answer on PORT (8000); Ctrl-C stops it
	@exec $(BIN)/quantroute serve serve_config.yaml --port $(PORT)

demo: install ## send a dozen requests to the fleet that runs on PORT, next to its largest pair
	@$(BIN)/quantroute demo --url http://127.0.0.1:$(PORT)

test: install ## run every test, two at a time; ARGS goes to pytest
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

coverage: install ## branch coverage of the decision and the gateway by their fast tests; fails under 95%
	@$(BIN)/python -m pytest tests/core tests/gateway tests/api -m "not ray and not vllm" --cov $(ARGS)

fuzz: install ## random search by the property tests, 20 times their usual examples; ARGS goes to pytest
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=fuzz $(ARGS)

check: install ## format, lint, types, import contracts, prose
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/check_prose.py

check-install: ## check that the exact versions resolve on a plain index, for each Python found
	@$(PYTHON) requirements/check.py

fmt: install ## format the code and apply lint fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install ## time the decision and the ingress
	@$(BIN)/quantroute bench decide
	@$(BIN)/quantroute bench ingress

constraints: ## resolve all versions again; needs Python 3.11, 3.12 and 3.13
	@$(PYTHON) requirements/pin.py

clean: ## remove .venv and all that was built here; weights stay in the cache folder
	@rm -rf .venv build dist .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
