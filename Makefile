# `make` lists the verbs. Everything runs from the checkout; nothing needs to be installed but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Text is UTF-8 in any locale.
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help venv demo up down status check fix test journeys faults mutants bench sizes lock compose-secrets compose-test clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

venv: $(STAMP) ## make the environment .venv from the hashed lock

$(STAMP): requirements/dev.txt
	@$(PYTHON) -m stack.install
	@touch $(STAMP)

demo: venv ## the whole system on a few hundred reports, live, ends by itself
	@$(BIN)/python -m stack demo

up: venv ## start the system to play with, in the background
	@$(BIN)/python -m stack up --detach

down: venv ## stop it
	@$(BIN)/python -m stack down

status: venv ## say what runs
	@$(BIN)/python -m stack status

check: venv ## format, rules, types, architecture, fast tests
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy .
	$(BIN)/python -m pytest -q tests/test_house.py tests/schemas

fix: venv ## mend format and rules where that can be done by machine
	$(BIN)/python -m ruff check --fix-only .
	$(BIN)/python -m ruff format .

test: venv ## the whole suite on a real Kafka and a real PostgreSQL
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/journeys
	$(BIN)/python -m pytest -n 2 --dist load --maxschedchunk=1 tests/journeys

journeys: venv ## only the black-box journeys
	$(BIN)/python -m pytest -n 2 --dist load --maxschedchunk=1 tests/journeys

faults: venv ## attack the running system for some minutes and check every promise
	$(BIN)/python -m tests.faults

mutants: venv ## plant bugs in a copy, each of which a named test must notice
	$(BIN)/python -m tests.mutants

bench: venv ## measure, in pairs, in one run
	@$(BIN)/python -m tests.bench

sizes: venv ## the longest files and functions
	@$(BIN)/python -m tests.sizes

lock: venv ## make the hashed locks anew
	$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url requirements/service.in -o requirements/service.txt
	$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url requirements/dev.in -c requirements/service.txt -o requirements/dev.txt

compose-secrets: venv ## make the secret files that docker-compose.yml needs, once
	@$(BIN)/python -m stack secrets

compose-test: venv ## prove compose for real: up, a report to its reply, kill each container, down (needs Docker)
	bash tests/compose_test.sh

clean: ## remove everything that was made here
	rm -rf .venv .run .test-run .mypy_cache .ruff_cache .pytest_cache .hypothesis
