"""The bill of materials, and the hashes of what is packed."""

from __future__ import annotations

import json
from importlib.resources import files

from jsonschema_rs import Draft7Validator, Registry

from dev.release import sbom
from tests.test_architecture import pinned


def schema(name):
    """Read a schema of CycloneDX, as its library packs it."""
    packed = files("cyclonedx.schema._res") / f"{name}.SNAPSHOT.schema.json"
    return json.loads(packed.read_text(encoding="utf-8"))


def test_every_package_that_is_packed_has_hashes():
    """Of the same version as in requirements.txt: SHA-256 of each file of the registry."""
    lines = (sbom.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packed = {tuple(line.split("==")) for line in lines if "==" in line}

    assert sbom.pins().keys() == packed
    assert [pin for pin, hashes in sbom.pins().items() if not hashes] == []


def test_the_bill_names_everything_that_is_packed():
    """With a package URL, a version and a licence of each, in the form of CycloneDX 1.6."""
    document = sbom.document()
    components = document["components"]

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert {each["name"] for each in components} == pinned("requirements.txt") | {"chalice", "htm"}
    assert [c["name"] for c in components if c["licenses"][0]["license"]["name"] == "unknown"] == []


def test_the_bill_is_valid_by_the_schema_of_cyclonedx():
    """Tools that read such bills check it first."""
    others = ("spdx", "jsf-0.82")
    at = "http://cyclonedx.org/schema/{}.SNAPSHOT.schema.json"
    registry = Registry([(at.format(name), schema(name)) for name in others])
    validator = Draft7Validator(schema("bom-1.6"), registry=registry)

    assert [str(error) for error in validator.iter_errors(sbom.document())] == []
    assert not validator.is_valid(sbom.document() | {"components": [{"name": "boto3"}]})


def test_what_is_vendored_has_the_version_that_is_pinned():
    """Chalice's two files are those of the version that deploys."""
    lines = (sbom.ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    notice = (sbom.ROOT / "NOTICE").read_text(encoding="utf-8")
    versions = {name: version for _, name, version, _ in sbom.VENDORED}

    assert f"chalice=={versions['chalice']}" in lines
    assert versions["htm"] in notice


def test_two_runs_describe_the_same():
    """So that two bills differ where two archives do."""
    assert sbom.document() == sbom.document()
