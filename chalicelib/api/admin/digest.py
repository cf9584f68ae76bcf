"""The handler of the digest: whether what the SaaS stores equals the directory, and where not."""

from __future__ import annotations

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Digest, DigestBucket, DigestOfType, Ok
from chalicelib.organisations import digest
from chalicelib.organisations.digest import DigestedObject, DigestPage, ObjectType


def get_digest(request: AdminRequest) -> Ok[Digest | DigestBucket]:
    """GET .../connections/{connection}/digest; `?bucket=` lists the objects of one."""
    admin, query = request.admin_context(), request.http.query
    bucket = query.get("bucket")
    if bucket is not None:
        return Ok(_bucket(digest.list_bucket(admin, request.connection, bucket)))
    found = digest.read_digest(admin, request.connection, query.get("after", "00"))
    document: Digest = {
        "users": _of_type(found, "users"),
        "groups": _of_type(found, "groups"),
        "memberships": _of_type(found, "memberships"),
        "next": found.next_bucket,
    }
    return Ok(document)


def _of_type(found: DigestPage, object_type: ObjectType) -> DigestOfType:
    return {
        "count": found.counts[object_type],
        "buckets": list(found.buckets[object_type]),
    }


def _bucket(objects: list[DigestedObject]) -> DigestBucket:
    bucket: DigestBucket = {"users": [], "groups": [], "memberships": []}
    for each in objects:
        if each.object_type == "users":
            bucket["users"].append({"id": each.id, "version": each.version, "active": each.active})
        elif each.object_type == "groups":
            bucket["groups"].append({"id": each.id, "version": each.version})
        else:
            bucket["memberships"].append({"team": each.id, "user": each.user})
    return bucket
