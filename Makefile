# The verbs of this repository. `make` lists them.
#
# The first one makes the virtual environments (.venv, and .venv-engine for the embedded engine);
# later ones find them made and need no network.

STAGE ?= dev
export PORT LOCAL_DIR FRESH PUBLIC_URL ENGINE CONFIRM DATA

# The first interpreter that is new enough; PYTHON=... chooses another.
FOUND := $(shell for each in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$each && break; done)

VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: storm kills scale access deploy destroy deploy-test costs performance emulator
.PHONY: help run idp budget corpus suites oracle bench test check format package clean python environment engine

help: ## list the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort \
		| awk -F '\t' '{printf "  make %-11s %s\n", $$1, $$2}'

run: environment engine ## serve it on 127.0.0.1 with a demo (PORT=8000 LOCAL_DIR=.local FRESH=1 ENGINE=dynamodb-local)
	@exec $(VENV) -m dev.run.serve

idp: environment ## play an identity provider's cycle on the running demo (LOCAL_DIR=.local)
	@exec $(VENV) -m dev.play.idp

corpus: environment ## play the requests of providers and of the RFC on the running server (LOCAL_DIR=.local)
	@exec $(VENV) -m dev.play.corpus

suites: environment ## judge the running server by scim2-tester and scim-sanity (LOCAL_DIR=.local)
	@exec $(VENV) -m dev.play.suites

crowd: environment ## sixteen clients at once on the running demo (LOCAL_DIR=.local)
	@exec $(VENV) -m dev.play.crowd

budget: environment ## measure what each operation costs in DynamoDB (ARGS=--write: into docs/storage.md)
	@exec $(VENV) -m dev.measure.budget $(ARGS)

storm: environment ## many callers at once on DynamoDB Local (ARGS='--threads 64 --operations 10000 --seed 1')
	@exec $(VENV) -m tests.campaigns.storm $(ARGS)

kills: environment ## kill -9 in the middle of large operations on DynamoDB Local (ARGS='--count 20 --seed 1')
	@exec $(VENV) -m tests.campaigns.kills $(ARGS)

scale: environment ## costs with 20,000 users in one team on DynamoDB Local (ARGS='--users 20000')
	@exec $(VENV) -m dev.measure.scale $(ARGS)

oracle: environment ## compare the engine with scim2-models on random questions (CASES=2000)
	@exec $(VENV) -m tests.campaigns.oracle $(CASES)

bench: environment ## measure what the engine costs (ARGS=--write: into docs/performance.md)
	@exec $(VENV) -m dev.measure.bench $(ARGS)

test: environment engine ## run all tests
	@$(VENV) -m pytest -n 2 $(ARGS)

local-test: environment ## of these, faults, races and kills on DynamoDB Local (needs Java 17 and npm)
	@$(VENV) -m pytest -n 2 tests/local $(ARGS)

check: environment ## lint, format, types, templates
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@.venv/bin/cfn-lint .chalice/resources.json
	@echo 'All checks passed.'

format: environment ## put the code into the form that `make check` wants
	@$(VENV) -m ruff check --fix --quiet .
	@$(VENV) -m ruff format .

package: environment ## build archive and CloudFormation template into build/ and check them (STAGE=dev)
	@$(VENV) -m dev.release.package $(STAGE)
	@.venv/bin/cfn-lint build/sam.json

deploy: environment ## put a stage into an AWS account, as often as wanted (STAGE=dev)
	@exec $(VENV) -m dev.release.deploy $(STAGE)

access: environment ## print URL and operator key of a deployed stage, for a shell (STAGE=dev)
	@exec $(VENV) -m dev.release.access $(STAGE)

destroy: environment ## take a stage out of it; with DATA=delete its data too (STAGE=dev)
	@exec $(VENV) -m dev.release.destroy $(STAGE)

deploy-test: environment emulator ## try deployment, permissions and the archive on an emulator of AWS
	@$(VENV) -m pytest tests/deploy -m deploy $(ARGS)

costs: environment ## compute what a deployment costs a month (ARGS=--write: into docs/costs.md)
	@exec $(VENV) -m dev.measure.costs $(ARGS)

performance: environment emulator ## measure archive and cold start (ARGS=--write: into docs/performance.md)
	@exec $(VENV) -m dev.measure.performance $(ARGS)

clean: ## remove the environments and all that was built; keeps LOCAL_DIR
	rm -rf .venv .venv-engine .venv-emulator .venv-lambda build .chalice/deployments .mypy_cache .pytest_cache .ruff_cache

environment: python
	@$(FOUND) dev/run/environment.py app

engine: python
	@$(FOUND) dev/run/environment.py engine

emulator: python
	@$(FOUND) dev/run/environment.py emulator lambda

python:
	@test -n '$(FOUND)' || { echo 'Python 3.11 or newer is needed and was not found as' \
		'python3 or python3.x. Install it, or name it: make PYTHON=/path/to/python3.12 ...' \
		>&2; exit 1; }
