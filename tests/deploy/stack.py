"""The stack of stage dev, made and deleted as docs/deploy.md says, with the deployer's rights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.deploy.cloud import Cloud

STACK = "passerelle-dev"
CHANGES = {"StackName": STACK, "ChangeSetName": "deploy"}
PATIENCE = {"Delay": 1, "MaxAttempts": 60}


def upload(cloud: Cloud, built: Path) -> str:
    """Upload archive and template, as `aws cloudformation package` does; gives the URL."""
    template = json.loads((built / "sam.json").read_text(encoding="utf-8"))
    storage = cloud.client("s3")
    storage.create_bucket(Bucket="artefacts")
    storage.upload_file(str(built / "deployment.zip"), "artefacts", "deployment.zip")
    for each in template["Resources"].values():
        if "CodeUri" in each["Properties"]:
            each["Properties"]["CodeUri"] = "s3://artefacts/deployment.zip"
    storage.put_object(Bucket="artefacts", Key="template", Body=json.dumps(template).encode())
    return f"{cloud.url}/artefacts/template"


def create(cloud: Cloud, template: str) -> None:
    """Create the stack as `aws cloudformation deploy` does, and wait for the end of it."""
    clouds = cloud.client_of_engineer("cloudformation")
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    clouds.create_change_set(
        **CHANGES, ChangeSetType="CREATE", TemplateURL=template, Capabilities=capabilities
    )
    clouds.get_waiter("change_set_create_complete").wait(**CHANGES, WaiterConfig=PATIENCE)
    clouds.execute_change_set(**CHANGES)
    clouds.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig=PATIENCE)


def delete(cloud: Cloud) -> None:
    """Delete the stack."""
    clouds = cloud.client_of_engineer("cloudformation")
    clouds.delete_stack(StackName=STACK)
    clouds.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig=PATIENCE)


def describe(cloud: Cloud) -> Any:
    """Describe the stack."""
    return cloud.client_of_engineer("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]


def events(cloud: Cloud) -> list[str]:
    """Return why something of the stack has failed."""
    clouds = cloud.client_of_engineer("cloudformation")
    found = clouds.describe_stack_events(StackName=STACK)["StackEvents"]
    return [each["ResourceStatusReason"] for each in found if each.get("ResourceStatusReason")]
