"""Lambda's side of an invocation: events in on stdin, responses out on stdout, one per line.

Executed by an interpreter that has boto3 and nothing else, in the folder that an archive was
unpacked into. The first line out tells where the app came from.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time


class Context:
    """What Lambda tells a function about its invocation."""

    function_name = "passerelle-dev"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:passerelle-dev"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Tell how long the function may still run."""
        return 28_000


def serve() -> None:
    """Respond to events until there are no more."""
    responses, sys.stdout = sys.stdout, sys.stderr
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as Lambda does it
    began = time.perf_counter()
    module = importlib.import_module("app")
    took = time.perf_counter() - began
    print(json.dumps({"file": module.__file__, "seconds": took}), file=responses, flush=True)
    for line in sys.stdin:
        print(json.dumps(module.app(json.loads(line), Context())), file=responses, flush=True)


if __name__ == "__main__":
    serve()
