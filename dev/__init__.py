"""The verbs of the Makefile and what they share; never shipped.

__main__.py     starts every verb and ends it: `python -m dev VERB`
errors.py       what ends a verb with one sentence; progress.py shows how far a verb has come

run/            this machine
  environment.py     the virtual environments, made by an interpreter that has nothing installed yet
  serve.py           make run: engine, table, secret, demo organisation and the app in one process
  engines.py         the emulator of AWS behind `make run`; engine_process.py is its process
  dynamodb_local.py  Amazon DynamoDB Local, fetched once
  resources.py       creates what .chalice/resources.json defines, through boto3
  gateway.py         what API Gateway does between HTTP and the app
  listener.py        the WSGI server, which keeps the headers as they were sent
  fake_issuer.py     signs assertions in the place of Microsoft Entra ID
  demo.py            the demo organisation, created through the admin API
play/           requests to a running server
  idp.py             make idp: an identity provider's cycle
  corpus.py          make corpus: recorded requests (corpus_files.py loads and plays them)
  providers.py       make providers: each client of the corpus on each provider's preset
  gallery.py         make gallery: the 25 tests of Microsoft's validation for its app gallery
  suites.py          make suites: scim2-tester and scim-sanity
  crowd.py           make crowd: sixteen clients at once
measure/        what it costs
  budget.py          make budget: calls and units of each operation (operations.py), counted by
                     meter.py on a directory in memory (scene.py); CPU and memory of each limit
                     (shares.py)
  scale.py           make scale: the same on DynamoDB Local (reference.py) with many users
                     (population.py)
  bench.py           make bench: time of the SCIM engine
  costs.py           make costs: dollars per month, also of pushed events (push_costs.py)
  performance.py     make performance: size of the archive and cold start
  pages.py           puts a computed table into a page of docs/
release/        AWS
  package.py         make package: archive and template (template.py, versions.py, bytecode.py),
                     checked
  openapi.py         make openapi: writes the OpenAPI document that the app serves, with the texts
                     and examples of openapi_texts.py
  client_packages.py make clients: writes the parts of both clients that are made of the document
                     (python_client.py)
  deploy.py          make deploy, access.py, destroy.py: a stage (stages.py) in an account
                     (account.py), with its own roles (roles.py), gateway responses and logs
                     (front.py), which records of the stream are events (event_source.py), built
                     from a copy (source.py), tested (smoke.py)
  account_setup.py   make account: what an account needs once for each region
  alarms.py          make alarms: the alarms and the dashboard of a stage
  releases.py        make rollback: versions of what has worked
  doctor.py          make doctor: what is wrong with a deployed stage
  sbom.py            make sbom: what the archive contains; audit.py: what is known against it

make storm, kills, oracle and planted are in tests/campaigns.
"""
