"""Which items a SCIM request will read first, as its path and filter say.

They come with those of authentication, in one call, where that saves one. Nothing is validated
here: what is not plain is left to the handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from chalicelib.api.edge import Request
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.errors import BadRequest
from chalicelib.storage.keys import ConnectionKeys, Key, is_id

# A filter of one name as providers send it, without escapes and no longer than names usually are.
BY_NAME = re.compile(r'(?P<attribute>\w{1,20}) eq "(?P<name>[^"\\]{1,100})"', re.IGNORECASE)

KeyOf = Callable[[ConnectionKeys, str], Key]

# A change of members reads no group. A user's delete reads their groups in any case, and the user
# with them.
BY_ID: Mapping[tuple[str, str], KeyOf] = {
    ("GET", "/users/{id}"): ConnectionKeys.user,
    ("PUT", "/users/{id}"): ConnectionKeys.user,
    ("PATCH", "/users/{id}"): ConnectionKeys.user,
    ("GET", "/groups/{id}"): ConnectionKeys.group,
    ("PUT", "/groups/{id}"): ConnectionKeys.group,
    ("DELETE", "/groups/{id}"): ConnectionKeys.group,
    ("GET", "/groups/{id}/members"): ConnectionKeys.group,
}
BY_FILTER: Mapping[tuple[str, str, str], KeyOf] = {
    ("GET", "/users", "username"): ConnectionKeys.user_name,
    ("GET", "/groups", "displayname"): ConnectionKeys.group_name,
}


def items_ahead(keys: ConnectionKeys, request: Request) -> tuple[Key, ...]:
    """Return the keys of what a request will read first; none where they are not known."""
    method = "GET" if request.method == "HEAD" else request.method
    path = request.route.removeprefix(ROOT).lower()
    by_id, resource_id = BY_ID.get((method, path)), request.path.get("id", "")
    if by_id and is_id(resource_id):
        return (by_id(keys, resource_id),)
    try:
        found = BY_NAME.fullmatch(request.query.get("filter", ""))
    except BadRequest:  # a query that can be read in two ways is rejected, and logged, later
        return ()
    by_filter = found and BY_FILTER.get((method, path, found["attribute"].lower()))
    return (by_filter(keys, found["name"]),) if found and by_filter else ()
