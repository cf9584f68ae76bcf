# The verbs of this repository. `make` lists them.
#
# The first verb makes the virtual environments (.venv, and .venv-engine for the embedded engine);
# later ones find them and need no network. dev/__main__.py starts each verb and ends it.

STAGE ?= dev
export PORT LOCAL_DIR FRESH PUBLIC_URL ENGINE CONFIRM DATA FROM NAME SCOPES ID RUNTIME APPLY ORGANISATION ORPHANS

# The first interpreter that is new enough; PYTHON=... chooses another. It makes an environment
# that is missing and never replaces one that works.
FOUND := $(shell for each in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$each && break; done)

VENV := .venv/bin/python
VERB := exec $(VENV) -m dev
# On the Python that the functions run on: RUNTIME=3.12 chooses another one.
RELEASE := .venv-release/bin/python

.DEFAULT_GOAL := help
.PHONY: help sbom audit run demo idp receiver corpus providers gallery suites crowd assertions test quick local-test deploy-test planted check format guides openapi clients clients-test campaigns-test pages-test console-test console-size screenshots damage \
	package account alarms doctor rollback deploy access operator-key operator-keys revoke-operator-key destroy storm crowded events quiet-month replays kills simulate differential scale memory caches oracle slow domains budget bench costs performance peers repair \
	clean environment generators release engine emulator peer-servers python

help: ## list the verbs
	@awk -F ':.*## ' '/^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Try it

run: environment engine ## serve it on 127.0.0.1 with a demo (PORT=8000 LOCAL_DIR=.local FRESH=1 ENGINE=dynamodb-local)
	@$(VERB) run

demo: environment ## fill the running demo: 40 users, 6 groups, errors, a token about to end (LOCAL_DIR=.local)
	@$(VERB) demo

idp: environment ## send what Entra ID sends over a user's life to the running demo (LOCAL_DIR=.local)
	@$(VERB) idp

receiver: environment ## receive the running demo's events and print each (LOCAL_DIR=.local RECEIVER_PORT=8100)
	@$(VERB) receiver

corpus: environment ## send recorded requests of identity providers to the running demo (LOCAL_DIR=.local)
	@$(VERB) corpus

providers: environment ## play each client's requests on each provider's preset (LOCAL_DIR=.local ARGS='--only keycloak')
	@$(VERB) providers $(ARGS)

gallery: environment ## run the 25 tests of Microsoft's gallery on the running demo (LOCAL_DIR=.local)
	@$(VERB) gallery

suites: environment ## run scim2-tester and scim-sanity on the running demo (LOCAL_DIR=.local)
	@$(VERB) suites

crowd: environment ## send requests of sixteen clients at once to the running demo (LOCAL_DIR=.local)
	@$(VERB) crowd

## Check a change

quick: environment engine ## run the tests of scim, storage, auth and directory: less than a minute
	@$(VERB) quick $(ARGS)

test: environment engine ## run all tests but those of the verbs below (ARGS='-k tokens')
	@$(VERB) test $(ARGS)

local-test: environment engine ## of these, faults, races and kills on DynamoDB Local (needs Java 17 and npm)
	@$(VERB) local-test $(ARGS)

campaigns-test: environment engine ## small runs of the campaigns, and of `make run`, for some minutes
	@$(VERB) campaigns-test $(ARGS)

pages-test: environment engine ## run the commands of README and docs as a reader would
	@$(VERB) pages-test $(ARGS)

console-test: environment engine ## try the console in a browser (needs Chromium; ARGS='-k tokens')
	@$(VERB) console-test $(ARGS)

clients-test: environment engine generators ## generate clients from the OpenAPI document, use them on a server (needs npm)
	@$(VERB) clients-test $(ARGS)

screenshots: environment engine ## draw each screen of the console into docs/console (ARGS='--only users')
	@$(VERB) screenshots $(ARGS)

check: environment ## lint, format, types, templates
	@$(VERB) check

format: environment ## put the code into the form that `make check` wants
	@$(VERB) format

slow: environment ## search for requests that take long for their length (docs/performance.md; ARGS='--minutes 15')
	@$(VERB) slow $(ARGS)

oracle: environment ## compare filters, PATCH and validation with scim2-models on random cases (CASES=2000)
	@$(VERB) oracle $(CASES)

storm: environment ## many clients at once on DynamoDB Local (ARGS='--threads 64 --operations 10000 --seed 1')
	@$(VERB) storm $(ARGS)

contention: environment engine ## many writers of one group, before and after (docs/resilience.md; ARGS='--seconds 60')
	@$(VERB) contention $(ARGS)

crowded: environment ## one noisy connection beside ten quiet ones, on a virtual clock (ARGS='--minutes 10 --seconds 60')
	@$(VERB) crowded $(ARGS)

events: environment ## push 100,000 changes to receivers that fail and die (docs/events.md; ARGS='--changes 10000 --in-memory')
	@$(VERB) events $(ARGS)

quiet-month: environment ## a month in which nothing is amiss, in virtual time: no alert (ARGS='--organisations 100')
	@$(VERB) quiet-month $(ARGS)

replays: environment ## read the feed after a contention by five page sizes (ARGS='--runs 100 --seed 1')
	@$(VERB) replays $(ARGS)

kills: environment ## kill -9 during large changes on DynamoDB Local (ARGS='--count 20 --seed 1')
	@$(VERB) kills $(ARGS)

damage: environment ## damage tables at random and repair them (ARGS='--tables 100 --seed 1')
	@$(VERB) damage $(ARGS)

simulate: environment ## our code in virtual time, with faults, kills and stalls of a seed (SEEDS=1-20, ARGS=--log)
	@$(VERB) simulate $(SEEDS) $(ARGS)

differential: environment ## compare the simulated table with DynamoDB Local (ARGS='--sequences 2000 --seed 1')
	@$(VERB) differential $(ARGS)

assertions: environment ## send 110 assertions to the running demo, then try 100,000 mutations of valid ones (ARGS='--count 1000')
	@$(VERB) assertions $(ARGS)

planted: environment engine ## plant bugs (36 at present), one at a time: the tests must find each (ARGS='--only NAME')
	@$(VERB) planted $(ARGS)

guides: environment ## write docs/guides/ from what the console shows, after a change of it
	@$(VERB) guides

openapi: environment ## write the OpenAPI document that the app serves (chalicelib/api/admin/openapi.json)
	@$(VERB) openapi

clients: environment ## write it and the clients that are made of it: clients/python, clients/typescript (needs npm)
	@$(VERB) clients

domains: environment ## write the lists of public suffixes and mail providers anew (FROM=<folder of packages>)
	@$(VERB) domains

## Measure (where a page is named, ARGS=--write puts the table into it)

budget: environment ## calls and units of each operation (docs/storage.md), CPU and memory of each limit (docs/performance.md)
	@$(VERB) budget $(ARGS)

caches: environment engine ## memory of a server with 100 connections of the largest schemas (docs/performance.md)
	@$(VERB) caches $(ARGS)

scale: environment ## the same with 20,000 users in one group on DynamoDB Local (ARGS='--users 20000')
	@$(VERB) scale $(ARGS)

peers: environment engine peer-servers ## other SCIM servers under the same load (docs/performance.md; needs Java 17, npm; ARGS='--sizes 100')
	@$(VERB) peers $(ARGS)

memory: environment ## peak of each operation on 10,000 members of 40 KB (docs/performance.md; ARGS='--members 1200')
	@$(VERB) memory $(ARGS)

console-size: environment engine ## weight and requests of a first visit of the console (docs/console.md)
	@$(VERB) console-size $(ARGS)

bench: environment ## time of the SCIM engine (docs/performance.md)
	@$(VERB) bench $(ARGS)

performance: environment emulator ## size of the archive and cold start (docs/performance.md)
	@$(VERB) performance $(ARGS)

capacity: environment ## how much a connection, a group and all tenants take (docs/capacity.md)
	@$(VERB) capacity $(ARGS)

costs: environment ## what a deployment costs a month (docs/costs.md), and a user by their size (docs/storage.md)
	@$(VERB) costs $(ARGS)

## Deploy

sbom: environment ## write what the archive contains, as CycloneDX 1.6 (build/sbom.json)
	@$(VERB) sbom

audit: environment ## look for known vulnerabilities of what is packed, where osv.dev can be reached
	@$(VERB) audit

package: environment release ## build archive and CloudFormation template into build/ and check them (STAGE=dev)
	@$(RELEASE) -m dev package $(STAGE)
	@$(VERB) lint-template

alarms: environment ## list the alarms of a deployment (docs/operate.md; ARGS=--write)
	@$(VERB) alarms $(ARGS)

account: environment ## set up an AWS account once for its region; make deploy does it too
	@$(VERB) account

deploy: release ## create or update a stage in an AWS account (STAGE=dev)
	@exec $(RELEASE) -m dev deploy $(STAGE)

doctor: environment ## look at what a stage needs: quotas, settings, events, alarms, certificate (STAGE=dev)
	@$(VERB) doctor $(STAGE)

rollback: environment ## put back the release of a stage that ran before (STAGE=dev)
	@$(VERB) rollback $(STAGE)

access: environment ## print URL and operator key of a deployed stage, for a shell (STAGE=dev)
	@$(VERB) access $(STAGE)

operator-key: environment ## make an operator key (STAGE=dev NAME=billing SCOPES=sign-in,changes; STAGE=local for make run)
	@$(VERB) operator-key create $(STAGE)

operator-keys: environment ## list the operator keys (STAGE=dev)
	@$(VERB) operator-key list $(STAGE)

revoke-operator-key: environment ## reject an operator key from now on (STAGE=dev ID=...)
	@$(VERB) operator-key revoke $(STAGE)

repair: environment ## check the table of a stage, and with APPLY=yes repair it (docs/resilience.md; STAGE=dev)
	@$(VERB) repair $(STAGE)

destroy: environment ## remove a stage from it; with DATA=delete its data too (STAGE=dev)
	@$(VERB) destroy $(STAGE)

deploy-test: environment emulator ## test deployment, permissions and the archive on an emulator of AWS
	@$(VERB) deploy-test $(ARGS)

## Tidy up

clean: ## remove the environments and everything that was built; keeps LOCAL_DIR
	rm -rf .venv .venv-engine .venv-emulator .venv-lambda .venv-release .venv-peers .venv-generators build .chalice/deployments .mypy_cache .pytest_cache .ruff_cache

environment: python
	@$(FOUND) dev/run/environment.py app

generators: environment
	@$(FOUND) dev/run/environment.py generators

release: environment
	@$(FOUND) dev/run/environment.py release

peer-servers: environment
	@$(FOUND) dev/run/environment.py peers

engine: python
	@$(FOUND) dev/run/environment.py engine

# By the app's own Python: both run what that has built.
emulator: environment
	@$(VENV) dev/run/environment.py emulator lambda

python:
	@test -n '$(FOUND)' || { echo 'Python 3.11 or newer is needed and was not found as' \
		'python3 or python3.x. Install it, or name it: make PYTHON=/path/to/python3.12 ...' \
		>&2; exit 1; }
