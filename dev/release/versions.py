"""The published versions of the template's functions, and what leads to them.

The API and the event sources invoke an alias, so a deployment changes them at once, when its code
is there; with SnapStart Lambda has made the snapshot by then. A version that no template has any
more is deleted: its snapshot would be paid for. A rollback publishes it again, from its archive.

SAM makes version and alias where it makes the event source too. It names a version by archive,
environment and memory size, but not by the value of a parameter: with another `SnapStart` and the
same archive it would publish none. So those of the API's function are made here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dev.release.releases import SETTINGS

HANDLER = "APIHandler"  # Chalice's name of the function in the template
ALIAS = "live"
OF_EVENTS = {"AutoPublishAlias": ALIAS, "VersionDeletionPolicy": "Delete"}

PARAMETER = {
    "SnapStart": {
        "Type": "String",
        "AllowedValues": ["off", "on"],
        "Default": "off",
        "Description": "Whether the API's function starts from a snapshot; AWS charges for it.",
    }
}
ON, OFF = "SnapStartOn", "SnapStartOff"
CONDITIONS = {
    ON: {"Fn::Equals": [{"Ref": "SnapStart"}, "on"]},
    OFF: {"Fn::Equals": [{"Ref": "SnapStart"}, "off"]},
}
# Of the API alone: nobody waits for the start of the others.
SNAP_START = {"ApplyOn": {"Fn::If": [ON, "PublishedVersions", "None"]}}
# cfn-lint looks for SAM's version alone.
NOT_LINTED = {"cfn-lint": {"config": {"ignore_checks": ["W2530"]}}}


def alias_of(function: str) -> str:
    """Return the name of a function's alias in the template, as SAM makes it."""
    return f"{function}Alias{ALIAS}"


def of_api() -> Mapping[str, Any]:
    """Define the alias of the API's function, what may invoke it, and a version for each value."""
    function, version = {"Ref": HANDLER}, f"{HANDLER}Version"
    made = {
        f"{version}{condition}": {
            "Type": "AWS::Lambda::Version",
            "Condition": condition,
            "Properties": {"FunctionName": function},
        }
        for condition in CONDITIONS
    }
    found = [{"Fn::GetAtt": [f"{version}{condition}", "Version"]} for condition in CONDITIONS]
    alias = {"Name": ALIAS, "FunctionName": function, "FunctionVersion": {"Fn::If": [ON, *found]}}
    return {
        **made,
        alias_of(HANDLER): {"Type": "AWS::Lambda::Alias", "Properties": alias},
        f"{HANDLER}InvokePermission": {
            "Properties": {"FunctionName": {"Ref": alias_of(HANDLER)}},
        },
    }


def complete(template: str, archive: bytes) -> str:
    """Let the API invoke the alias, and name its version by what is in it.

    Chalice writes the function itself into each integration. CloudFormation publishes a version
    where the template has a name that it did not have before.
    """
    function = json.loads(template)["Resources"][HANDLER]["Properties"]
    settings = json.dumps({name: function.get(name) for name in SETTINGS}, sort_keys=True)
    digest = hashlib.sha256(archive + settings.encode()).hexdigest()[:10]
    return template.replace(
        f"${{{HANDLER}.Arn}}/invocations", f"${{{alias_of(HANDLER)}}}/invocations"
    ).replace(f"{HANDLER}VersionSnap", f"{HANDLER}Version{digest}Snap")
