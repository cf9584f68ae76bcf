"""The example for Terraform, as far as it can be checked without it: its JSON and its names.

tests/deploy/test_template.py compares its parameters and outputs with the packaged template.
"""

from __future__ import annotations

import json
import re

from tests.test_docs import ROOT

TEXT = (ROOT / "examples" / "terraform" / "main.tf.json").read_text(encoding="utf-8")
EXAMPLE = json.loads(TEXT)
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_every_name_that_it_uses_is_declared():
    """Variables and resources; and no variable is declared for nothing."""
    variables = {*re.findall(r"var\.(\w+)", TEXT)}
    resources = {*re.findall(r"\b(aws_\w+)\.(\w+)\.", TEXT)}
    declared = {(kind, name) for kind, named in EXAMPLE["resource"].items() for name in named}

    assert variables == EXAMPLE["variable"].keys()
    assert resources <= declared


def test_the_stack_is_made_as_the_page_makes_it():
    """The same name, and the capabilities that the template needs."""
    stack = EXAMPLE["resource"]["aws_cloudformation_stack"]["passerelle"]
    (capabilities,) = {*re.findall(r"--capabilities ([A-Z_ ]+)", PAGE)}

    assert stack["capabilities"] == capabilities.split()
    assert stack["name"].replace("${var.stage}", "dev") in PAGE


def test_the_stack_is_not_destroyed_by_mistake():
    """The table would be retained, and everybody's URL gone."""
    assert EXAMPLE["resource"]["aws_cloudformation_stack"]["passerelle"]["lifecycle"] == {
        "prevent_destroy": True
    }
