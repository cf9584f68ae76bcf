"""What CloudFormation makes of a template of SAM: template in on stdin, resources out on stdout.

Executed by the interpreter of .venv-emulator, which has AWS's own translator.
"""

from __future__ import annotations

import json
import sys

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def main() -> None:
    """Translate one template; its parameters have their defaults."""
    template = json.load(sys.stdin)
    for each in template["Resources"].values():
        if "CodeUri" in each["Properties"]:
            each["Properties"]["CodeUri"] = "s3://bucket/deployment.zip"
    parameters = {name: each["Default"] for name, each in template["Parameters"].items()}
    json.dump(Translator({}, Parser()).translate(template, parameters), sys.stdout)


if __name__ == "__main__":
    main()
