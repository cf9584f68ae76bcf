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
costs.py       make costs; performance.py is make performance
environment.py the virtual environments, made by an interpreter that has nothing installed yet
"""
