"""The verbs of the Makefile and what they share; never shipped.

serve.py       make run: engine, table, secret, demo organisation and the app under one roof
engines.py     the emulator of AWS that `make run` stands on; engine_process.py is its process
resources.py   .chalice/resources.json made real through boto3
gateway.py     what API Gateway does between HTTP and the app
listener.py    the WSGI server that keeps a request as it was sent
demo.py        the demo organisation, made through the admin routes
idp.py         make idp: an identity provider's cycle on the running demo
package.py     make package: archive and template, checked for what they hold
template.py    what is merged into the template; bytecode.py is for the archive
deploy.py      make deploy, access.py, destroy.py: a stage in an AWS account (account.py), its
               settings checked (stages.py), what stands in front of it (front.py), tried (smoke.py)
costs.py       make costs; performance.py is make performance; both put what they compute into the
               page that tells it (pages.py), as make budget and make bench do
storm.py       make storm: many callers at once, judged by history.py; conflicts.py lets them meet
kills.py       make kills; scale.py is make scale; both on the many users of population.py
invariants.py  what must hold of a whole table, for those trials and for the tests
dynamodb_local.py  Amazon's own engine, fetched once; reference.py keeps a table on it
environment.py the virtual environments, made by an interpreter that has nothing installed yet
"""
